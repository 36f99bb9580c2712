"""Graphs of models of time, out of the networks that they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import images
from affect_tf.data.windows import Windows
from affect_tf.serving import score_graphs
from affect_tf.serving.graphs import sequence_members
from affect_tf.serving.graphs.sequence_members import HEARD
from affect_tf.serving.graphs.sequence_members import SequenceModels
from affect_tf.serving.score_graphs import lent
from affect_tf.serving.score_graphs import ScoreGraphs
from affect_tf.serving.score_graphs import Scores

_Tensors = dict[str, tf.Tensor]
_Graph = tf.types.experimental.GenericFunction


class SequenceGraphs:
    """Makes the graphs out of the models.

    Attributes:
      variables: Those of each network below and of each model above.
    """

    def __init__(
        self,
        models: Sequence[tf.keras.Model],
        over: SequenceModels,
        scores: ScoreGraphs,
    ) -> None:
        self.image_size, self._graphs = scores.image_size, scores
        self._by_frame = isinstance(over.time, Windows)
        self._below, self._members = sequence_members.taken_apart(models, over.parts)
        networks = [*self._below, *(member.sequence for member in self._members)]
        self.variables = [list(network.variables) for network in networks]
        first = models[0].input
        self.heard = {
            name: tf.TensorSpec([None, *first[name].shape[1:]], first[name].dtype, name)
            for name in HEARD
            if name in first
        }
        # Traced once: what all of the signatures end in.
        self._above = tf.function(self._sequenced, input_signature=[self._read()])

    def functions(self) -> dict[str, _Graph]:
        """Returns the graphs by their names."""
        functions = {
            "serving_default": self._from_bytes(),
            "serving_image": self._from_images(),
            "embed": self._embed(),
            "sequence": self._sequence(),
            "combine": self._combine(),
        }
        if self.heard:
            functions["embed_sound"] = self._embed_sound()
        return functions

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

        @tf.function(input_signature=[self.heard])
        def embed_sound(inputs: _Tensors) -> _Tensors:
            count = tf.shape(inputs["heard"])[0]
            given = {name: lent(inputs[name]) for name in HEARD}
            found = [tower(given, training=False) for tower in towers]
            return self._numbered(found, count)

        return embed_sound

    def _sequence(self) -> _Graph:
        signature = {
            key: tf.TensorSpec(spec.shape, spec.dtype, key)
            for number, read in enumerate(self._read())
            for name, spec in read.items()
            for key in [name if name == "present" else numbered(name, number)]
        }

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
        members = self._above(
            [
                {
                    name: seen[member.below][name]
                    for name in (*member.vectors, "present")
                }
                for member in self._members
            ]
        )
        return self._finished(members, inputs["present"], present)

    def _read(self) -> list[dict[str, tf.TensorSpec]]:
        """Returns what the sequence model of each member reads."""
        present = tf.TensorSpec([None, None], tf.bool)
        return [
            {
                "present": present,
                **{
                    name: tf.TensorSpec(member.sequence.input[name].shape, tf.float32)
                    for name in member.vectors
                },
            }
            for member in self._members
        ]

    def _sequenced(self, vectors: Sequence[Mapping[str, tf.Tensor]]) -> list[Scores]:
        """Returns the scores of each member, [B, T, K] or [B, K]."""
        members = []
        for member, given in zip(self._members, vectors, strict=True):
            decoded = self._graphs.decoded(member.sequence(given, training=False))
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
