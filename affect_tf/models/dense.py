"""Chains of dense modules: linear, batch normalisation, swish and dropout."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class DenseModules:
    """Modules one after the other; all of it float32 under any policy.

    Attributes:
      widths: Units of each; without any, the input is the output.
      dropout: Share that training drops at the end of each.
      norm_before_activation: Whether a module normalises before swish, or after it.
      batch_norm_epsilon: Added to every variance.
      batch_norm_momentum: Share that a running statistic keeps.

    Source: Jeong et al. 2022, section III, "dense module".
    """

    widths: tuple[int, ...]
    dropout: float
    norm_before_activation: bool
    batch_norm_epsilon: float
    batch_norm_momentum: float

    def __call__(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Builds the layers `{name}_{dense,norm,swish,dropout}{1-n}` on [B, D]."""
        for number, units in enumerate(self.widths, 1):
            values = tf.keras.layers.Dense(
                units, dtype="float32", name=f"{name}_dense{number}"
            )(values)
            norm = tf.keras.layers.BatchNormalization(
                momentum=self.batch_norm_momentum,
                epsilon=self.batch_norm_epsilon,
                dtype="float32",
                name=f"{name}_norm{number}",
            )
            swish = tf.keras.layers.Activation(
                "swish", dtype="float32", name=f"{name}_swish{number}"
            )
            order = (norm, swish) if self.norm_before_activation else (swish, norm)
            for layer in order:
                values = layer(values)
            if self.dropout:
                values = tf.keras.layers.Dropout(
                    self.dropout, dtype="float32", name=f"{name}_dropout{number}"
                )(values)
        return values


def linear(units: int, name: str) -> tf.keras.layers.Dense:
    """Returns a layer of linear float32 outputs, such as logits."""
    return tf.keras.layers.Dense(units, dtype="float32", name=name)
