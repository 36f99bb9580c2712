"""Weights of whole tasks, constant or driven by the validation scores.

What is configured (`TaskWeighting`, frozen) and what changes during a run
(`TaskWeights`, variables) are two things: the second is in the checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from affect_tf.objective.checks import check_not_negative


class TaskWeights(tf.Module):
    """The weights of a run's tasks; a module, so that a checkpoint holds its state.

    Attributes:
      tasks: The tasks' names, in the order of the variables.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(name="task_weights")
        self.tasks = tuple(tasks)

    @property
    def weights(self) -> dict[str, tf.Tensor]:
        """Task name -> float32 scalar, the weight at this moment."""
        raise NotImplementedError

    def update(self, scores: Mapping[str, float]) -> None:
        """Takes note of a validation: task name -> score, higher is better.

        Tasks without a score keep their state.
        """


class TaskWeighting(Protocol):
    """A configured rule for task weights; `build` starts a run's state."""

    def build(self, tasks: Sequence[str]) -> TaskWeights:
        """Returns fresh state for the named tasks."""


@dataclasses.dataclass(frozen=True)
class ConstantWeighting:
    """The same weights for the whole run.

    Attributes:
      expr: Weight of the expressions, >= 0.
      au: Weight of the action units. Deng's released teacher has 1 with a mean over
        8 units taken 8 times, which is the sum that the losses here already take.
      va: Weight of valence and arousal.
    """

    expr: float = 1.0
    au: float = 1.0
    va: float = 1.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            check_not_negative("ConstantWeighting", field.name, value)

    def build(self, tasks: Sequence[str]) -> TaskWeights:
        """Returns state that never changes; a task that is not named here weighs 1."""
        return _ConstantWeights(tasks, [getattr(self, name, 1.0) for name in tasks])


@dataclasses.dataclass(frozen=True)
class PatienceWeighting:
    """Tasks that stop improving weigh more: exp(rate * n), n validations without.

    n returns to 0 when the task's score passes its best (the paper does not say so;
    its released code does it). A NaN score is no improvement.

    Attributes:
      rate: Growth per stale validation, >= 0.

    Source: Jeong et al. 2022, Eq. 13, gamma_i = e^(0.5 n_i), counted in epochs.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        """Checks the range."""
        check_not_negative("PatienceWeighting", "rate", self.rate)

    def build(self, tasks: Sequence[str]) -> TaskWeights:
        """Returns state that starts with every weight at 1."""
        return _PatienceWeights(tasks, self.rate)


class _ConstantWeights(TaskWeights):
    def __init__(self, tasks: Sequence[str], values: Sequence[float]) -> None:
        super().__init__(tasks)
        self._values = tuple(values)

    @property
    def weights(self) -> dict[str, tf.Tensor]:
        values = tf.unstack(tf.constant(self._values, tf.float32))
        return dict(zip(self.tasks, values, strict=True))


class _PatienceWeights(TaskWeights):
    def __init__(self, tasks: Sequence[str], rate: float) -> None:
        super().__init__(tasks)
        self._rate = rate
        start = np.full(len(tasks), -np.inf, np.float32)
        self.best = tf.Variable(start, trainable=False, name="best")
        self.stale = tf.Variable(
            np.zeros(len(tasks), np.int64), trainable=False, name="stale"
        )

    @property
    def weights(self) -> dict[str, tf.Tensor]:
        stale = tf.cast(tf.convert_to_tensor(self.stale), tf.float32)
        return dict(
            zip(self.tasks, tf.unstack(tf.exp(self._rate * stale)), strict=True)
        )

    def update(self, scores: Mapping[str, float]) -> None:
        best, stale = self.best.numpy(), self.stale.numpy()
        for position, name in enumerate(self.tasks):
            if name not in scores:
                continue
            score = np.float32(scores[name])
            improved = score > best[position]
            stale[position] = 0 if improved else stale[position] + 1
            best[position] = score if improved else best[position]
        self.best.assign(best)
        self.stale.assign(stale)
