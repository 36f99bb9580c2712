"""The layer that turns a discriminator into an adversary, and what leaves with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

#: Output of a sequence model that says which source a row comes from.
DISCRIMINATOR = "discriminator"


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class GradientReversal(tf.keras.layers.Layer):
    """The identity, whose gradient is that of its output times -strength.

    Below the layer a loss is climbed that above it is descended: features grow worse
    for what stands above, while that grows better with them.

    `strength` is a variable that is not trained, float32 [], so that a schedule can
    assign it between the steps of a compiled loop; it is stored with the weights.

    Args:
      strength: What it starts with; finite. 0 cuts the gradient off, and below 0
        nothing is reversed.
      **kwargs: As of any layer.

    Raises:
      ValueError: On a strength that is not finite.

    Source: Ganin and Lempitsky 2015; Jeong et al. 2022, section III, whose released
      code multiplies the layer's output by the factor too. Here only the gradient is.
    """

    def __init__(self, strength: float = 1.0, **kwargs: Any) -> None:
        # The type of the features is left alone, and the variable read as it is.
        super().__init__(autocast=False, **{**kwargs, "dtype": "float32"})
        if not abs(float(strength)) < float("inf"):
            raise ValueError(
                "GradientReversal.strength must be finite. "
                f"Received: strength={strength!r}. Jeong et al. take 1."
            )
        self._start = float(strength)
        self.strength = self.add_weight(
            name="strength",
            shape=(),
            dtype="float32",
            initializer=tf.keras.initializers.Constant(self._start),
            trainable=False,
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return _reversed(inputs, tf.convert_to_tensor(self.strength))

    def compute_output_shape(self, input_shape: Any) -> Any:  # noqa: D102
        return input_shape

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "strength": self._start}


@tf.custom_gradient
def _reversed(
    values: tf.Tensor, strength: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, None]]]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        # Half precision only at the end: a small strength must not vanish before.
        product = -strength * tf.cast(upstream, tf.float32)
        return tf.cast(product, upstream.dtype), None

    return tf.identity(values), gradient


def without_discriminator(sequence: tf.keras.Model) -> tf.keras.Model:
    """Returns a sequence model less its discriminator and the layers only that has.

    The other layers are shared, not copied. Without a discriminator it is returned as
    it is.

    Args:
      sequence: Model whose outputs are a dictionary.
    """
    kept = {name: out for name, out in sequence.output.items() if name != DISCRIMINATOR}
    if len(kept) == len(sequence.output):
        return sequence
    return tf.keras.Model(inputs=sequence.input, outputs=kept, name=sequence.name)
