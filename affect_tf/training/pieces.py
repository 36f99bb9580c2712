"""A model's outputs and the gradients of a loss of them, at once or piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from affect_tf.models.temporal import EMBEDDER
from affect_tf.models.temporal import SEQUENCE
from affect_tf.models.temporal import Temporal
from affect_tf.training.loss_parts import Differentiate

Tensors = Mapping[str, tf.Tensor]


class Pass(Protocol):
    """One way to train a model on a batch."""

    def outputs(self, tape: tf.GradientTape, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns the outputs in training mode; `tape` is recording."""

    def differentiate(self, tape: tf.GradientTape) -> Differentiate:
        """Returns what gives the gradients of losses of the last outputs."""

    def infer(self, model: tf.keras.Model, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns what a model says of such a batch, in inference mode."""


class Whole:
    """The whole batch at once."""

    def __init__(self, model: tf.keras.Model) -> None:
        self._model = model

    def outputs(self, tape: tf.GradientTape, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns the outputs in training mode."""
        return dict(self._model(inputs, training=True))

    def differentiate(self, tape: tf.GradientTape) -> Differentiate:
        """Returns the tape's own gradient."""
        return tape.gradient

    def infer(self, model: tf.keras.Model, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns what a model says of the whole batch."""
        return dict(model(inputs, training=False))


class InPieces:
    """The networks below see one piece of the batch after the other.

    What they give is put together, and everything above, the loss with its statistics
    of the batch too, is of the whole batch. On the way back each piece is seen again:
    memory holds what one piece needs, and two forward passes are paid for it. The
    gradient is that of the whole batch but for what the networks below do across rows:
    their batch norm takes the statistics of a piece. They must not draw random numbers,
    such as dropout: the two passes would differ. With several optimizers the pieces are
    seen again for each, and running statistics move as often.
    """

    def __init__(self, temporal: Temporal, model: tf.keras.Model, pieces: int) -> None:
        """Takes a model of time apart.

        Args:
          temporal: The description that built it.
          model: As `temporal.end_to_end` returns it, with its default names.
          pieces: Equal parts of a batch, which it must divide into.
        """
        self._see = temporal.see
        self._embedder = model.get_layer(EMBEDDER)
        self._sequence = model.get_layer(SEQUENCE)
        self._pieces = pieces
        self._inputs: Tensors = {}
        self._vectors: dict[str, tf.Tensor] = {}

    def outputs(self, tape: tf.GradientTape, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns the outputs in training mode."""
        with tape.stop_recording():
            seen = self._seen(inputs)
        # What a row shows is no vector of a network, such as which frames are there.
        self._vectors = {
            name: value for name, value in seen.items() if value.dtype.is_floating
        }
        for value in self._vectors.values():
            tape.watch(value)
        self._inputs = inputs
        return dict(self._sequence(seen, training=True))

    def differentiate(self, tape: tf.GradientTape) -> Differentiate:
        """Returns what goes back through the vectors, and then piece by piece."""

        def gradients(
            loss: tf.Tensor, variables: Sequence[tf.Variable]
        ) -> list[tf.Tensor | None]:
            below = {v.ref() for v in self._embedder.trainable_variables}
            above = [v for v in variables if v.ref() not in below]
            names = list(self._vectors)
            found = tape.gradient(loss, [*above, *self._vectors.values()])
            to_vectors = {
                name: tf.zeros_like(self._vectors[name]) if value is None else value
                for name, value in zip(names, found[len(above) :], strict=True)
            }
            wanted = [v for v in variables if v.ref() in below]
            by_variable = {
                v.ref(): value
                for v, value in zip(
                    [*above, *wanted],
                    [*found[: len(above)], *self._below(to_vectors, wanted)],
                    strict=True,
                )
            }
            return [by_variable[v.ref()] for v in variables]

        return gradients

    def infer(self, model: tf.keras.Model, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns what a model says of a batch, in as much memory as a piece."""
        cut = {
            name: tf.stack(tf.split(value, self._pieces))
            for name, value in inputs.items()
        }
        outputs = tf.map_fn(
            lambda piece: dict(model(piece, training=False)),
            cut,
            fn_output_signature={
                name: tf.TensorSpec(shape, tf.float32)
                for name, shape in model.output_shape.items()
            },
            parallel_iterations=1,
        )
        return {
            name: tf.reshape(value, [-1, value.shape[-1]])
            for name, value in outputs.items()
        }

    def _seen(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Returns the vectors of all pieces, without what it takes to go back."""
        moving = [(v, v.read_value()) for v in self._embedder.non_trainable_variables]
        first = self._see(self._embedder, _piece(inputs, 0, self._pieces), True)
        names = sorted(first)
        parts = tuple(
            tf.TensorArray(
                first[name].dtype,
                self._pieces,
                element_shape=first[name].shape,
                infer_shape=False,
            ).write(0, first[name])
            for name in names
        )
        for index in tf.range(1, self._pieces):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            seen = self._see(self._embedder, _piece(inputs, index, self._pieces), True)
            parts = tuple(
                part.write(index, seen[name])
                for part, name in zip(parts, names, strict=True)
            )
        # Each piece is seen twice a step; running statistics move once.
        for variable, value in moving:
            variable.assign(value)
        return {name: part.concat() for name, part in zip(names, parts, strict=True)}

    def _below(
        self, to_vectors: Tensors, variables: Sequence[tf.Variable]
    ) -> list[tf.Tensor]:
        """Returns the gradients of the networks below, summed over the pieces."""
        total = tuple(tf.zeros_like(v) for v in variables)
        for index in tf.range(self._pieces):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            inputs = _piece(self._inputs, index, self._pieces)
            wanted = _piece(to_vectors, index, self._pieces)
            with tf.GradientTape() as tape:
                seen = self._see(self._embedder, inputs, True)
                outputs = [seen[name] for name in to_vectors]
            found = tape.gradient(
                outputs,
                list(variables),
                output_gradients=[wanted[name] for name in to_vectors],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            total = tuple(a + b for a, b in zip(total, found, strict=True))
        return list(total)


def _piece(tensors: Tensors, index: tf.Tensor | int, pieces: int) -> Tensors:
    def part(value: tf.Tensor) -> tf.Tensor:
        size = tf.shape(value)[0] // pieces
        return tf.ensure_shape(
            value[index * size : (index + 1) * size], [None, *value.shape[1:]]
        )

    return {name: part(value) for name, value in tensors.items()}
