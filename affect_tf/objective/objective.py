"""The masked multitask objective: one equation for every paper.

For row n with weight s_n (0 = padding) and task j,

    total = 1/sum(s) sum_n s_n { sum_j w_nj [A L_j(n) + B H_j(n)] + delta d_n D(n) }

with L the supervised and H the distilled loss, (A, B) the pair of the row's cell (see
`mixing`), w_nj the task's weight where the cell is task-weighted and else 1, and D the
cross entropy of the source discriminator, whose weight delta may follow the step and
which d_n, 0 or 1, may switch off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from affect_tf.labels.taxonomy import closest
from affect_tf.objective.checks import check_not_negative
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import SupervisedLoss
from affect_tf.objective.mixing import Coefficients
from affect_tf.objective.mixing import Mix
from affect_tf.objective.replicas import sum_over_replicas
from affect_tf.objective.tasks import Task
from affect_tf.objective.weighting import ConstantWeighting
from affect_tf.objective.weighting import TaskWeighting

TensorByTask = Mapping[str, tf.Tensor]


class LossReport(NamedTuple):
    """A step's loss and what it is made of.

    Attributes:
      total: float32 scalar, the sum of the addends. Under several replicas this is
        the replica's share: shares (and gradients) ADD UP to those of the whole batch.
      addends: "expr/supervised", "expr/distilled", ..., "adversarial" -> scalar.
    """

    total: tf.Tensor
    addends: dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Adversarial:
    """The term of the source discriminator, delta(step) d_n CE(source_n, logits_n).

    Attributes:
      weight: delta: a number, or a callable from the step to a scalar. In a config, a
        schedule over the epochs.
      loss: The discriminator's supervised loss.

    Source: Jeong et al. 2022, Eq. 11-13; delta is 0, 0.5, 1 or rises from 0 to 1. Eq.
    12 has no delta, but their Table I varies it for the teacher too, as here.
    """

    weight: float | Callable[..., tf.Tensor] = 1.0
    loss: SupervisedLoss = SoftmaxCrossEntropy()

    def __post_init__(self) -> None:
        """Checks the range of a constant weight."""
        if not callable(self.weight):
            check_not_negative("Adversarial", "weight", self.weight)

    def weight_at(self, step: tf.Tensor | None) -> tf.Tensor:
        """Returns delta as a float32 scalar.

        Raises:
          ValueError: If delta depends on the step and there is none.
        """
        if not callable(self.weight):
            return tf.constant(self.weight, tf.float32)
        if step is None:
            raise ValueError(
                "A scheduled Adversarial.weight must be given the step. "
                "Received: step=None. Pass step= to the objective."
            )
        return tf.cast(self.weight(step), tf.float32)


class Objective:
    """Losses, mixing and weights of a run, as one callable.

    Missing labels (and soft labels and logits of rows that a term leaves out) are
    replaced by zeros before any loss sees them, since NaN times 0 is NaN: what stands
    in a masked or padded place changes neither value nor gradient.

    Attributes:
      tasks: The tasks, in reporting order.
      mix: The rule for the coefficients.
      weighting: The run's `TaskWeights`, built here; it belongs in the checkpoint.
      adversarial: The discriminator's term, or None.
      addend_names: Names of the addends that a report will have.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        mix: Mix,
        weighting: TaskWeighting | None = None,
        adversarial: Adversarial | None = None,
    ) -> None:
        names = [task.name for task in tasks]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                "An objective must have one or more tasks of different names. "
                f"Received: tasks={names}. Name each task once."
            )
        self.tasks = tuple(tasks)
        self.mix = mix
        self.weighting = (weighting or ConstantWeighting()).build(names)
        self.adversarial = adversarial

    @property
    def addend_names(self) -> tuple[str, ...]:
        """Names of the addends, in the order of the tasks."""
        names = []
        for task in self.tasks:
            names.append(f"{task.name}/supervised")
            if self._distils(task):
                names.append(f"{task.name}/distilled")
        if self.adversarial is not None:
            names.append("adversarial")
        return tuple(names)

    def __call__(
        self,
        logits: TensorByTask,
        labels: TensorByTask,
        masks: TensorByTask,
        weight: tf.Tensor,
        soft_logits: TensorByTask | None = None,
        source: tf.Tensor | None = None,
        source_logits: tf.Tensor | None = None,
        step: tf.Tensor | None = None,
    ) -> LossReport:
        """Returns the loss of a batch.

        Args:
          logits: Task name -> [B, K], the model's linear outputs, any float dtype.
          labels: Task name -> int [B] (`expr`), [B, U] (`au`) or [B, 2] (`va`);
            anything, NaN included, where the mask is 0.
          masks: Task name -> [B] or [B, U], 1 where the label is there.
          weight: [B], s_n, >= 0; 0 is padding.
          soft_logits: Task name -> [B, K], the teacher's outputs; needed where the
            mix distils. No gradient reaches them.
          source: int [B], the subset of each row; needed by the adversarial term.
          source_logits: [B, S], the discriminator's outputs; likewise. It tells apart
            the first S sources; rows of others have no such term.
          step: Scalar, for a scheduled adversarial weight.

        Returns:
          A finite report for finite logits; 0 with zero gradients where no row has
          weight.

        Raises:
          ValueError: If an input that a term needs is missing.
        """
        rows = self.rows(
            logits, labels, masks, weight, soft_logits, source, source_logits, step
        )
        size = sum_over_replicas(tf.reduce_sum(tf.cast(weight, tf.float32)))
        addends = {
            name: tf.math.divide_no_nan(tf.reduce_sum(values), size)
            for name, values in rows.items()
        }
        return LossReport(tf.add_n(list(addends.values())), addends)

    def rows(
        self,
        logits: TensorByTask,
        labels: TensorByTask,
        masks: TensorByTask,
        weight: tf.Tensor,
        soft_logits: TensorByTask | None = None,
        source: tf.Tensor | None = None,
        source_logits: tf.Tensor | None = None,
        step: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns each addend by row, before the sum over rows is taken.

        Answers which rows made a loss non-finite. A batch statistic hands one bad
        row's NaN to all rows of its term: look at their logits next.

        Args: as for a call.

        Returns:
          Addend name -> float32 [B], weights and coefficients included.
        """
        for kind, values in (("logits", logits), ("labels", labels), ("masks", masks)):
            self._check_given(kind, values)
        if any(self._distils(task) for task in self.tasks):
            self._check_given("soft_logits", soft_logits)
        weight = tf.cast(weight, tf.float32)
        task_masks = {task.name: masks[task.name] for task in self.tasks}
        mixed = self.mix(task_masks, soft_logits)
        task_weights = self.weighting.weights
        rows = {}
        for task in self.tasks:
            name = task.name
            scale = weight * _where_weighted(mixed.task_weighted, task_weights[name])
            rows[f"{name}/supervised"] = _on_present(
                task.supervised,
                labels[name],
                logits[name],
                _times_rows(mixed.supervised[name], scale),
            )
            if self._distils(task):
                rows[f"{name}/distilled"] = _on_present(
                    task.distilled,
                    soft_logits[name],
                    logits[name],
                    _times_rows(mixed.distilled[name], scale),
                )
        if self.adversarial is not None:
            rows["adversarial"] = self._adversarial_rows(
                source, source_logits, weight, mixed, step
            )
        return rows

    def _adversarial_rows(
        self,
        source: tf.Tensor | None,
        source_logits: tf.Tensor | None,
        weight: tf.Tensor,
        mixed: Coefficients,
        step: tf.Tensor | None,
    ) -> tf.Tensor:
        if source is None or source_logits is None:
            raise ValueError(
                "The adversarial term must be given the sources and their logits. "
                f"Received: source={source}, source_logits={source_logits}. "
                "Build the model with a source discriminator and pass both."
            )
        # Delta stays outside the weight, which says who is present: at delta 0 the
        # rows are still there, and a rising schedule must not change the statistics.
        told_apart = tf.cast(source < source_logits.shape[-1], tf.float32)
        rows = _on_present(
            self.adversarial.loss,
            source,
            source_logits,
            weight * mixed.adversarial * told_apart,
        )
        return self.adversarial.weight_at(step) * rows

    def _distils(self, task: Task) -> bool:
        return self.mix.distils and task.distilled is not None

    def _check_given(self, kind: str, values: TensorByTask | None) -> None:
        given = tuple(values or ())
        for task in self.tasks:
            if task.name not in given:
                raise ValueError(
                    f"The objective must be given {kind} of every task. "
                    f"Received: {kind} of {given}, without {task.name!r}. "
                    f"{closest(task.name, given)}"
                )


def _where_weighted(task_weighted: tf.Tensor, task_weight: tf.Tensor) -> tf.Tensor:
    return tf.where(task_weighted > 0, task_weight, 1.0)


def _times_rows(coefficient: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Returns [B] or [B, U] coefficients times [B]."""
    return coefficient * (
        scale if coefficient.shape.rank == 1 else scale[:, tf.newaxis]
    )


def _on_present(
    loss: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
    targets: tf.Tensor,
    logits: tf.Tensor,
    weight: tf.Tensor,
) -> tf.Tensor:
    """Calls a loss with zeros for whatever stands where the weight is 0."""
    return loss(_keep(targets, weight), _keep(logits, weight), weight)


def _keep(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    present = weight > 0
    if values.shape.rank > weight.shape.rank:
        present = present[:, tf.newaxis]
    return tf.where(present, values, tf.zeros_like(values))
