"""What stands between the embedding of a task and its logits where time is modelled.

A sequence model reads windows of embeddings, one recurrent layer a task. It stands
alone on embeddings that were extracted before, or on top of the network that gives
them (`end_to_end`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping

import tensorflow as tf

from affect_tf.models import frames
from affect_tf.models import layers


@dataclasses.dataclass(frozen=True)
class BidirectionalGru:
    """One layer of gated recurrent units in both directions, then ReLU.

    Attributes:
      units: Units of each direction.

    Raises:
      ValueError: On units below 1.

    Source: Deng et al. 2020, Figure 4 b; the released code's `GRU_Head`, whose gates
      have two biases, as `reset_after` gives them.
    """

    units: int = 64

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        whole = isinstance(self.units, int) and not isinstance(self.units, bool)
        if not whole or self.units < 1:
            raise ValueError(
                "BidirectionalGru.units must be a whole number from 1 on. "
                f"Received: units={self.units!r}. Deng et al. take 64."
            )

    def __call__(
        self, embedding: tf.Tensor, present: tf.Tensor, task: str
    ) -> tf.Tensor:
        """Builds the layers `{task}_gru` and `{task}_temporal`.

        Args:
          embedding: float32 [B, T, D].
          present: bool [B, T], False at padding, which neither direction reads;
            nothing is there behind it.
          task: Begins the names of the layers.

        Returns:
          float32 [B, T, 2 * units] under any precision policy; finite at padding, and
          of no meaning there.
        """
        # With its defaults Keras' fused layer: cuDNN where there is a GPU, and on a CPU
        # faster than a cell in a loop, or than gates with one bias.
        recurrent = tf.keras.layers.GRU(
            self.units, return_sequences=True, dtype="float32", name="gru"
        )
        both = tf.keras.layers.Bidirectional(
            recurrent, dtype="float32", name=f"{task}_gru"
        )(embedding, mask=present)
        relu = tf.keras.layers.ReLU(dtype="float32", name=f"{task}_temporal")
        return relu(both)


def build_sequence(
    temporal: BidirectionalGru,
    widths: Mapping[str, int],
    num_logits: Mapping[str, int],
    name: str = "affect_sequence",
) -> tf.keras.Model:
    """Builds the model of windows of embeddings.

    Args:
      temporal: Builds the layers of one task over time.
      widths: {task: D}, numbers of a task's embedding; further tasks may be there.
      num_logits: {task: K}, in the order of the outputs.
      name: The model's name, by which `end_to_end` knows it too.

    Returns:
      A model from `{"{task}_embedding": float32 [B, T, D], ..., "present": bool
      [B, T]}` to `{task: float32 [B * T, K]}`, window by window, for any B and T. The
      layer that gives the logits carries the task's name. No window, and no padding,
      has a part in the logits of another window or of a frame that is there.

    Raises:
      ValueError: Without a task, or for a task without an embedding or logits.
    """
    _check(widths, num_logits)
    present = tf.keras.Input((None,), dtype="bool", name="present")
    inputs, logits = {}, {}
    for task, count in num_logits.items():
        inputs[f"{task}_embedding"] = embedding = tf.keras.Input(
            (None, widths[task]), dtype="float32", name=f"{task}_embedding"
        )
        series = temporal(embedding, present, task)
        series = frames.Flatten(name=f"{task}_frames")(series)
        logits[task] = tf.keras.layers.Dense(count, dtype="float32", name=task)(series)
    inputs["present"] = present
    return tf.keras.Model(inputs=inputs, outputs=logits, name=name)


def embedder(
    cnn: tf.keras.Model, tasks: Iterable[str], name: str = "affect_embedder"
) -> tf.keras.Model:
    """Returns the part of a network of `build.build` that ends at its embeddings.

    Its layers are those of `cnn`, not copies: weights loaded into one are in both.

    Args:
      cnn: Model from `{"image": uint8 [N, S, S, 3]}`.
      tasks: Whose embeddings are wanted.
      name: The model's name, by which `end_to_end` knows it too.

    Returns:
      A model from `{"image": uint8 [N, S, S, 3]}` to `{"{task}_embedding": float32
      [N, D]}`.

    Raises:
      ValueError: If the network has no layer of such a name.
    """
    outputs = {}
    there = [layer.name for layer in cnn.layers]
    for task in tasks:
        layer = f"{task}_embedding"
        if layer not in there:
            raise ValueError(
                "A network must have an embedding of each task. "
                f"Received: no layer {layer!r} in {cnn.name!r}. "
                "Use a network that was built for this task, with an MlpHead."
            )
        outputs[layer] = cnn.get_layer(layer).output
    return tf.keras.Model(
        inputs={"image": cnn.get_layer("image").output}, outputs=outputs, name=name
    )


def end_to_end(
    embedder: tf.keras.Model,
    sequence: tf.keras.Model,
    train_cnn: bool,
    name: str = "affect_end_to_end",
) -> tf.keras.Model:
    """Puts a sequence model on top of the network whose embeddings it reads.

    The network sees the frames that are there, and no padding: that would cost as
    much as a face, and would move the statistics of batch normalisation.

    Args:
      embedder: As `embedder` returns it; its layers are used, and frozen, in place.
      sequence: As `build_sequence` returns it.
      train_cnn: Whether the network is trained along. Where not, its weights are not
        trainable, and it runs in inference mode also when the whole is called with
        `training=True`. (The released code of Deng et al. lets the running statistics
        of its frozen network move on.)
      name: The model's name.

    Returns:
      A model from `{"image": uint8 [B, T, S, S, 3], "present": bool [B, T]}` to
      `{task: float32 [B * T, K]}`, for any B and T. Both parts are layers of it, to be
      found by their names (`model.get_layer(embedder.name)`).
    """
    side = embedder.input["image"].shape[1:]
    image = tf.keras.Input((None, *side), dtype="uint8", name="image")
    present = tf.keras.Input((None,), dtype="bool", name="present")
    embedder.trainable = train_cnn
    # False is final; None leaves the mode to whoever calls the whole.
    mode = {} if train_cnn else {"training": False}
    vectors = embedder(
        {"image": frames.Present(name="faces")([image, present])}, **mode
    )
    inputs = {
        layer: frames.Restore(name=f"{layer}s")([vector, present])
        for layer, vector in vectors.items()
    }
    logits = sequence({**inputs, "present": present})
    return tf.keras.Model(
        inputs={"image": image, "present": present}, outputs=logits, name=name
    )


def _check(widths: Mapping[str, int], num_logits: Mapping[str, int]) -> None:
    layers.check_num_logits(num_logits)
    for task in num_logits:
        if widths.get(task, 0) < 1:
            raise ValueError(
                "A sequence model must have an embedding of each of its tasks. "
                f"Received: widths={dict(widths)} for task {task!r}. "
                "Extract the features with a network of the same tasks."
            )
