"""Supervised losses: what a row costs, measured against its labels.

A supervised loss is any callable `(labels, logits, weight) -> float32 [B]`. It gives
one number a row, summed over the label axis, times the row's weight; reducing over
rows is the objective's work. `weight` is the non-negative coefficient of each row,
[B], or of each label, [B, U], where labels can be missing one by one; 0 means that
the row or label is not there. Labels and logits must be finite even where the weight
is 0 (the objective sees to that); there they change nothing, in value or gradient.

A loss may say by `kind` which outputs it reads (one of `checks.KINDS`); a task refuses
one that reads others. A loss without a `kind` is taken by every task.

Everything is computed in float32, whatever the dtype of the logits.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar
from typing import Protocol

import tensorflow as tf

from affect_tf.labels import va_bins
from affect_tf.objective import checks
from affect_tf.objective.checks import check_not_negative
from affect_tf.objective.checks import check_positive
from affect_tf.objective.concordance import batch_concordance


class SupervisedLoss(Protocol):
    """The signature of a supervised loss; see the module's docstring."""

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B]."""


@dataclasses.dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Cross entropy of one class out of C, -log softmax(z)_y.

    Called with labels int [B] in [0, C-1], logits [B, C] and weight [B].

    Attributes:
      label_smoothing: Share of the target spread evenly over all classes, in [0, 1).
      log_prior: Logarithm of each class's share of the training rows, in class order,
        or None. Its `tau`-fold is added to the logits before the softmax, so that the
        model itself learns to score classes as if they were equally frequent.
      tau: How much of the prior is taken out; 1 is the balanced-error optimum.

    Source: Deng et al. 2020, Eq. 5. The prior: Menon et al. 2021, "Long-tail learning
    via logit adjustment", Eq. 10.
    """

    kind: ClassVar[str] = checks.CLASSES
    label_smoothing: float = 0.0
    log_prior: tuple[float, ...] | None = None
    tau: float = 1.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(
                "SoftmaxCrossEntropy.label_smoothing must lie in [0, 1). "
                f"Received: label_smoothing={self.label_smoothing}. Use 0 for none."
            )
        if self.log_prior is not None and not all(map(math.isfinite, self.log_prior)):
            raise ValueError(
                "SoftmaxCrossEntropy.log_prior must be finite. "
                f"Received: log_prior={self.log_prior}. "
                "Give a class that never occurs a small share instead of zero."
            )

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        logits = tf.cast(logits, tf.float32)
        if self.log_prior is not None:
            logits += self.tau * tf.constant(self.log_prior, tf.float32)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        if self.label_smoothing:
            even = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
            loss += self.label_smoothing * (even - loss)
        return weigh_rows(loss, weight)


@dataclasses.dataclass(frozen=True)
class SigmoidCrossEntropy:
    """Binary cross entropy of U independent labels, SUMMED over them.

    Called with labels [B, U] in [0, 1], logits [B, U] and weight [B] or [B, U].

    Source: Deng et al. 2020, Eq. 2 and 4. The released code takes the mean over the
    units, times 8 for the teacher and times nothing for the student.
    """

    kind: ClassVar[str] = checks.UNITS

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        loss = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(labels, tf.float32), logits=tf.cast(logits, tf.float32)
        )
        return sum_labels(loss, weight)


@dataclasses.dataclass(frozen=True)
class SoftmaxFocal:
    """Focal loss of one class out of C, -alpha (1 - p_y)^gamma log p_y.

    Called with labels int [B] in [0, C-1], logits [B, C] with C >= 2, and weight [B].
    Computed in log space: the loss and its gradient are exact for rows that are wrong
    by any margin, where a loss on clipped probabilities has no gradient at all.

    Attributes:
      gamma: How fast easy rows fade, >= 0; 0 is the cross entropy.
      alpha: Constant factor, > 0.

    Source: Lin et al. 2017; Thinh et al. 2021, who name neither constant. Their code
    has gamma 2 and alpha 1, the defaults here.
    """

    kind: ClassVar[str] = checks.CLASSES
    gamma: float = 2.0
    alpha: float = 1.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_not_negative("SoftmaxFocal", "gamma", self.gamma)
        check_positive("SoftmaxFocal", "alpha", self.alpha)

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        logits = tf.cast(logits, tf.float32)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        log_scores = tf.nn.log_softmax(logits)
        is_label = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
        # The lowest number takes the label's own class out of the sum.
        others = tf.where(is_label, log_scores.dtype.min, log_scores)
        log_miss = tf.reduce_logsumexp(others, axis=1)
        return weigh_rows(self.alpha * tf.exp(self.gamma * log_miss) * loss, weight)


@dataclasses.dataclass(frozen=True)
class SigmoidFocal:
    """Focal loss of U independent labels, summed over them.

    Per label -[y (1-p)^gamma log p + (1-y) p^gamma log(1-p)] with p = sigmoid(z), in
    log space. Called with labels [B, U] in [0, 1] (soft ones too), logits [B, U] and
    weight [B] or [B, U].

    Attributes:
      gamma: How fast easy labels fade, >= 0; 0 is the binary cross entropy.

    Source: Lin et al. 2017, without the class weight alpha.
    """

    kind: ClassVar[str] = checks.UNITS
    gamma: float = 2.0

    def __post_init__(self) -> None:
        """Checks the range."""
        check_not_negative("SigmoidFocal", "gamma", self.gamma)

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        labels = tf.cast(labels, tf.float32)
        logits = tf.cast(logits, tf.float32)
        log_on = tf.math.log_sigmoid(logits)
        log_off = tf.math.log_sigmoid(-logits)
        missed = labels * tf.exp(self.gamma * log_off) * log_on
        alarmed = (1.0 - labels) * tf.exp(self.gamma * log_on) * log_off
        return sum_labels(-(missed + alarmed), weight)


@dataclasses.dataclass(frozen=True)
class BinnedConcordance:
    """Valence and arousal as classes: cross entropy over bins plus 1 - CCC.

    For each dimension CE(onehot(y), softmax(z)) + ccc_weight (1 - CCC(y, c.softmax(z)))
    with c the centres of the bins. Called with labels [B, 2] in [-1, 1], logits
    [B, 2K], the K of valence first, and weight [B]. The CCC is that of all rows of
    positive weight in the batch, and each of them carries it in full.

    Attributes:
      ccc_weight: Factor of the CCC part, >= 0.

    Source: Deng et al. 2020, Eq. 6-9. Eq. 9 gives each row (1 - CCC) / B, which
    `ccc_weight=1/B` reproduces with B the rows that have these labels; the default is
    the released code's balance, mean cross entropy plus 1 - CCC.
    """

    kind: ClassVar[str] = checks.BINS
    ccc_weight: float = 1.0

    def __post_init__(self) -> None:
        """Checks the range."""
        check_not_negative("BinnedConcordance", "ccc_weight", self.ccc_weight)

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], non-negative."""
        labels = tf.cast(labels, tf.float32)
        logits = split_bins(logits)
        bins = bin_index(labels, logits.shape[-1])
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(bins, logits)
        expected = expected_value(tf.nn.softmax(logits))
        distance = 1.0 - batch_concordance(labels, expected, weight)
        return sum_labels(loss + self.ccc_weight * distance, weight)


@dataclasses.dataclass(frozen=True)
class Concordance:
    """Sum over valence and arousal of 1 - CCC(y, tanh(z)).

    Called with labels [B, 2] in [-1, 1], logits [B, 2] and weight [B]. Every row of
    positive weight carries the batch's value, times its weight.

    Source: Jeong et al. 2022, Eq. 1-2, whose head ends in two tanh outputs (here the
    head is linear and the loss applies tanh). Their code averages the two dimensions;
    here, as in every loss, the label axis is summed.
    """

    kind: ClassVar[str] = checks.VALUES

    def __call__(
        self, labels: tf.Tensor, logits: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [B], in [0, 4] times the weight."""
        predictions = tf.tanh(tf.cast(logits, tf.float32))
        labels = tf.cast(labels, tf.float32)
        distance = 1.0 - batch_concordance(labels, predictions, weight)
        return tf.reduce_sum(distance) * tf.cast(weight, tf.float32)


def weigh_rows(loss: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Returns float32 [B]: a loss a row times its weight, both [B]."""
    return loss * tf.cast(weight, tf.float32)


def sum_labels(loss: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Returns float32 [B]: losses [B, U] times weights [B] or [B, U], summed over U."""
    weight = tf.cast(weight, tf.float32)
    if weight.shape.rank == 1:
        return tf.reduce_sum(loss, axis=1) * weight
    return tf.reduce_sum(loss * weight, axis=1)


def split_bins(logits: tf.Tensor) -> tf.Tensor:
    """Returns float32 [B, 2, K] of bin logits [B, 2K], valence first.

    Raises:
      ValueError: Unless the last axis is even and gives two or more bins.
    """
    columns = logits.shape[-1]
    if columns is None or columns % 2 or columns < 4:
        raise ValueError(
            "Bin logits must have 2K columns with K >= 2. "
            f"Received: shape={logits.shape}. Give ValenceArousal a num_bins."
        )
    return tf.reshape(tf.cast(logits, tf.float32), [-1, 2, columns // 2])


def bin_index(values: tf.Tensor, num_bins: int) -> tf.Tensor:
    """Returns int32, of the shape of `values`: the bin in [0, K-1] of each value.

    Counts the inner edges that a value reaches. The formula floor((v + 1) / 2 * K) on
    float32 values puts some that lie on an edge (-0.3 of 20 bins) one bin too low, and
    every value of AFEW-VA lies on an edge.
    """
    inner = tf.constant(va_bins.bin_edges(num_bins)[1:-1])
    reached = values[..., tf.newaxis] >= inner
    return tf.reduce_sum(tf.cast(reached, tf.int32), axis=-1)


def expected_value(scores: tf.Tensor) -> tf.Tensor:
    """Returns float32 [B, 2], the mean of bin probabilities [B, 2, K] (Deng Eq. 7)."""
    centres = va_bins.bin_centres(scores.shape[-1])
    return tf.linalg.matvec(scores, tf.constant(centres, tf.float32))
