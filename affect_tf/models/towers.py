"""A model of time on top of the networks that see and hear for it."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def on_towers(
    see: Callable[..., dict[str, tf.Tensor]],
    embedder: tf.keras.Model,
    sequence: tf.keras.Model,
    train_towers: bool,
    name: str,
) -> tf.keras.Model:
    """Builds `Temporal.end_to_end`: its `see`, and on top of it the sequence model."""
    inputs = {}
    for key, one in embedder.input.items():
        shape = (None, *one.shape[1:]) if key == "image" else one.shape[1:]
        inputs[key] = tf.keras.Input(shape, dtype=one.dtype, name=key)
    if "image" in inputs:
        inputs["present"] = tf.keras.Input((None,), dtype="bool", name="present")
    embedder.trainable = train_towers
    # False is final; None leaves the mode to whoever calls the whole.
    vectors = see(embedder, inputs, None if train_towers else False)
    return tf.keras.Model(inputs=inputs, outputs=sequence(vectors), name=name)
