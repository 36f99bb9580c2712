"""The graphs of an exported model: pictures in, named scores out."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import images
from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.objective.tasks import Task

#: The output of each task.
OUTPUTS = {
    "expr": "expression_scores",
    "au": "action_unit_scores",
    "va": "valence_arousal",
}
#: The output that says which rows were read.
VALID = "valid"
#: What the name of a standard deviation over an ensemble ends in.
SPREAD = "_spread"


class ServedModels(tf.Module):
    """The graphs of an export; holds variables, not Keras models.

    Keras objects would bring their own functions and metadata along, which take
    longest to load and which nobody calls.
    """

    def __init__(
        self,
        models: Sequence[tf.keras.Model],
        tasks: Sequence[Task],
        taxonomy: Taxonomy,
        image_size: int,
        thresholds: Thresholds,
    ) -> None:
        super().__init__(name="affect_tf")
        self.weights = [list(model.variables) for model in models]
        score = _scorer(models, tasks, taxonomy)
        encoded = [tf.TensorSpec([None], tf.string, "image_bytes")]
        pixels = [tf.TensorSpec([None, None, None, 3], tf.uint8, "image")]

        @tf.function(input_signature=encoded)
        def from_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            return score(*images.decode_batch(image_bytes, image_size))

        @tf.function(input_signature=pixels)
        def from_image(image: tf.Tensor) -> dict[str, tf.Tensor]:
            faces = images.resize(image, image_size)
            return score(faces, tf.ones_like(faces[:, 0, 0, 0], tf.bool))

        @tf.function(input_signature=[])
        def names() -> dict[str, tf.Tensor]:
            dimensions = VA_DIMENSIONS if taxonomy.has_va else ()
            values = [thresholds.values[unit] for unit in taxonomy.action_units]
            return {
                "expressions": tf.constant(taxonomy.expressions, tf.string),
                "action_units": tf.constant(taxonomy.action_units, tf.string),
                "action_unit_thresholds": tf.constant(values, tf.float32),
                "valence_arousal": tf.constant(dimensions, tf.string),
                "image_size": tf.constant(image_size, tf.int32),
            }

        self.from_bytes, self.from_image, self.names = from_bytes, from_image, names

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """The graphs by the names under which they are served."""
        return {
            "serving_default": self.from_bytes.get_concrete_function(),
            "serving_image": self.from_image.get_concrete_function(),
            "taxonomy": self.names.get_concrete_function(),
        }


def _scorer(
    models: Sequence[tf.keras.Model], tasks: Sequence[Task], taxonomy: Taxonomy
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Returns faces [B, S, S, 3] and valid [B] to the named outputs."""
    widths = {
        "expr": len(taxonomy.expressions),
        "au": len(taxonomy.action_units),
        "va": len(VA_DIMENSIONS),
    }

    def score(faces: tf.Tensor, valid: tf.Tensor) -> dict[str, tf.Tensor]:
        # Some layers cannot run on no rows at all: one is lent to an empty batch.
        count = tf.shape(faces)[0]
        lent = tf.maximum(1 - count, 0)
        faces = tf.pad(faces, [[0, lent], [0, 0], [0, 0], [0, 0]])
        logits = [model({"image": faces}, training=False) for model in models]
        outputs = {VALID: valid}
        for task in tasks:
            members = [
                task.decode(tf.cast(each[task.name], tf.float32)) for each in logits
            ]
            _check_width(task.name, members, widths[task.name], taxonomy)
            stacked = tf.stack(members)[:, :count]
            read = valid[:, tf.newaxis]
            mean = tf.reduce_mean(stacked, axis=0)
            name = OUTPUTS[task.name]
            outputs[name] = tf.where(read, mean, tf.zeros_like(mean))
            if len(members) > 1:
                spread = tf.math.reduce_std(stacked, axis=0)
                outputs[name + SPREAD] = tf.where(read, spread, tf.zeros_like(spread))
        return outputs

    return score


def _check_width(
    name: str, members: Sequence[tf.Tensor], width: int, taxonomy: Taxonomy
) -> None:
    for number, member in enumerate(members):
        if member.shape[-1] != width:
            raise ValueError(
                f"Scores of {name!r} must have {width} columns, as taxonomy "
                f"{taxonomy.name!r} names them. Received: {member.shape[-1]} from "
                f"models[{number}]. Export with the taxonomy of the training."
            )
