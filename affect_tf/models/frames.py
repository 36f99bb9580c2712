"""Layers between windows [B, T, ...] and the frames [N, ...] in them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class _Plain(tf.keras.layers.Layer):
    """A layer without weights that leaves the type of its input alone."""

    def __init__(self, **kwargs: Any) -> None:
        # Autocasting would halve the precision of float32 under a mixed policy.
        super().__init__(autocast=False, **kwargs)


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class Present(_Plain):
    """Takes [[B, T, ...], bool [B, T]] to the N frames that are there, [N, ...].

    Window by window. Where there is only padding all of it is taken, since not every
    layer that may follow can do without a row.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:  # noqa: D102
        values, present = inputs
        return tf.boolean_mask(values, present | ~tf.reduce_any(present))


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class Restore(_Plain):
    """Undoes `Present`: [[N, D], bool [B, T]] to [B, T, D], 0 at padding."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:  # noqa: D102
        frames, present = inputs
        # Gathered, not scattered: each frame's place among those that are there.
        # Padding takes the row of zeros in front of them.
        flat = tf.reshape(tf.cast(present, tf.int32), [-1])
        place = tf.reshape(tf.cumsum(flat) * flat, tf.shape(present))
        with_zeros = tf.pad(frames, [[1, 0], [0, 0]])
        return tf.gather(with_zeros, place)


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class Flatten(_Plain):
    """Takes [B, T, D] to [B * T, D], window by window."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return tf.reshape(inputs, [-1, inputs.shape[-1]])
