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

from collections.abc import Sequence

import tensorflow as tf

from affect_tf.serving.graphs.sequence_graphs import SequenceGraphs
from affect_tf.serving.graphs.sequence_members import SequenceModels
from affect_tf.serving.graphs.served_graphs import ServedGraphs
from affect_tf.serving.score_graphs import ScoreGraphs


class ServedSequences(ServedGraphs):
    """The graphs of an export of models of time."""

    def __init__(
        self,
        models: Sequence[tf.keras.Model],
        over: SequenceModels,
        scores: ScoreGraphs,
    ) -> None:
        """Builds the graphs.

        Args:
          models: Of `Temporal.end_to_end`, all with the same inputs.
          over: What they look at.
          scores: What they end in.
        """
        # No attribute, which would be saved: what it holds are Keras models.
        graphs = SequenceGraphs(models, over, scores)
        super().__init__(graphs.variables, graphs.functions(), scores)
