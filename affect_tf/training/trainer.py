"""The training step and the loop around it, the same for teachers and students."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from affect_tf.data.batch import Batch
from affect_tf.objective.objective import Objective

#: Names of the figures of a step that are not addends of the loss.
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
      losses: Mean of each figure of the steps, by name.
      rows_per_second: Samples trained on per second, waiting included.
      input_wait: Share of the time spent waiting for data, in [0, 1].
    """

    step: int
    losses: dict[str, float]
    rows_per_second: float
    input_wait: float


class Trainer:
    """Trains a model on batches by an `Objective`, beside a frozen teacher or alone.

    Attributes:
      model: Keras model, {"image": uint8} to {task: float32 logits}.
      step: int64 variable, the steps done; part of a checkpoint.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        objective: Objective,
        optimizer: tf.keras.optimizers.Optimizer,
        teacher: tf.keras.Model | None = None,
    ) -> None:
        if teacher is not None:
            teacher.trainable = False
        self.model = model
        self.objective = objective
        self.teacher = teacher
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        # Small float16 gradients round to zero unless the loss is scaled up first.
        self._scales = model.compute_dtype == "float16"
        if self._scales:
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        # Slots made here, not in the first step, so that a checkpoint can fill them.
        optimizer.build(model.trainable_variables)
        self.optimizer = optimizer
        self._figures: tuple[str, ...] = ()

    @property
    def loss_scale(self) -> float:
        """The current loss scale; 1 unless training in float16."""
        return float(self.optimizer.loss_scale) if self._scales else 1.0

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        inner = self.optimizer.inner_optimizer if self._scales else self.optimizer
        return float(inner.learning_rate)

    @tf.function(reduce_retracing=True)
    def train_step(self, batch: Batch) -> tf.Tensor:
        """Does one update and returns float32 [F], the step's figures.

        No weight is updated when the loss, or outside float16 a gradient, is not
        finite (the moving statistics of batch norm are, in the forward pass); float16
        gradients overflow now and then by design, and the loss scale answers to that.
        """
        soft_logits = (
            self.teacher(batch.inputs, training=False) if self.teacher else None
        )
        with tf.GradientTape() as tape:
            logits = self.model(batch.inputs, training=True)
            report = self.objective(
                logits, batch.labels, batch.masks, batch.weight, soft_logits
            )
            scaled = (
                self.optimizer.get_scaled_loss(report.total)
                if self._scales
                else report.total
            )
        variables = self.model.trainable_variables
        gradients = tape.gradient(scaled, variables)
        if self._scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        norm = tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients])
        finite = tf.math.is_finite(report.total)
        if not self._scales:
            finite &= tf.math.is_finite(norm)
        if finite:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            self.step.assign_add(1)
        figures = {
            **report.addends,
            TOTAL: report.total,
            GRADIENT_NORM: norm,
            FINITE: tf.cast(finite, tf.float32),
        }
        # One tensor, hence one copy to the host a step, however many figures.
        self._figures = tuple(figures)
        return tf.stack(list(figures.values()))

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
            overflows = 0 if np.isfinite(named[GRADIENT_NORM]) else overflows + 1
            if not named[FINITE] or overflows > _MOST_OVERFLOWS:
                raise NonFiniteLossError(self._explain(batch, named))
            figures.append(values)
            rows += int(batch.weight.shape[0])
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
        return self.teacher(batch.inputs, training=False)

    def _explain(self, batch: Batch, figures: dict[str, float]) -> str:
        """Says which addend and which samples made the loss not finite."""
        soft_logits = self._soft_logits(batch)
        logits = self.model(batch.inputs, training=True)
        addends = self.objective.rows(
            logits, batch.labels, batch.masks, batch.weight, soft_logits
        )
        keys = np.char.decode(batch.key.numpy().astype(bytes))
        findings = []
        for name, rows in addends.items():
            bad = np.flatnonzero(~np.isfinite(rows.numpy()))
            if len(bad):
                shown = ", ".join(keys[bad[:5]])
                more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
                findings.append(f"{name} of {shown}{more}")
        if not findings:
            where = f"the gradient (norm {figures[GRADIENT_NORM]})"
            findings = [f"{where} of a finite loss ({figures[TOTAL]:.4g})"]
        return (
            f"The loss must stay finite. Received: {'; '.join(findings)} at step "
            f"{int(self.step.numpy()) + 1}. The weights of the last checkpoint are "
            "unharmed. Look at these samples, or train anew with a lower learning rate "
            "and --overwrite."
        )
