"""The graphs of an exported model of single pictures: pictures in, named scores out."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import images
from affect_tf.serving import score_graphs
from affect_tf.serving.graphs.served_graphs import ServedGraphs
from affect_tf.serving.score_graphs import ScoreGraphs


class ServedModels(ServedGraphs):
    """The graphs of an export of models of single pictures."""

    def __init__(self, models: Sequence[tf.keras.Model], scores: ScoreGraphs) -> None:
        """Builds the graphs.

        Args:
          models: Of `build.build`, all for faces of the same side.
          scores: What they end in.
        """
        encoded = [tf.TensorSpec([None], tf.string, "image_bytes")]
        pixels = [tf.TensorSpec([None, None, None, 3], tf.uint8, "image")]

        def scores_of(faces: tf.Tensor) -> dict[str, tf.Tensor]:
            """Returns faces [B, S, S, 3], B at least 1, to the named scores."""
            logits = [model({"image": faces}, training=False) for model in models]
            return scores.combined([scores.decoded(each) for each in logits])

        score = _masking(scores_of)

        @tf.function(input_signature=encoded)
        def from_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            return score(*images.decode_batch(image_bytes, scores.image_size))

        @tf.function(input_signature=pixels)
        def from_image(image: tf.Tensor) -> dict[str, tf.Tensor]:
            faces = images.resize(image, scores.image_size)
            return score(faces, tf.ones_like(faces[:, 0, 0, 0], tf.bool))

        super().__init__(
            [list(model.variables) for model in models],
            {"serving_default": from_bytes, "serving_image": from_image},
            scores,
        )
        self.image_size = scores.image_size
        self._scores_of = scores_of

    def network(self) -> tf.types.experimental.GenericFunction:
        """Returns the graph that other formats are made of, without any decoding.

        Its `faces` are uint8 [B, S, S, 3], B at least 1 and S the model's own. It is
        not part of a SavedModel, which would be the larger for it.
        """
        shape = [None, self.image_size, self.image_size, 3]
        faces = tf.TensorSpec(shape, tf.uint8, "faces")
        return tf.function(self._scores_of, input_signature=[faces])


def _masking(
    scores_of: Callable[[tf.Tensor], dict[str, tf.Tensor]],
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Returns faces [B, S, S, 3] and valid [B] to scores, zeros where not valid."""

    def score(faces: tf.Tensor, valid: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(faces)[0]
        outputs = scores_of(score_graphs.lent(faces))
        rows = {name: values[:count] for name, values in outputs.items()}
        return score_graphs.masked(rows, valid)

    return score
