"""Scores of one person, averaged over the faces shortly before and after.

A face at time t takes the mean over that person's faces from t - s to t + s, weighted
by Hann's window, 1 + cos(pi d / s) at a distance of d: the nearest count most, and
nothing lags. So each row waits until s seconds later: that is the latency.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator
from typing import Generic
from typing import TYPE_CHECKING
from typing import TypeVar

import numpy as np

from affect_tf.errors import UserError

if TYPE_CHECKING:  # TensorFlow comes with it, and flags are checked without.
    from affect_tf.serving.loaded_model import Outputs

#: Longer than any expression; a guard against milliseconds.
MAX_SECONDS = 60.0

_T = TypeVar("_T")


class Smoother(Generic[_T]):
    """Smooths the rows of one film as they pass."""

    def __init__(self, seconds: float) -> None:
        """Starts a film.

        Args:
          seconds: s above, 0 to `MAX_SECONDS`; 0 changes nothing and delays nothing.
        """
        self._seconds = checked_seconds(seconds)
        self._rows: collections.deque[tuple[_T, float, int, Outputs | None]] = (
            collections.deque()
        )
        self._past: dict[int, collections.deque[tuple[float, Outputs]]] = {}

    def add(
        self, row: _T, time: float, person: int, scores: Outputs | None
    ) -> Iterator[tuple[_T, Outputs | None]]:
        """Takes a row, and gives those that wait no longer, with their scores.

        Args:
          row: Comes back as it is.
          time: Seconds, not less than before.
          person: Whose scores they are.
          scores: {output: float [K]}; None in a row without a face.
        """
        if self._seconds == 0:
            yield row, scores
            return
        self._rows.append((row, time, person, scores))
        if scores is not None:
            self._past.setdefault(person, collections.deque()).append((time, scores))
        # A face later than this one may be of the same frame: it has the same time.
        while self._rows and self._rows[0][1] < time - self._seconds:
            yield self._first()

    def end(self) -> Iterator[tuple[_T, Outputs | None]]:
        """Gives the rest: no later face will come."""
        while self._rows:
            yield self._first()

    def _first(self) -> tuple[_T, Outputs | None]:
        row, time, person, scores = self._rows.popleft()
        if scores is None:
            self._forget(time)
            return row, scores
        near = [
            (1 + math.cos(math.pi * (other - time) / self._seconds), each)
            for other, each in self._past[person]
            if abs(other - time) <= self._seconds
        ]
        weights = np.array([weight for weight, _ in near])
        weights /= weights.sum()
        smooth = {
            name: np.float32(weights @ np.stack([each[name] for _, each in near]))
            for name in scores
        }
        self._forget(time)
        return row, smooth

    def _forget(self, time: float) -> None:
        """Drops what no row from this time on looks back to."""
        for person in list(self._past):
            faces = self._past[person]
            while faces and faces[0][0] < time - self._seconds:
                faces.popleft()
            if not faces:
                del self._past[person]


def checked_seconds(seconds: float) -> float:
    """Returns the seconds.

    Raises:
      UserError: If they are out of range.
    """
    if not 0 <= seconds <= MAX_SECONDS:
        raise UserError(
            f"--smooth must be 0 to {MAX_SECONDS:.0f} seconds. "
            f"Received: --smooth={seconds}. Correct it.",
            exit_code=2,
        )
    return seconds
