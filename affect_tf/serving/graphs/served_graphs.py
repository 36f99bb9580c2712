"""What is saved of an export, whatever its models look at: weights and named graphs."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.serving.score_graphs import ScoreGraphs


class ServedGraphs(tf.Module):
    """The graphs of an export; holds variables, not Keras models.

    Keras objects would bring their own functions and metadata along, which take
    longest to load and which nobody calls.
    """

    def __init__(
        self,
        weights: Sequence[Sequence[tf.Variable]],
        functions: Mapping[str, tf.types.experimental.GenericFunction],
        scores: ScoreGraphs,
    ) -> None:
        """Adds the graph of the names.

        Args:
          weights: Those of each network.
          functions: The graphs by the names under which they are served.
          scores: What they end in.
        """
        super().__init__(name="affect_tf")
        self.weights = weights

        @tf.function(input_signature=[])
        def names() -> dict[str, tf.Tensor]:
            return scores.names()

        self._functions = {**functions, "taxonomy": names}

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """The graphs by the names under which they are served."""
        return {
            name: function.get_concrete_function()
            for name, function in self._functions.items()
        }
