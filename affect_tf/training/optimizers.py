"""Optimizers as frozen configs."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam, with decoupled weight decay (AdamW) where `weight_decay` is positive.

    Attributes:
      beta_1: Decay of the first moment. Deng 2020's and Vu 2021's code use 0.5.
      beta_2: Decay of the second moment.
      epsilon: Added to the root of the second moment.
      weight_decay: Decay of kernels per unit of learning rate; biases and batch
        norm are left alone.
      clip_norm: Largest global norm of the gradients, or None.

    Raises:
      ValueError: Unless the decays of the moments lie in [0, 1), epsilon and clip_norm
        are positive, and weight_decay is not negative.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name in ("beta_1", "beta_2"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise ValueError(
                    f"Adam.{name} must lie in [0, 1). "
                    f"Received: {name}={value}. Use 0 for no memory of past steps."
                )
        for name in ("epsilon", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(
                    f"Adam.{name} must be finite and positive. "
                    f"Received: {name}={value}. Leave it out for the default."
                )
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(
                "Adam.weight_decay must be finite and not negative. "
                f"Received: weight_decay={self.weight_decay}. Use 0 for none."
            )

    def build(
        self, learning_rate: tf.keras.optimizers.schedules.LearningRateSchedule
    ) -> tf.keras.optimizers.Optimizer:
        """Returns the Keras optimizer."""
        optimizer = tf.keras.optimizers.Adam(
            learning_rate,
            weight_decay=self.weight_decay or None,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            global_clipnorm=self.clip_norm,
            # XLA makes this update three times slower on a CPU.
            jit_compile=False,
        )
        if self.weight_decay:
            optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        return optimizer
