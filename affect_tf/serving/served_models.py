"""The graphs of an exported model: pictures in, named scores out."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import images
from affect_tf.evaluation import calibration
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
        temperature: float = 1.0,
    ) -> None:
        super().__init__(name="affect_tf")
        self.weights = [list(model.variables) for model in models]
        scores_of = _scorer(models, tasks, taxonomy, temperature)
        score = _masking(scores_of)
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
                "expression_temperature": tf.constant(temperature, tf.float32),
                "valence_arousal": tf.constant(dimensions, tf.string),
                "image_size": tf.constant(image_size, tf.int32),
            }

        self.from_bytes, self.from_image, self.names = from_bytes, from_image, names
        self.image_size = image_size
        self._scores_of = scores_of

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """The graphs by the names under which they are served."""
        return {
            "serving_default": self.from_bytes.get_concrete_function(),
            "serving_image": self.from_image.get_concrete_function(),
            "taxonomy": self.names.get_concrete_function(),
        }

    def network(self) -> tf.types.experimental.GenericFunction:
        """Returns the graph that other formats are made of, without any decoding.

        Its `faces` are uint8 [B, S, S, 3], B at least 1 and S the model's own. It is
        not part of a SavedModel, which would be the larger for it.
        """
        shape = [None, self.image_size, self.image_size, 3]
        faces = tf.TensorSpec(shape, tf.uint8, "faces")
        return tf.function(self._scores_of, input_signature=[faces])


def _scorer(
    models: Sequence[tf.keras.Model],
    tasks: Sequence[Task],
    taxonomy: Taxonomy,
    temperature: float,
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Returns faces [B, S, S, 3], B at least 1, to the named scores."""
    widths = {
        "expr": len(taxonomy.expressions),
        "au": len(taxonomy.action_units),
        "va": len(VA_DIMENSIONS),
    }

    def scores_of(faces: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = [model({"image": faces}, training=False) for model in models]
        outputs = {}
        for task in tasks:
            members = [
                task.decode(tf.cast(each[task.name], tf.float32)) for each in logits
            ]
            _check_width(task.name, members, widths[task.name], taxonomy)
            name, several = OUTPUTS[task.name], len(members) > 1
            mean = tf.reduce_mean(tf.stack(members), axis=0) if several else members[0]
            if task.name == "expr" and temperature != 1:
                mean = _tempered(mean, temperature)
                members = [_tempered(each, temperature) for each in members]
            outputs[name] = mean
            if several:
                outputs[name + SPREAD] = tf.math.reduce_std(tf.stack(members), axis=0)
        return outputs

    return scores_of


def _tempered(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns what `calibration.tempered` does."""
    logs = tf.math.log(tf.maximum(probabilities, calibration.FLOOR))
    return tf.nn.softmax(logs / temperature)


def _masking(
    scores_of: Callable[[tf.Tensor], dict[str, tf.Tensor]],
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Returns faces [B, S, S, 3] and valid [B] to scores, zeros where not valid."""

    def score(faces: tf.Tensor, valid: tf.Tensor) -> dict[str, tf.Tensor]:
        # Some layers cannot run on no rows at all: one is lent to an empty batch.
        count = tf.shape(faces)[0]
        lent = tf.maximum(1 - count, 0)
        faces = tf.pad(faces, [[0, lent], [0, 0], [0, 0], [0, 0]])
        read = valid[:, tf.newaxis]
        outputs = {VALID: valid}
        for name, rows in scores_of(faces).items():
            values = rows[:count]
            outputs[name] = tf.where(read, values, tf.zeros_like(values))
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
