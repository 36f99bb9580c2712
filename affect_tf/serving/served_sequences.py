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
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.objective.tasks import Task
from affect_tf.serving.score_graphs import ScoreGraphs
from affect_tf.serving.sequence_graphs import SequenceGraphs
from affect_tf.serving.sequence_members import SequenceModels


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
        scores = ScoreGraphs(tasks, taxonomy, temperature)

        @tf.function(input_signature=[])
        def names() -> dict[str, tf.Tensor]:
            return scores.names(thresholds, image_size)

        # A plain object, which is not saved: what it holds are Keras models.
        graphs = SequenceGraphs(models, over, scores, image_size)
        self.weights = graphs.variables
        self._functions = {**graphs.functions(), "taxonomy": names}

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """The graphs by the names under which they are served."""
        return {
            name: function.get_concrete_function()
            for name, function in self._functions.items()
        }
