"""Faces of people over time to scores: the one place that knows what a model looks at.

A model of single pictures scores each face on its own, so that faces of any people and
files make up its batches. What models of time need of a face is here as well: who it
is, when, and when no more of a file will come.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.loaded_model import Outputs
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.score_graphs import VALID

#: The problem of a file that is no picture.
UNREADABLE = "cannot be read: it is no whole JPEG or PNG of at most 33 million pixels"


@dataclasses.dataclass(eq=False)
class Face:
    """A face that waits for its scores.

    Attributes:
      file: Number of its file among all; faces come in the order of the files.
      person: Who it is within the file.
      frame: Number of its frame in the film; 0 in a photograph.
      time: Seconds from the file's zero; a person's faces come in its order.
      content: The aligned face: uint8 [H, W, 3], RGB, or a JPEG or PNG file. None once
        it has been scored.
      scores: {output of the model: float32 [K]} once known.
      problem: Why there will be no scores; "" where nothing is wrong.
    """

    file: int
    person: int
    frame: int
    time: float
    content: np.ndarray | bytes | None
    scores: Outputs | None = None
    problem: str = ""


class Scorer(Protocol):
    """Fills in the scores of faces, in the order of the files and their frames."""

    def advance(self, file: int, material: Material, frame: int | None) -> None:
        """Is told of each frame before its faces come, with and without faces.

        Args:
          file: Number of the file among all.
          material: What the file is.
          frame: Number of the frame; None at the end of the file.
        """

    def add(self, face: Face) -> None:
        """Takes the next face."""

    def flush(self) -> None:
        """Scores all that waits, but what a later frame of the same file may change."""


class PictureScorer:
    """Scores each face on its own, a batch at a time; a `Scorer`."""

    def __init__(self, model: LoadedModel, batch_size: int) -> None:
        self._model, self._batch_size = model, batch_size
        self._waiting: list[Face] = []

    def advance(self, file: int, material: Material, frame: int | None) -> None:
        """Does nothing: no face has to do with another."""

    def add(self, face: Face) -> None:
        """Takes a face; the last of a batch has all of it scored."""
        self._waiting.append(face)
        if len(self._waiting) >= self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Scores what waits: files together, and pictures of one size together."""
        waiting, self._waiting = self._waiting, []
        for faces, are_files in alike(waiting):
            contents = [face.content for face in faces]
            with fitting(len(faces)):
                if are_files:
                    outputs = self._model.from_bytes(contents)
                else:
                    outputs = self._model.from_images(np.stack(contents))
            _fill(faces, outputs)


def alike(faces: Sequence[Face]) -> Iterator[tuple[list[Face], bool]]:
    """Gives faces that go into a model together, and whether they are files."""
    groups: dict[object, list[Face]] = {}
    for face in faces:
        groups.setdefault(getattr(face.content, "shape", bytes), []).append(face)
    for kind, group in groups.items():
        yield group, kind is bytes


@contextlib.contextmanager
def fitting(count: int) -> Iterator[None]:
    """Raises UserError where so many faces need more memory than there is."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "A batch must fit into the memory of the device. "
            f"Received: {count} faces. Lower --batch."
        ) from error


def _fill(faces: Sequence[Face], outputs: Outputs) -> None:
    valid = outputs[VALID]
    names = [name for name in outputs if name != VALID]
    for row, face in enumerate(faces):
        face.content = None
        if valid[row]:
            face.scores = {name: outputs[name][row] for name in names}
        else:
            face.problem = UNREADABLE
