"""Optimizers as frozen configs."""

from __future__ import annotations

import dataclasses

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
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    clip_norm: float | None = None

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
