"""The training step and the loop around it, the same for teachers and students."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from affect_tf.data.batch import Batch
from affect_tf.models.adversary import DISCRIMINATOR
from affect_tf.objective import mixing
from affect_tf.objective.objective import Objective
from affect_tf.training import loss_parts
from affect_tf.training.pieces import Pass
from affect_tf.training.pieces import Whole

#: Names of the figures of a step that are not addends of the loss. Of several
#: optimizers each has a norm of its own, "gradient_norm/expr", ...
TOTAL, GRADIENT_NORM, FINITE = "total", "gradient_norm", "finite"

#: Overflows of float16 gradients in a row after which no loss scale will help: halved
#: so often, the first scale of 2^15 is far below 1.
_MOST_OVERFLOWS = 40

Teacher = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


class NonFiniteLossError(Exception):
    """A loss or gradient that is not a number; the weights were not touched."""


@dataclasses.dataclass
class StepLog:
    """What happened over the steps since the last log.

    Attributes:
      step: Steps done.
      losses: Mean of each figure of the steps, by name. The gradient's norm of one of
        several optimizers is 0 in a step that it does not make.
      rows_per_second: Frames trained on per second, waiting included; padding does
        not count.
      input_wait: Share of the time spent waiting for data, in [0, 1].
    """

    step: int
    losses: dict[str, float]
    rows_per_second: float
    input_wait: float


class Trainer:
    """Trains a model on batches by an `Objective`, beside a frozen teacher or alone.

    The addends of the loss are divided between one or more optimizers. Each moves
    every weight that its addends depend on, by their gradient alone. One of several
    makes no step by a batch in which no row has a share in its addends: the momentum
    of earlier batches would move the weights all the same.

    Attributes:
      model: Keras model, from the inputs of a batch to {task: float32 logits}.
      step: int64 variable, the steps done; part of a checkpoint.
      optimizer: The optimizer, or {task: optimizer}; part of a checkpoint.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        objective: Objective,
        optimizer: tf.keras.optimizers.Optimizer
        | Mapping[str, tf.keras.optimizers.Optimizer],
        teacher: tf.keras.Model | None = None,
        step: tf.Variable | None = None,
        forward: Pass | None = None,
    ) -> None:
        """Makes the optimizers ready for the model.

        Args:
          model: The model.
          objective: Its loss.
          optimizer: One for the whole loss, or one of each task by its name.
          teacher: A model of the same outputs where the objective distils; frozen.
          step: int64 variable to count in, which schedules may read; None makes one.
          forward: How the model is trained on a batch; None for all of it at once.

        Raises:
          ValueError: If the optimizers by task leave a part of the loss out.
        """
        if teacher is not None:
            teacher.trainable = False
        self.model = model
        self.objective = objective
        self.teacher = teacher
        self.step = new_step() if step is None else step
        self._forward = Whole(model) if forward is None else forward
        # Small float16 gradients round to zero unless the loss is scaled up first.
        self._scales = model.compute_dtype == "float16"
        self._parts = loss_parts.divided(
            objective.addend_names, optimizer, self._scales
        )
        for part in self._parts:
            # Slots made here, not in a step, so that a checkpoint can fill them.
            part.optimizer.build(model.trainable_variables)
        if isinstance(optimizer, Mapping):
            tasks = zip(optimizer, self._parts, strict=True)
            self.optimizer = {task: part.optimizer for task, part in tasks}
            self._norm_names = [f"{GRADIENT_NORM}/{task}" for task in optimizer]
        else:
            self.optimizer = self._parts[0].optimizer
            self._norm_names = [GRADIENT_NORM]
        self._figures: tuple[str, ...] = ()

    @property
    def loss_scale(self) -> float:
        """The current loss scale, the lowest of several; 1 unless in float16."""
        if not self._scales:
            return 1.0
        return min(float(part.optimizer.loss_scale) for part in self._parts)

    @property
    def learning_rate(self) -> float:
        """The latest learning rate, that of the first of several optimizers."""
        first = self._parts[0].optimizer
        inner = first.inner_optimizer if self._scales else first
        return float(inner.learning_rate)

    @tf.function(reduce_retracing=True)
    def train_step(self, batch: Batch) -> tf.Tensor:
        """Does one update and returns float32 [F], the step's figures.

        No weight is updated when the loss, or outside float16 a gradient, is not
        finite (the moving statistics of batch norm are, in the forward pass); float16
        gradients overflow now and then by design, and the loss scale answers to that.
        """
        soft_logits = self._soft_logits(batch)
        with tf.GradientTape(persistent=len(self._parts) > 1) as tape:
            outputs = self._forward.outputs(tape, batch.inputs)
            report = self.objective(**self._terms(batch, outputs, soft_logits))
            losses = [part.loss(report.addends) for part in self._parts]
        taught = self._taught(batch, soft_logits)
        differentiate = self._forward.differentiate(tape)
        updates = [
            part.updates(differentiate, loss, self.model.trainable_variables, is_taught)
            for part, loss, is_taught in zip(self._parts, losses, taught, strict=True)
        ]
        norms = [
            tf.linalg.global_norm([tf.cast(each, tf.float32) for each, _ in update])
            for update in updates
        ]
        finite = tf.math.is_finite(report.total)
        if not self._scales:
            finite &= tf.reduce_all(tf.math.is_finite(norms))
        for part, update, is_taught in zip(self._parts, updates, taught, strict=True):
            if finite if is_taught is None else finite & is_taught:
                part.optimizer.apply_gradients(update)
        # Last, since the learning rate of a step may follow this number.
        if finite:
            self.step.assign_add(1)
        figures = {
            **report.addends,
            TOTAL: report.total,
            **dict(zip(self._norm_names, norms, strict=True)),
            FINITE: tf.cast(finite, tf.float32),
        }
        # One tensor, hence one copy to the host a step, however many figures.
        self._figures = tuple(figures)
        return tf.stack(list(figures.values()))

    def _taught(
        self, batch: Batch, soft_logits: dict[str, tf.Tensor] | None
    ) -> list[tf.Tensor | None]:
        """Returns of each part whether any row has a share in it, bool scalars.

        A part that is all of the loss always makes its step.
        """
        if len(self._parts) == 1:
            return [None]
        masks = {task.name: batch.masks[task.name] for task in self.objective.tasks}
        shares = mixing.any_share(self.objective.mix(masks, soft_logits), batch.weight)
        return [
            tf.reduce_any(tf.stack([shares[name] for name in part.addends]))
            for part in self._parts
        ]

    def run(
        self, batches: Iterator[Batch], steps: int, log_every: int
    ) -> Iterator[StepLog]:
        """Does `steps` steps and yields a log every `log_every` and at the end.

        Raises:
          NonFiniteLossError: Naming the addend and the samples at fault.
        """
        rows, waited, figures = 0, 0.0, []
        overflows = 0
        began = time.perf_counter()
        for count in range(1, steps + 1):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            values = self.train_step(batch).numpy()
            named = dict(zip(self._figures, values, strict=True))
            norms = [named[name] for name in self._norm_names]
            overflows = 0 if np.isfinite(norms).all() else overflows + 1
            if not named[FINITE] or overflows > _MOST_OVERFLOWS:
                raise NonFiniteLossError(self._explain(batch, named))
            figures.append(values)
            rows += int(np.count_nonzero(batch.weight))
            if count % log_every == 0 or count == steps:
                elapsed = time.perf_counter() - began
                means = np.mean(figures, axis=0)
                yield StepLog(
                    step=int(self.step.numpy()),
                    losses={
                        name: float(value)
                        for name, value in zip(self._figures, means, strict=True)
                        if name != FINITE
                    },
                    rows_per_second=rows / elapsed,
                    input_wait=waited / elapsed,
                )
                rows, waited, figures = 0, 0.0, []
                began = time.perf_counter()

    def _soft_logits(self, batch: Batch) -> dict[str, tf.Tensor] | None:
        """Returns the teacher's logits for the faces that the student sees."""
        if self.teacher is None:
            return None
        return self._forward.infer(self.teacher, batch.inputs)

    def _terms(
        self,
        batch: Batch,
        outputs: dict[str, tf.Tensor],
        soft_logits: dict[str, tf.Tensor] | None,
    ) -> dict[str, Any]:
        """Returns the arguments of the objective."""
        return {
            "logits": {task.name: outputs[task.name] for task in self.objective.tasks},
            "labels": batch.labels,
            "masks": batch.masks,
            "weight": batch.weight,
            "soft_logits": soft_logits,
            "source": batch.source,
            "source_logits": outputs.get(DISCRIMINATOR),
            "step": self.step,
        }

    def _explain(self, batch: Batch, figures: dict[str, float]) -> str:
        """Says which addend and which samples made the loss not finite."""
        outputs = dict(self.model(batch.inputs, training=True))
        soft_logits = self._soft_logits(batch)
        addends = self.objective.rows(**self._terms(batch, outputs, soft_logits))
        keys = np.char.decode(batch.key.numpy().astype(bytes))
        findings = []
        for name, rows in addends.items():
            bad = np.flatnonzero(~np.isfinite(rows.numpy()))
            if len(bad):
                shown = ", ".join(keys[bad[:5]])
                more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
                findings.append(f"{name} of {shown}{more}")
        if not findings:
            norms = ", ".join(str(figures[name]) for name in self._norm_names)
            where = f"the gradient (norm {norms})"
            findings = [f"{where} of a finite loss ({figures[TOTAL]:.4g})"]
        return (
            f"The loss must stay finite. Received: {'; '.join(findings)} at step "
            f"{int(self.step.numpy()) + 1}. The weights of the last checkpoint are "
            "unharmed. Look at these samples, or train anew with a lower learning rate "
            "and --overwrite."
        )


def new_step() -> tf.Variable:
    """Returns an int64 variable that counts the steps of a run, from 0."""
    return tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
