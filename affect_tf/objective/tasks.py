"""The tasks: how many logits one has, what it costs and how it is read.

A task is any object with the attributes of `Task`; these three are the stock ones,
with the losses of Deng et al. 2020. A paper replaces the losses, not the task.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar
from typing import Protocol

import tensorflow as tf

from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.objective import checks
from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import DistilledLoss
from affect_tf.objective.distillation import SigmoidDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import BinnedConcordance
from affect_tf.objective.losses import expected_value
from affect_tf.objective.losses import SigmoidCrossEntropy
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import split_bins
from affect_tf.objective.losses import SupervisedLoss


class Task(Protocol):
    """What the objective, the models and the evaluation ask of a task.

    Attributes:
      name: Key of the task in every dictionary of logits, labels, masks and scores.
      supervised: The loss against labels.
      distilled: The loss against a teacher's logits, or None where there is none.
    """

    name: str
    supervised: SupervisedLoss
    distilled: DistilledLoss | None

    def num_logits(self, taxonomy: Taxonomy) -> int:
        """Returns the number of linear outputs that the task's head needs."""

    def decode(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32 scores of logits: what is reported, and averaged."""


@dataclasses.dataclass(frozen=True)
class Expression:
    """One expression out of C. Labels int32 [B], masks [B], logits [B, C]."""

    name: ClassVar[str] = "expr"
    supervised: SupervisedLoss = SoftmaxCrossEntropy()
    distilled: DistilledLoss | None = SoftmaxDistillation()

    def __post_init__(self) -> None:
        """Checks that the losses are of classes."""
        checks.check_kinds(self, checks.CLASSES)

    def num_logits(self, taxonomy: Taxonomy) -> int:
        """Returns C, the number of expressions."""
        _check_described(self.name, taxonomy)
        return len(taxonomy.expressions)

    def decode(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32 [B, C], the probability of each expression."""
        return tf.nn.softmax(tf.cast(logits, tf.float32))


@dataclasses.dataclass(frozen=True)
class ActionUnits:
    """U action units, each there or not. Labels, masks and logits [B, U]."""

    name: ClassVar[str] = "au"
    supervised: SupervisedLoss = SigmoidCrossEntropy()
    distilled: DistilledLoss | None = SigmoidDistillation()

    def __post_init__(self) -> None:
        """Checks that the losses are of units."""
        checks.check_kinds(self, checks.UNITS)

    def num_logits(self, taxonomy: Taxonomy) -> int:
        """Returns U, the number of action units."""
        _check_described(self.name, taxonomy)
        return len(taxonomy.action_units)

    def decode(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32 [B, U], the probability of each unit."""
        return tf.sigmoid(tf.cast(logits, tf.float32))


@dataclasses.dataclass(frozen=True)
class ValenceArousal:
    """Valence and arousal in [-1, 1]. Labels [B, 2], masks [B], logits [B, 2K].

    Attributes:
      num_bins: K, the bins of each dimension; None for two plain outputs, which are
        decoded with tanh and want `Concordance` and `ConcordanceDistillation`.
    """

    name: ClassVar[str] = "va"
    num_bins: int | None = 20
    supervised: SupervisedLoss = BinnedConcordance()
    distilled: DistilledLoss | None = BinnedDistillation()

    def __post_init__(self) -> None:
        """Checks the range, and that the losses are of valence and arousal.

        Whether they fit `num_bins` is checked by `num_logits`, so that overrides can
        set these fields one by one.
        """
        checks.check_kinds(self, checks.BINS, checks.VALUES)
        if self.num_bins is not None and self.num_bins < 2:
            raise ValueError(
                "ValenceArousal.num_bins must be at least 2. "
                f"Received: num_bins={self.num_bins}. Use None for plain outputs."
            )

    def num_logits(self, taxonomy: Taxonomy) -> int:
        """Returns 2K, or 2 without bins.

        Raises:
          ValueError: If the losses read bins where there are none, or the reverse.
        """
        checks.check_kinds(
            self, checks.VALUES if self.num_bins is None else checks.BINS
        )
        _check_described(self.name, taxonomy)
        return 2 * (self.num_bins or 1)

    def decode(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32 [B, 2], valence and arousal in [-1, 1]."""
        if self.num_bins is None:
            return tf.tanh(tf.cast(logits, tf.float32))
        return expected_value(tf.nn.softmax(split_bins(logits)))


def _check_described(task: str, taxonomy: Taxonomy) -> None:
    if task not in taxonomy.tasks:
        raise ValueError(
            "A task must be described by the taxonomy. "
            f"Received: task={task!r}, taxonomy={taxonomy.name!r} with tasks "
            f"{taxonomy.tasks}. Drop the task or extend the taxonomy."
        )
