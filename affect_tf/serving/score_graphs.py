"""Graphs from logits to named scores: what every kind of exported model ends in."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

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

#: {output: scores [..., K]}.
Scores = dict[str, tf.Tensor]


class ScoreGraphs:
    """Decodes logits, and makes one score of those of an ensemble.

    Attributes:
      image_size: Side of the faces.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        taxonomy: Taxonomy,
        image_size: int,
        thresholds: Thresholds,
        temperature: float = 1.0,
    ) -> None:
        """Keeps what the scores are to be.

        Args:
          tasks: Whose logits are decoded.
          taxonomy: Names of the columns.
          image_size: Side of the faces.
          thresholds: Of the action units.
          temperature: Of the expressions.
        """
        self.image_size, self._thresholds = image_size, thresholds
        self._tasks, self._taxonomy = tasks, taxonomy
        self._temperature = temperature
        self._widths = {
            "expr": len(taxonomy.expressions),
            "au": len(taxonomy.action_units),
            "va": len(VA_DIMENSIONS),
        }

    @property
    def outputs(self) -> dict[str, int]:
        """The outputs of the tasks, and their columns."""
        return {OUTPUTS[task.name]: self._widths[task.name] for task in self._tasks}

    def decoded(self, logits: Mapping[str, tf.Tensor]) -> Scores:
        """Returns the scores of one member, whose expressions have no temperature.

        Args:
          logits: {task: [N, K]}.

        Raises:
          ValueError: If a width disagrees with the taxonomy.
        """
        scores = {}
        for task in self._tasks:
            values = task.decode(tf.cast(logits[task.name], tf.float32))
            if values.shape[-1] != self._widths[task.name]:
                raise ValueError(
                    f"Scores of {task.name!r} must have {self._widths[task.name]} "
                    f"columns, as taxonomy {self._taxonomy.name!r} names them. "
                    f"Received: {values.shape[-1]}. Export with the taxonomy of the "
                    "training."
                )
            scores[OUTPUTS[task.name]] = values
        return scores

    def combined(self, members: Sequence[Scores]) -> Scores:
        """Returns the mean of some members, and for several of them the spread.

        The temperature divides the mean; spreads are of the members under the same
        one.
        """
        outputs = {}
        for name in self.outputs:
            each, several = [member[name] for member in members], len(members) > 1
            mean = tf.reduce_mean(tf.stack(each), axis=0) if several else each[0]
            if name == OUTPUTS["expr"] and self._temperature != 1:
                mean = self._tempered(mean)
                each = [self._tempered(one) for one in each]
            outputs[name] = mean
            if several:
                outputs[name + SPREAD] = tf.math.reduce_std(tf.stack(each), axis=0)
        return outputs

    def names(self) -> dict[str, tf.Tensor]:
        """Returns what the signature `taxonomy` tells."""
        taxonomy = self._taxonomy
        dimensions = VA_DIMENSIONS if taxonomy.has_va else ()
        values = [self._thresholds.values[unit] for unit in taxonomy.action_units]
        return {
            "expressions": tf.constant(taxonomy.expressions, tf.string),
            "action_units": tf.constant(taxonomy.action_units, tf.string),
            "action_unit_thresholds": tf.constant(values, tf.float32),
            "expression_temperature": tf.constant(self._temperature, tf.float32),
            "valence_arousal": tf.constant(dimensions, tf.string),
            "image_size": tf.constant(self.image_size, tf.int32),
        }

    def _tempered(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns what `calibration.tempered` does."""
        logs = tf.math.log(tf.maximum(probabilities, calibration.FLOOR))
        return tf.nn.softmax(logs / self._temperature)


def masked(scores: Mapping[str, tf.Tensor], valid: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns scores [..., K] that are zeros where not valid [...], and `VALID`."""
    read = valid[..., tf.newaxis]
    zeros = {
        name: tf.where(read, values, tf.zeros_like(values))
        for name, values in scores.items()
    }
    return {VALID: valid, **zeros}


def lent(values: tf.Tensor, axes: int = 1) -> tf.Tensor:
    """Returns values with a row of zeros along the leading axes that have none.

    Some layers cannot run on no rows at all.
    """
    missing = tf.maximum(1 - tf.shape(values)[:axes], 0)
    after = tf.concat([missing, tf.zeros([values.shape.rank - axes], tf.int32)], 0)
    padded = tf.pad(values, tf.stack([tf.zeros_like(after), after], axis=1))
    return tf.ensure_shape(padded, [*[None] * axes, *values.shape[axes:]])
