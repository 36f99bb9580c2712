"""A film's rows as curves over time, short enough for a page, one set a person.

Where a film has more frames than a page can show, neighbours are joined: a point is the
mean of as many frames as its film says.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd

from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving.prediction.table import presence_column
from affect_tf.serving.prediction.table import unit_column
from affect_tf.serving.score_graphs import SPREAD

#: A value that is missing: the highest of the numbers that hold the others.
_MISSING = 65535
_STEPS = 65534


@dataclasses.dataclass(frozen=True)
class Still:
    """A face of a film that the strip shows.

    Attributes:
      slot: Its place in the strip, from the left.
      frame: The frame's number.
      time: Seconds from the film's zero.
      box: Left, top, width and height, pixels; NaN where nobody looked for it.
    """

    slot: int
    frame: int
    time: float
    box: tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Person:
    """One person of one film.

    Attributes:
      number: Their `face_id`.
      rows: Their rows, by time.
      stills: Which faces to show.
    """

    number: int
    rows: pd.DataFrame
    stills: tuple[Still, ...]


def persons(rows: pd.DataFrame, most: int, slots: int) -> tuple[list[Person], int]:
    """Chooses who of a film is shown.

    Args:
      rows: Of one film.
      most: How many to show; those who are seen longest, in order of their numbers.
      slots: Stills of each, spread evenly over the film; a slot in which they are not
        seen has none.

    Returns:
      Them, and how many people are left out.
    """
    found = rows[rows["success"] == 1]
    counts = found["face_id"].value_counts()
    kept = sorted(counts.index[:most])
    end = max(float(rows["timestamp"].max()), 1e-9)
    chosen = []
    for number in kept:
        theirs = found[found["face_id"] == number].sort_values("frame", kind="stable")
        stills = _stills(theirs, end, slots)
        chosen.append(Person(int(number), theirs, stills))
    return chosen, len(counts) - len(kept)


def _stills(rows: pd.DataFrame, end: float, slots: int) -> tuple[Still, ...]:
    times = rows["timestamp"].to_numpy(np.float64)
    boxes = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"]
    places = rows.reindex(columns=boxes).to_numpy(np.float64)
    frames = rows["frame"].to_numpy(np.int64)
    slot = np.minimum((times / end * slots).astype(int), slots - 1)
    chosen = []
    for number in range(slots):
        inside = np.flatnonzero(slot == number)
        if not len(inside):
            continue
        middle = (number + 0.5) / slots * end
        row = inside[np.argmin(np.abs(times[inside] - middle))]
        place = tuple(places[row].tolist())
        chosen.append(Still(number, int(frames[row]), float(times[row]), place))
    return tuple(chosen)


class Clock:
    """The points in time at which a film is shown.

    Attributes:
      times: Seconds of each point, rising.
      frames: Number of frames of the film, as the table has them.
      end: Where the last frame ends, seconds.
    """

    def __init__(self, rows: pd.DataFrame, most: int) -> None:
        """Joins frames.

        Args:
          rows: Of one film, one at least.
          most: Points at the most.
        """
        each = rows.drop_duplicates("frame").sort_values("frame", kind="stable")
        self._frames = each["frame"].to_numpy(np.int64)
        times = each["timestamp"].to_numpy(np.float64)
        self.frames = len(times)
        step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
        self.end = float(times[-1] + step)
        self._points = min(most, self.frames)
        point = np.arange(self.frames) * self._points // self.frames
        self.times = _means(point, times, self._points)

    @property
    def frames_a_point(self) -> int:
        """How many frames a point stands for, 1 or more, at the most."""
        return math.ceil(self.frames / self._points)

    def points(self, frames: np.ndarray) -> np.ndarray:
        """Returns the point of each frame, by its number."""
        rank = np.searchsorted(self._frames, frames)
        return rank * self._points // self.frames

    def means(self, person: Person, column: str) -> np.ndarray:
        """Returns a column's mean at each point, NaN where the person is not seen."""
        points = self.points(person.rows["frame"].to_numpy(np.int64))
        values = person.rows[column].to_numpy(np.float64, na_value=np.nan)
        return _means(points, values, self._points)


def bytes_a_point(taxonomy: Taxonomy) -> int:
    """Returns how many bytes of a page one point of one person takes."""
    scores = len(taxonomy.expressions) + 2 * len(taxonomy.action_units)
    return math.ceil((scores + 4 * taxonomy.has_va) * 2 * 4 / 3)


def channels(person: Person, clock: Clock, taxonomy: Taxonomy) -> dict[str, str]:
    """Returns a person's curves, each as text.

    Returns:
      {column: base64 of little-endian uint16, one a point}. 0 to 65534 stand for the
      range of the column: -1 to 1 for valence and arousal, 0 to 1 for all others, and
      65535 for a value that is missing. Columns that the rows lack are left out.
    """
    units = [unit_column(unit) for unit in taxonomy.action_units]
    names = [*taxonomy.expressions, *units, *map(presence_column, units)]
    if taxonomy.has_va:
        names += [*VA_DIMENSIONS, *(name + SPREAD for name in VA_DIMENSIONS)]
    found = [name for name in names if name in person.rows.columns]
    return {
        name: packed(
            clock.means(person, name), -1.0 if name in VA_DIMENSIONS else 0.0, 1.0
        )
        for name in found
    }


def summary(person: Person, taxonomy: Taxonomy) -> dict[str, Any]:
    """Returns a person's means over their frames, rounded; None where there is none."""
    rows = person.rows
    units = [unit_column(unit) for unit in taxonomy.action_units]

    def mean(name: str) -> float | None:
        if name not in rows.columns:
            return None
        value = float(rows[name].astype(np.float64).mean())
        return None if math.isnan(value) else round(value, 4)

    most = rows["expression"] if taxonomy.expressions else pd.Series([], dtype=object)
    return {
        "frames": len(rows),
        "first": round(float(rows["timestamp"].iloc[0]), 3),
        "last": round(float(rows["timestamp"].iloc[-1]), 3),
        "expressions": [mean(name) for name in taxonomy.expressions],
        "most": [int((most == name).sum()) for name in taxonomy.expressions],
        "units": [mean(name) for name in units],
        "present": [mean(presence_column(name)) for name in units],
        "affect": [mean(n) for n in VA_DIMENSIONS] if taxonomy.has_va else [],
    }


def packed(values: np.ndarray, low: float, high: float) -> str:
    """Returns numbers as text; see `channels`. Those out of range are clipped."""
    share = np.clip((values - low) / (high - low), 0, 1) * _STEPS
    whole = np.where(np.isnan(share), _MISSING, np.round(share))
    return base64.b64encode(whole.astype("<u2").tobytes()).decode()


def _means(points: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    known = ~np.isnan(values)
    sums = np.bincount(points[known], values[known], minlength=count)
    numbers = np.bincount(points[known], minlength=count)
    with np.errstate(invalid="ignore"):
        return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
