"""Faces of people over time to scores: the one place that knows what a model looks at.

A model of single pictures scores each face on its own, so that faces of any people and
files make up its batches. A model of time would take a person's last faces together:
it needs no more than what a `Face` says of itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.loaded_model import Outputs
from affect_tf.serving.score_graphs import VALID

_UNREADABLE = "cannot be read: it is no whole JPEG or PNG of at most 33 million pixels"


@dataclasses.dataclass(eq=False)
class Face:
    """A face that waits for its scores.

    Attributes:
      file: Number of its file among all; faces come in the order of the files.
      person: Who it is within the file.
      time: Seconds from the file's zero; a person's faces come in its order.
      content: The aligned face: uint8 [H, W, 3], RGB, or a JPEG or PNG file. None once
        it has been scored.
      scores: {output of the model: float32 [K]} once known.
      problem: Why there will be no scores; "" where nothing is wrong.
    """

    file: int
    person: int
    time: float
    content: np.ndarray | bytes | None
    scores: Outputs | None = None
    problem: str = ""


class Scorer(Protocol):
    """Fills in the scores of faces, at the latest when `flush` is called."""

    def add(self, face: Face) -> None:
        """Takes the next face."""

    def flush(self) -> None:
        """Scores all that wait."""


class PictureScorer:
    """Scores each face on its own, a batch at a time; a `Scorer`."""

    def __init__(self, model: LoadedModel, batch_size: int) -> None:
        self._model, self._batch_size = model, batch_size
        self._waiting: list[Face] = []

    def add(self, face: Face) -> None:
        """Takes a face; the last of a batch has all of it scored."""
        self._waiting.append(face)
        if len(self._waiting) >= self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Scores what waits: files together, and pictures of one size together."""
        waiting, self._waiting = self._waiting, []
        groups: dict[object, list[Face]] = {}
        for face in waiting:
            groups.setdefault(getattr(face.content, "shape", bytes), []).append(face)
        for kind, faces in groups.items():
            contents = [face.content for face in faces]
            self._fill(faces, self._outputs(contents, kind is bytes))

    def _outputs(
        self, contents: Sequence[np.ndarray | bytes], are_files: bool
    ) -> Outputs:
        try:
            if are_files:
                return self._model.from_bytes(contents)
            return self._model.from_images(np.stack(contents))
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                "A batch must fit into the memory of the device. "
                f"Received: {len(contents)} faces. Lower --batch."
            ) from error

    @staticmethod
    def _fill(faces: Sequence[Face], outputs: Outputs) -> None:
        valid = outputs[VALID]
        names = [name for name in outputs if name != VALID]
        for row, face in enumerate(faces):
            face.content = None
            if valid[row]:
                face.scores = {name: outputs[name][row] for name in names}
            else:
                face.problem = _UNREADABLE
