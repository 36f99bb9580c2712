"""What stands between the networks that see a frame and the logits, over time.

A sequence model reads vectors of frames. It stands alone on vectors that were
extracted before, or on top of the network that gives them (`end_to_end`). `Temporal`
is what every description of such a model offers, here and in `fusion`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Protocol
from typing import runtime_checkable

import tensorflow as tf

from affect_tf.models import frames
from affect_tf.models import layers

#: Names of the two parts of a model of time, by which they are found in it.
EMBEDDER, SEQUENCE = "affect_embedder", "affect_sequence"

#: Names that a task of a `BidirectionalGru` cannot have.
RESERVED_NAMES = ("present",)


@runtime_checkable
class Temporal(Protocol):
    """A description of a model of time, whichever vectors and inputs it has.

    What the inputs are is told by `model.input` of the models that it builds. A
    description that inherits from this one has `end_to_end` from here.
    """

    def features(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """Returns the names of the vectors that the sequence model of `tasks` reads."""
        ...

    def embedder(
        self,
        cnn: tf.keras.Model | None,
        num_samples: int = 0,
        name: str = EMBEDDER,
        tasks: Iterable[str] | None = None,
    ) -> tf.keras.Model:
        """Builds the model from pictures and sounds to the vectors of `features`.

        Args:
          cnn: Model of `build.build`, whose layers are used in place.
          num_samples: Samples of a sound; of no meaning where none is heard.
          name: The model's name.
          tasks: Whose vectors are wanted; None for all that the network has.
        """
        ...

    def sequence(
        self,
        widths: Mapping[str, int],
        num_logits: Mapping[str, int],
        num_sources: int = 0,
        name: str = SEQUENCE,
    ) -> tf.keras.Model:
        """Builds the model from the vectors of `features` to `{task: logits}`.

        Args:
          widths: {vector: its numbers}; further ones may be there.
          num_logits: {task: K}, in the order of the outputs.
          num_sources: Sources that an output "discriminator" tells apart; 0 for none.
          name: The model's name.
        """
        ...

    def see(
        self,
        embedder: tf.keras.Model,
        inputs: Mapping[str, tf.Tensor],
        training: bool | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns what `sequence` reads, of the inputs of a batch.

        Args:
          embedder: As `embedder` returns it.
          inputs: Those that `end_to_end` takes.
          training: The mode of the embedder; None for that of a model around it.
        """
        ...

    def end_to_end(
        self,
        embedder: tf.keras.Model,
        sequence: tf.keras.Model,
        train_towers: bool,
        name: str = "affect_end_to_end",
    ) -> tf.keras.Model:
        """Puts a sequence model on top of the embedder, whose layers stay the same.

        What is below sees the faces, and hears the sounds, that are there, and no
        padding: that would cost as much, and would move the statistics of batch
        normalisation.

        A frozen embedder runs in inference mode also when the whole is called with
        `training=True`. (The released code of Deng et al. lets the running statistics
        of its frozen network move on.)

        Args:
          embedder: As `embedder` returns it.
          sequence: As `sequence` returns it.
          train_towers: Whether what is below is trained along; where not, it is
            frozen, and in inference mode for good.
          name: The model's name.

        Returns:
          A model to what `sequence` gives, from the inputs of `embedder`: "image" has
          an axis of time, uint8 [B, T, S, S, 3], for any B and T, and "present", bool
          [B, T], goes with it; a sound has a row for each of B. Both parts are layers
          of it, to be found by their names (`model.get_layer(embedder.name)`).
        """
        inputs = {}
        for key, one in embedder.input.items():
            shape = (None, *one.shape[1:]) if key == "image" else one.shape[1:]
            inputs[key] = tf.keras.Input(shape, dtype=one.dtype, name=key)
        if "image" in inputs:
            inputs["present"] = tf.keras.Input((None,), dtype="bool", name="present")
        embedder.trainable = train_towers
        # False is final; None leaves the mode to whoever calls the whole.
        vectors = self.see(embedder, inputs, None if train_towers else False)
        return tf.keras.Model(inputs=inputs, outputs=sequence(vectors), name=name)


def check_widths(
    part: Temporal, widths: Mapping[str, int], tasks: Iterable[str]
) -> None:
    """Raises ValueError where the width of a vector is missing that a part reads.

    Args:
      part: The description of the sequence model.
      widths: {vector: its numbers}.
      tasks: Of the sequence model.
    """
    for vector in part.features(tasks):
        if widths.get(vector, 0) < 1:
            raise ValueError(
                "A sequence model must have the width of each of its vectors. "
                f"Received: widths={dict(widths)} without {vector!r}. "
                f"Extract the features with the same {type(part).__name__} and tasks."
            )


@dataclasses.dataclass(frozen=True)
class BidirectionalGru(Temporal):
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

    def features(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """Returns the names of the embeddings, one a task."""
        return tuple(f"{task}_embedding" for task in tasks)

    def embedder(
        self,
        cnn: tf.keras.Model | None,
        num_samples: int = 0,
        name: str = EMBEDDER,
        tasks: Iterable[str] | None = None,
    ) -> tf.keras.Model:
        """Returns the part of a network of `build.build` that ends at its embeddings.

        Its layers are those of `cnn`, not copies: weights loaded into one are in both.

        Returns:
          A model from `{"image": uint8 [N, S, S, 3]}` to `{"{task}_embedding": float32
          [N, D]}`.

        Raises:
          ValueError: Without a network, or if it has no layer of such a name.
        """
        del num_samples
        if cnn is None:
            raise ValueError(
                "The network of the faces must be there. Received: cnn=None. "
                "Build one: BidirectionalGru reads its embeddings."
            )
        outputs = {}
        there = [layer.name for layer in cnn.layers]
        for layer in self.features(cnn.output if tasks is None else tasks):
            if layer not in there:
                raise ValueError(
                    "A network must have an embedding of each task. "
                    f"Received: no layer {layer!r} in {cnn.name!r}. "
                    "Use a network that was built for this task, with an MlpHead."
                )
            outputs[layer] = cnn.get_layer(layer).output
        image = cnn.get_layer("image").output
        return tf.keras.Model(inputs={"image": image}, outputs=outputs, name=name)

    def sequence(
        self,
        widths: Mapping[str, int],
        num_logits: Mapping[str, int],
        num_sources: int = 0,
        name: str = SEQUENCE,
    ) -> tf.keras.Model:
        """Builds the model of windows of embeddings.

        Returns:
          A model from `{"{task}_embedding": float32 [B, T, D], ..., "present": bool
          [B, T]}` to `{task: float32 [B * T, K]}`, window by window, for any B and T.
          The layer that gives the logits carries the task's name. No window, and no
          padding, has a part in the logits of another window or of a frame that is
          there.

        Raises:
          ValueError: Without a task, for a task without an embedding or logits, or for
            a discriminator.
        """
        layers.check_tasks(num_logits, RESERVED_NAMES)
        check_widths(self, widths, num_logits)
        if num_sources:
            raise ValueError(
                "A discriminator must have features that all tasks share. "
                f"Received: num_sources={num_sources} for {self!r}. "
                "Use fusion.FaceAndSound, or leave the discriminator out."
            )
        present = tf.keras.Input((None,), dtype="bool", name="present")
        inputs, logits = {}, {}
        for task, count in num_logits.items():
            key = f"{task}_embedding"
            inputs[key] = embedding = tf.keras.Input(
                (None, widths[key]), dtype="float32", name=key
            )
            series = self(embedding, present, task)
            series = frames.Flatten(name=f"{task}_frames")(series)
            dense = tf.keras.layers.Dense(count, dtype="float32", name=task)
            logits[task] = dense(series)
        inputs["present"] = present
        return tf.keras.Model(inputs=inputs, outputs=logits, name=name)

    def see(
        self,
        embedder: tf.keras.Model,
        inputs: Mapping[str, tf.Tensor],
        training: bool | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns the embeddings, float32 [B, T, D], and "present"."""
        present = inputs["present"]
        there = frames.Present(name="faces")([inputs["image"], present])
        # Keras tells a mode that was not given from None, which would be final.
        mode = {} if training is None else {"training": training}
        vectors = embedder({"image": there}, **mode)
        restored = {
            layer: frames.Restore(name=f"{layer}s")([vector, present])
            for layer, vector in vectors.items()
        }
        return {**restored, "present": present}
