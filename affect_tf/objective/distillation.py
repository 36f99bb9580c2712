"""Distillation losses: what a row costs, measured against the teacher's soft labels.

A distilled loss is any callable `(soft_logits, logits, weight) -> float32 [B]`, on the
terms of the supervised ones (see `losses`). `soft_logits` are the teacher's linear
outputs; no gradient reaches them.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar
from typing import Protocol

import tensorflow as tf

from affect_tf.labels.taxonomy import closest
from affect_tf.objective import checks
from affect_tf.objective.checks import check_positive
from affect_tf.objective.concordance import batch_concordance
from affect_tf.objective.losses import split_bins
from affect_tf.objective.losses import sum_labels
from affect_tf.objective.losses import weigh_rows

#: How far the student is from the teacher: CE(t, s), or KL(t, s) = CE(t, s) - CE(t, t).
DIVERGENCES = ("cross_entropy", "kl")


class DistilledLoss(Protocol):
    """The signature of a distilled loss; see the module's docstring."""

    def __call__(
        self, soft_logits: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B]."""


@dataclasses.dataclass(frozen=True)
class _Softened:
    """Fields and checks shared by the losses on softened probabilities."""

    temperature: float = 1.5
    divergence: str = "cross_entropy"
    scale_by_t2: bool = False

    def __post_init__(self) -> None:
        """Checks the values."""
        owner = type(self).__name__
        check_positive(owner, "temperature", self.temperature)
        if self.divergence not in DIVERGENCES:
            raise ValueError(
                f"{owner}.divergence must be a known one. "
                f"Received: divergence={self.divergence!r}. "
                f"{closest(str(self.divergence), DIVERGENCES)}"
            )

    def _soften(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.cast(logits, tf.float32) / self.temperature

    def _scale(self, loss: tf.Tensor) -> tf.Tensor:
        return loss * self.temperature**2 if self.scale_by_t2 else loss

    def _softmax_divergence(self, soft: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the divergence over the last axis, of logits that are softened."""
        log_soft = tf.nn.log_softmax(tf.stop_gradient(soft))
        log_scores = tf.nn.log_softmax(logits)
        if self.divergence == "kl":
            log_scores -= log_soft
        return self._scale(-tf.reduce_sum(tf.exp(log_soft) * log_scores, axis=-1))


@dataclasses.dataclass(frozen=True)
class SoftmaxDistillation(_Softened):
    """Divergence of the student's softened classes from the teacher's.

    CE(softmax(t / T), softmax(s / T)). Called with soft_logits and logits [B, C] and
    weight [B].

    Attributes:
      temperature: T > 0, of teacher and student alike.
      divergence: "cross_entropy" (Deng) or "kl" (Vu). The gradients are equal; the
        value of "kl" is 0 where student and teacher agree.
      scale_by_t2: Whether to multiply by T^2, which keeps the size of the gradient
        when T changes. In neither paper; Vu's released code does it.

    Source: Deng et al. 2020, Eq. 11; Vu et al. 2021, Eq. 4. Jeong et al. 2022, Eq. 9
    prints the student first; the teacher is the target there too, since the other
    order asks for all mass on the teacher's favourite.
    """

    kind: ClassVar[str] = checks.CLASSES

    def __call__(
        self, soft_logits: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        loss = self._softmax_divergence(self._soften(soft_logits), self._soften(logits))
        return weigh_rows(loss, weight)


@dataclasses.dataclass(frozen=True)
class BinnedDistillation(_Softened):
    """Sum over valence and arousal of the divergence between their softened bins.

    Called with soft_logits and logits [B, 2K], the K of valence first, and weight [B].
    Attributes as for `SoftmaxDistillation`.

    Source: Deng et al. 2020, Eq. 12; Vu et al. 2021, Eq. 5.
    """

    kind: ClassVar[str] = checks.BINS

    def __call__(
        self, soft_logits: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        soft, logits = split_bins(soft_logits), split_bins(logits)
        loss = self._softmax_divergence(self._soften(soft), self._soften(logits))
        return sum_labels(loss, weight)


@dataclasses.dataclass(frozen=True)
class SigmoidDistillation(_Softened):
    """Sum over U labels of the divergence between student's and teacher's sigmoids.

    BCE(sigmoid(t / T), sigmoid(s / T)). Called with soft_logits and logits [B, U] and
    weight [B] or [B, U]. Attributes as for `SoftmaxDistillation`, except that the
    temperature is 1 unless given: the papers soften classes only.

    Source: Deng et al. 2020, Eq. 10.
    """

    kind: ClassVar[str] = checks.UNITS
    temperature: float = 1.0

    def __call__(
        self, soft_logits: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        soft = tf.stop_gradient(self._soften(soft_logits))
        loss = self._cross_entropy(soft, self._soften(logits))
        if self.divergence == "kl":
            loss -= self._cross_entropy(soft, soft)
        return sum_labels(self._scale(loss), weight)

    @staticmethod
    def _cross_entropy(soft: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.sigmoid(soft), logits=logits
        )


@dataclasses.dataclass(frozen=True)
class ConcordanceDistillation:
    """Sum over valence and arousal of 1 - CCC(tanh(t), tanh(s)).

    Called with soft_logits and logits [B, 2] and weight [B].

    Source: Jeong et al. 2022, Eq. 8, summed over the two dimensions.
    """

    kind: ClassVar[str] = checks.VALUES

    def __call__(
        self, soft_logits: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], in [0, 4] times the weight."""
        soft = tf.stop_gradient(tf.tanh(tf.cast(soft_logits, tf.float32)))
        predictions = tf.tanh(tf.cast(logits, tf.float32))
        distance = 1.0 - batch_concordance(soft, predictions, weight)
        return tf.reduce_sum(distance) * tf.cast(weight, tf.float32)
