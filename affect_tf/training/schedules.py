"""Schedules as functions of the epoch, and their Keras form, over steps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import tensorflow as tf

from affect_tf.config import Schedule


@dataclasses.dataclass(frozen=True)
class Constant:
    """The same rate throughout."""

    rate: float

    def __call__(self, epoch: Any, epochs: int) -> Any:
        """Returns the rate; both arguments are ignored."""
        return tf.convert_to_tensor(self.rate, tf.float32)


@dataclasses.dataclass(frozen=True)
class StepDecay:
    """A rate that is multiplied by `factor` after every `every` epochs.

    Source: Deng et al. 2020, section IV (the released code never steps it).
    """

    rate: float
    factor: float = 0.1
    every: int = 3

    def __call__(self, epoch: Any, epochs: int) -> Any:
        """Returns rate * factor ** floor(epoch / every)."""
        drops = tf.floor(tf.cast(epoch, tf.float32) / self.every)
        return self.rate * tf.pow(self.factor, drops)


@dataclasses.dataclass(frozen=True)
class Cosine:
    """A linear warm-up, then half a cosine from `rate` down to `final`."""

    rate: float
    final: float = 0.0
    warmup_epochs: float = 0.0

    def __call__(self, epoch: Any, epochs: int) -> Any:
        """Returns the rate at a fractional `epoch` of `epochs`."""
        epoch = tf.cast(epoch, tf.float32)
        length = max(epochs - self.warmup_epochs, 1e-6)
        progress = tf.clip_by_value((epoch - self.warmup_epochs) / length, 0.0, 1.0)
        height = (1 + tf.cos(math.pi * progress)) / 2
        falling = self.final + (self.rate - self.final) * height
        if not self.warmup_epochs:
            return falling
        return tf.minimum(falling, self.rate * (epoch + 1e-3) / self.warmup_epochs)


@dataclasses.dataclass(frozen=True)
class Linear:
    """From `start` to `end` in a straight line over all the epochs.

    Source: Jeong et al. 2022, section V-A: delta "started with 0 and increased linearly
    to 1 as train progressed". The released code raises it once an epoch.
    """

    start: float = 0.0
    end: float = 1.0

    def __call__(self, epoch: Any, epochs: int) -> Any:
        """Returns the value at a fractional `epoch` of `epochs`."""
        share = tf.clip_by_value(tf.cast(epoch, tf.float32) / epochs, 0.0, 1.0)
        return self.start + (self.end - self.start) * share


class PerStep(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A `Schedule` over epochs as Keras wants it: over steps.

    Attributes:
      schedule: The schedule.
      steps_per_epoch: Steps of an epoch.
      epochs: Epochs in all.
      step: The variable that counts the steps of the run, or None to take those of
        the optimizer, which leaves out steps that it did not make.
    """

    def __init__(
        self,
        schedule: Schedule,
        steps_per_epoch: int,
        epochs: int,
        step: tf.Variable | None = None,
    ) -> None:
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self.step = step

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the float32 rate of an optimizer step."""
        step = step if self.step is None else self.step
        epoch = tf.cast(step, tf.float32) / self.steps_per_epoch
        return tf.cast(self.schedule(epoch, self.epochs), tf.float32)
