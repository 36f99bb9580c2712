"""What TensorBoard shows of a run."""

from __future__ import annotations

import pathlib
from types import TracebackType

import tensorflow as tf
from matplotlib.figure import Figure

from affect_tf.config import ExperimentConfig
from affect_tf.data import input_pipeline
from affect_tf.evaluation import plots
from affect_tf.evaluation.faces import face_figure
from affect_tf.evaluation.faces import pictures
from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.scores import Scores
from affect_tf.training.trainer import GRADIENT_NORM
from affect_tf.training.trainer import StepLog
from affect_tf.training.trainer import Trainer

#: Faces of the grid.
_FACES = 12
#: Pictures are looked at on a screen, several at a time.
_DPI = 72


class TensorBoard:
    """Writes a run's event files; use it as a context.

    Tags: `loss/total`, `loss/expr/supervised`, `loss/expr/distilled`, ...,
    `optimizer/...`, `time/...` by step; `weight/<task>`, `score/<task>/<metric>`,
    `score/expr/f1_by_class/<class>`, `score/au/f1_by_unit/<unit>` and pictures by
    epoch; the config as text.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        config: ExperimentConfig,
        validation: tf.data.Dataset,
        first_step: int,
    ) -> None:
        self._taxonomy = config.taxonomy
        batch = next(input_pipeline.read(validation))
        # The first faces of the split, the same in every epoch.
        self._images, self._rows = pictures(batch, _FACES)
        self._writer = tf.summary.create_file_writer(str(folder))
        if first_step == 0:
            block = "\n".join(f"    {line}" for line in repr(config).splitlines())
            with self._writer.as_default(step=0):
                tf.summary.text("config", block)

    def __enter__(self) -> TensorBoard:
        """Does nothing; the writer is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Writes out what is buffered."""
        self._writer.close()

    def steps(self, log: StepLog, trainer: Trainer) -> None:
        """Writes the figures of the last steps."""
        with self._writer.as_default(step=log.step):
            for name, value in log.losses.items():
                group = "optimizer" if name.startswith(GRADIENT_NORM) else "loss"
                tf.summary.scalar(f"{group}/{name}", value)
            tf.summary.scalar("optimizer/learning_rate", trainer.learning_rate)
            tf.summary.scalar("optimizer/loss_scale", trainer.loss_scale)
            for task, weight in trainer.objective.weighting.weights.items():
                tf.summary.scalar(f"weight/{task}", weight)
            adversarial = trainer.objective.adversarial
            if adversarial is not None:
                weight = adversarial.weight_at(trainer.step)
                tf.summary.scalar("weight/adversarial", weight)
            tf.summary.scalar("time/frames_per_s", log.rows_per_second)
            tf.summary.scalar("time/input_wait", log.input_wait)

    def epoch(
        self,
        step: int,
        scores: Scores,
        predictions: Predictions,
    ) -> None:
        """Writes the scores of an epoch and their pictures."""
        figures = plots.score_figures(scores, predictions)
        if len(self._images):
            figures["faces"] = self._faces(predictions)
        with self._writer.as_default(step=step):
            for name, value in scores.headline().items():
                tf.summary.scalar(f"score/{name}", value)
            for name, entry in scores.expr.by_class.items():
                tf.summary.scalar(f"score/expr/f1_by_class/{name}", entry.f1)
            for name, entry in scores.au.by_unit.items():
                if entry.f1 is not None:
                    tf.summary.scalar(f"score/au/f1_by_unit/{name}", entry.f1)
            for name, figure in figures.items():
                tf.summary.image(name, _picture(figure))
        self._writer.flush()

    def _faces(self, predictions: Predictions) -> Figure:
        first = predictions.select(self._rows)
        return face_figure(self._images, first, self._taxonomy)


def _picture(figure: Figure) -> tf.Tensor:
    """Returns a figure as uint8 [1, H, W, 3]."""
    return tf.io.decode_png(plots.figure_to_png(figure, _DPI), channels=3)[tf.newaxis]
