"""Models of time, taken apart into the networks below and what stands above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.models import temporal
from affect_tf.models.fusion import SOUND
from affect_tf.models.temporal import Temporal

#: Inputs of a tower that hears; what else there is, is of faces.
HEARD = ("sound", "heard")
#: Where a layer that wraps others has them in its config.
_INNER = ("layer", "backward_layer")


class SequenceModels(NamedTuple):
    """What tells models of time from models of single pictures.

    Attributes:
      time: What a sample of theirs is.
      parts: The description of each model, by which it was built.
    """

    time: Windows | Past
    parts: Sequence[Temporal]


class Member(NamedTuple):
    """One model of time of an ensemble.

    Attributes:
      part: Its description.
      below: Which of the networks below is its own.
      sequence: The model above.
      vectors: What that reads, beside "present".
    """

    part: Temporal
    below: int
    sequence: tf.keras.Model
    vectors: tuple[str, ...]


def taken_apart(
    models: Sequence[tf.keras.Model], parts: Sequence[Temporal]
) -> tuple[list[tf.keras.Model], list[Member]]:
    """Returns the networks below some models, each once, and the members.

    Students of one teacher stand on the same features: what would see the same faces
    in the same way for each of them is kept, and called, once.

    Args:
      models: Of `Temporal.end_to_end`.
      parts: By which they were built.
    """
    networks: list[tf.keras.Model] = []
    members = []
    for model, part in zip(models, parts, strict=True):
        below, sequence = (
            model.get_layer(name) for name in (temporal.EMBEDDER, temporal.SEQUENCE)
        )
        same = [n for n, known in enumerate(networks) if _are_equal(known, below)]
        if not same:
            networks.append(below)
        place = same[0] if same else len(networks) - 1
        vectors = tuple(name for name in sequence.input if name != "present")
        members.append(Member(part, place, plain(sequence), vectors))
    return networks, members


def seeing(network: tf.keras.Model) -> tf.keras.Model:
    """Returns the part of a network below that sees faces, {"image"} to vectors."""
    outputs = {name: one for name, one in network.output.items() if name != SOUND}
    return tf.keras.Model({"image": network.input["image"]}, outputs)


def hearing(network: tf.keras.Model) -> tf.keras.Model:
    """Returns the part that hears, {"sound", "heard"} to its vector."""
    inputs = {name: network.input[name] for name in HEARD}
    return tf.keras.Model(inputs, {SOUND: network.output[SOUND]})


@tf.keras.utils.register_keras_serializable(package="affect_tf")
def plain_tanh(values: tf.Tensor) -> tf.Tensor:
    """Tanh, which Keras does not know for its own."""
    return tf.math.tanh(values)


def plain(sequence: tf.keras.Model) -> tf.keras.Model:
    """Returns a copy of a sequence model whose recurrent layers are ordinary loops.

    Those of Keras bring functions for each kind of device along, and the gradients of
    all: a megabyte in a SavedModel for every layer that nobody trains any more, and
    half a second while it is loaded. A layer whose activation is not Keras' own is a
    loop over its cell.
    """

    def clone(layer: tf.keras.layers.Layer) -> tf.keras.layers.Layer:
        config = layer.get_config()
        inner = (config, *(config[k]["config"] for k in _INNER if config.get(k)))
        for each in inner:
            if each.get("activation") == "tanh" and "recurrent_activation" in each:
                each["activation"] = "affect_tf>plain_tanh"
        return type(layer).from_config(config)

    copy = tf.keras.models.clone_model(sequence, clone_function=clone)
    copy.set_weights(sequence.get_weights())
    return copy


def _are_equal(one: tf.keras.Model, other: tf.keras.Model) -> bool:
    """Whether two networks give the same vectors."""
    mine, theirs = one.get_weights(), other.get_weights()
    return (
        set(one.output) == set(other.output)
        and len(mine) == len(theirs)
        and all(map(np.array_equal, mine, theirs))
    )
