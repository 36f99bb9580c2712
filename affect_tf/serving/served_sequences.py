"""The graphs of an exported model of time: films in pieces in, named scores out.

A model of time is a network that sees a face, perhaps one that hears, and a sequence
model above. Both ways in are served: whole windows of pictures, and the two steps
apart, so that a face that many windows show is seen once:

    embed, embed_sound -> vectors of each member -> sequence -> scores of each member
                                                             -> combine -> scores

Frames that several windows show have the mean of each member's scores; `combine` takes
these, since neither a spread nor a temperature is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import images
from affect_tf.data.windows import Windows
from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.objective.tasks import Task
from affect_tf.serving import score_graphs
from affect_tf.serving import sequence_members
from affect_tf.serving.score_graphs import lent
from affect_tf.serving.score_graphs import ScoreGraphs
from affect_tf.serving.score_graphs import Scores
from affect_tf.serving.sequence_members import HEARD
from affect_tf.serving.sequence_members import SequenceModels

_Tensors = dict[str, tf.Tensor]
_Graph = tf.types.experimental.GenericFunction


class ServedSequences(tf.Module):
    """The graphs of an export of models of time; holds variables, not Keras models."""

    def __init__(
        self,
        models: Sequence[tf.keras.Model],
        over: SequenceModels,
        tasks: Sequence[Task],
        taxonomy: Taxonomy,
        image_size: int,
        thresholds: Thresholds,
        temperature: float = 1.0,
    ) -> None:
        """Builds the graphs.

        Args:
          models: Of `Temporal.end_to_end`, all with the same inputs.
          over: What they look at.
          tasks: What is exported.
          taxonomy: Names of the columns.
          image_size: Side of the faces.
          thresholds: Of the action units.
          temperature: Of the expressions.
        """
        super().__init__(name="affect_tf")
        self.image_size, self.time = image_size, over.time
        self._graphs = ScoreGraphs(tasks, taxonomy, temperature)
        self._by_frame = isinstance(over.time, Windows)
        self._below, self._members = sequence_members.taken_apart(models, over.parts)
        below = [list(network.variables) for network in self._below]
        above = [list(member.sequence.variables) for member in self._members]
        self.weights = below + above
        first = models[0].input
        self.heard = {
            name: tf.TensorSpec([None, *first[name].shape[1:]], first[name].dtype, name)
            for name in HEARD
            if name in first
        }

        @tf.function(input_signature=[])
        def names() -> _Tensors:
            return self._graphs.names(thresholds, image_size)

        self._functions = {
            "serving_default": self._from_bytes(),
            "serving_image": self._from_images(),
            "taxonomy": names,
            "embed": self._embed(),
            "sequence": self._sequence(),
            "combine": self._combine(),
        }
        if self.heard:
            self._functions["embed_sound"] = self._embed_sound()

    def signatures(self) -> dict[str, Callable[..., _Tensors]]:
        """The graphs by the names under which they are served."""
        return {
            name: function.get_concrete_function()
            for name, function in self._functions.items()
        }

    def _from_bytes(self) -> _Graph:
        size = self.image_size
        encoded = tf.TensorSpec([None, None], tf.string, "image_bytes")

        @tf.function(input_signature=[{"image_bytes": encoded, **self.heard}])
        def from_bytes(inputs: _Tensors) -> _Tensors:
            image_bytes = inputs["image_bytes"]
            shape = tf.shape(image_bytes)
            faces, valid = images.decode_batch(tf.reshape(image_bytes, [-1]), size)
            faces = tf.reshape(faces, tf.concat([shape, [size, size, 3]], 0))
            return self._scored(faces, tf.reshape(valid, shape), inputs)

        return from_bytes

    def _from_images(self) -> _Graph:
        size = self.image_size
        pixels = tf.TensorSpec([None, None, None, None, 3], tf.uint8, "image")
        present = tf.TensorSpec([None, None], tf.bool, "present")
        signature = {"image": pixels, "present": present, **self.heard}

        @tf.function(input_signature=[signature])
        def from_images(inputs: _Tensors) -> _Tensors:
            image, shape = inputs["image"], tf.shape(inputs["image"])
            flat = tf.reshape(image, tf.concat([[-1], shape[2:]], 0))
            faces = images.resize(tf.ensure_shape(flat, [None, None, None, 3]), size)
            faces = tf.reshape(faces, tf.concat([shape[:2], [size, size, 3]], 0))
            return self._scored(faces, inputs["present"], inputs)

        return from_images

    def _embed(self) -> _Graph:
        towers = [sequence_members.seeing(network) for network in self._below]
        pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, "image")

        @tf.function(input_signature=[{"image": pixels}])
        def embed(inputs: _Tensors) -> _Tensors:
            count = tf.shape(inputs["image"])[0]
            faces = lent(images.resize(inputs["image"], self.image_size))
            found = [tower({"image": faces}, training=False) for tower in towers]
            return self._numbered(found, count)

        return embed

    def _embed_sound(self) -> _Graph:
        towers = [sequence_members.hearing(network) for network in self._below]

        @tf.function(input_signature=[dict(self.heard)])
        def embed_sound(inputs: _Tensors) -> _Tensors:
            count = tf.shape(inputs["heard"])[0]
            given = {name: lent(inputs[name]) for name in HEARD}
            found = [tower(given, training=False) for tower in towers]
            return self._numbered(found, count)

        return embed_sound

    def _sequence(self) -> _Graph:
        signature = {"present": tf.TensorSpec([None, None], tf.bool, "present")}
        for number, member in enumerate(self._members):
            for name in member.vectors:
                shape, key = member.sequence.input[name].shape, numbered(name, number)
                signature[key] = tf.TensorSpec(shape, tf.float32, key)

        @tf.function(input_signature=[signature])
        def sequence(inputs: _Tensors) -> _Tensors:
            present = lent(inputs["present"], 2)
            vectors = []
            for number, member in enumerate(self._members):
                given = {"present": present}
                for name in member.vectors:
                    values = inputs[numbered(name, number)]
                    given[name] = lent(values, values.shape.rank - 1)
                vectors.append(given)
            members = self._above(vectors)
            scores = self._finished(members, present, inputs["present"])
            for number, member in enumerate(members):
                for name, values in member.items():
                    key = numbered(name, number)
                    scores[key] = self._trimmed(values, inputs["present"])
            return scores

        return sequence

    def _combine(self) -> _Graph:
        outputs, count = self._graphs.outputs, len(self._members)
        signature = {
            key: tf.TensorSpec([None, width], tf.float32, key)
            for number in range(count)
            for name, width in outputs.items()
            for key in [numbered(name, number)]
        }

        @tf.function(input_signature=[signature])
        def combine(inputs: _Tensors) -> _Tensors:
            return self._graphs.combined(
                [
                    {name: inputs[numbered(name, number)] for name in outputs}
                    for number in range(count)
                ]
            )

        return combine

    def _scored(self, faces: tf.Tensor, present: tf.Tensor, given: _Tensors) -> Scores:
        """Returns the scores of pictures [B, T, S, S, 3], and what is heard."""
        faces = tf.ensure_shape(faces, [None, None, *[self.image_size] * 2, 3])
        inputs = {"image": lent(faces, 2), "present": lent(present, 2)}
        inputs |= {name: lent(given[name]) for name in self.heard}
        seen: dict[int, _Tensors] = {}
        for member in self._members:
            if member.below not in seen:
                network = self._below[member.below]
                seen[member.below] = member.part.see(network, inputs, training=False)
        members = self._above([seen[member.below] for member in self._members])
        return self._finished(members, inputs["present"], present)

    def _above(self, vectors: Sequence[Mapping[str, tf.Tensor]]) -> list[Scores]:
        """Returns the scores of each member, [B, T, K] or [B, K]."""
        members = []
        for member, given in zip(self._members, vectors, strict=True):
            read = {name: given[name] for name in member.sequence.input}
            decoded = self._graphs.decoded(member.sequence(read, training=False))
            if self._by_frame:
                shape = tf.shape(given["present"])
                decoded = {
                    name: tf.reshape(
                        values, tf.concat([shape, [values.shape[-1]]], axis=0)
                    )
                    for name, values in decoded.items()
                }
            members.append(decoded)
        return members

    def _finished(
        self, members: Sequence[Scores], present: tf.Tensor, asked: tf.Tensor
    ) -> Scores:
        """Returns the scores of the rows that were asked for, with `VALID`."""
        valid = present if self._by_frame else present[:, -1]
        outputs = score_graphs.masked(self._graphs.combined(members), valid)
        return {name: self._trimmed(rows, asked) for name, rows in outputs.items()}

    def _trimmed(self, rows: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
        """Returns rows without those that were lent."""
        shape = tf.shape(asked)
        return rows[: shape[0], : shape[1]] if self._by_frame else rows[: shape[0]]

    def _numbered(self, found: Sequence[_Tensors], count: tf.Tensor) -> _Tensors:
        """Returns the vectors that each member reads, by its number."""
        return {
            numbered(name, number): tf.identity(found[member.below][name][:count])
            for number, member in enumerate(self._members)
            for name in member.vectors
            if name in found[member.below]
        }


def numbered(name: str, member: int) -> str:
    """Returns how what is of one member is called; a name that TensorFlow allows."""
    return f"{name}_{member}"
