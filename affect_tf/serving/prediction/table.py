"""The table that prediction gives: its columns, and its rows from faces and scores.

One row a face. The names of the columns are those that users of OpenFace and py-feat
know. All formats and the DataFrame hold the same, already rounded, values.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.faces.analysis import Seen
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving.score_graphs import OUTPUTS
from affect_tf.serving.score_graphs import SPREAD

#: What a column holds: text, an integer that is never missing, a presence of 1 or 0
#: that may be, or a number that may be.
TEXT, WHOLE, PRESENCE, NUMBER = "text", "whole", "presence", "number"

#: One row: values in the order of `Columns.names`, NaN where there is none.
Row = tuple[Any, ...]

_PLACE = (
    ("file", TEXT),
    ("frame", WHOLE),
    ("timestamp", NUMBER),
    ("face_id", WHOLE),
    ("success", WHOLE),
    ("problem", TEXT),
)
_FACE = (
    *("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"),
    *(f"{axis}_{point}" for axis in "xy" for point in range(5)),
    *("Pitch", "Roll", "Yaw", "blur"),
)

#: What an aligned face lacks: nobody looked where it was.
_NO_FACE = (math.nan,) * len(_FACE)
_DECIMALS = 6

#: The person of a row without a face.
NOBODY = -1
#: The problem of a row without a face that has no other.
NO_FACE = "no face"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a row comes from.

    Attributes:
      file: As the user named it.
      frame: 0 for the first frame of a film, and for a photograph.
      time: Seconds from the film's zero; 0 for a photograph.
    """

    file: str
    frame: int = 0
    time: float = 0.0


class Columns:
    """The columns of a model's table, and rows in their order.

    Attributes:
      names: All of them, in order.
      kinds: {name: `TEXT`, `WHOLE`, `PRESENCE` or `NUMBER`}.
      outputs: {output of the model: the columns that its numbers are in}.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        has_spread: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        """Names the columns.

        Args:
          taxonomy: Of the tasks that the model has.
          has_spread: Whether each score has a standard deviation over an ensemble.
          thresholds: {action unit: the probability from which it is present}; 0.5 for
            those left out.

        Raises:
          UserError: If an expression is called like another column.
        """
        self._taxonomy = taxonomy
        limits = thresholds or {}
        self._limits = np.float32([limits.get(u, 0.5) for u in taxonomy.action_units])
        units = [unit_column(unit) for unit in taxonomy.action_units]
        scores = {
            "expr": list(taxonomy.expressions),
            "au": units,
            "va": list(VA_DIMENSIONS),
        }
        columns = [*_PLACE, *((name, NUMBER) for name in _FACE)]
        for task in taxonomy.tasks:
            columns += [(name, NUMBER) for name in scores[task]]
            if task == "expr":
                columns.append(("expression", TEXT))
            if task == "au":
                columns += [(presence_column(u), PRESENCE) for u in units]
        self.outputs = {OUTPUTS[task]: scores[task] for task in taxonomy.tasks}
        self._spreads = taxonomy.tasks if has_spread else ()
        for task in self._spreads:
            spreads = [name + SPREAD for name in scores[task]]
            columns += [(name, NUMBER) for name in spreads]
            self.outputs[OUTPUTS[task] + SPREAD] = spreads
        self.names = tuple(name for name, _ in columns)
        self.kinds = dict(columns)
        if len(self.kinds) < len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise UserError(
                "An expression must not be called like a column of the table. "
                f"Received: {', '.join(twice)}. Export a model with another name."
            )
        self._without = self._missing_scores()

    def face(self, place: Place, seen: Seen, scores: Mapping[str, np.ndarray]) -> Row:
        """Returns the row of a face.

        Args:
          place: Where it was.
          seen: The face; its `person` is the `face_id`.
          scores: {output of the model: float [K], the face's own}.
        """
        found = (NOBODY if seen.person is None else seen.person, 1, "")
        return (*_placed(place), *found, *_geometry(seen), *self._scores(scores))

    def aligned(self, place: Place, scores: Mapping[str, np.ndarray]) -> Row:
        """Returns the row of a picture that is an aligned face, person 0."""
        return (*_placed(place), 0, 1, "", *_NO_FACE, *self._scores(scores))

    def failed(self, place: Place, problem: str = NO_FACE) -> Row:
        """Returns the row of a picture, a frame or a film without a face."""
        found = (NOBODY, 0, text(problem))
        return (*_placed(place), *found, *_NO_FACE, *self._without)

    def frame(self, rows: Iterable[Row]) -> pd.DataFrame:
        """Returns rows as a table; one without rows has the columns all the same."""
        made = pd.DataFrame.from_records(list(rows), columns=list(self.names))
        return typed(made, self.kinds)

    def _scores(self, scores: Mapping[str, np.ndarray]) -> Row:
        values: list[Any] = []
        for task in self._taxonomy.tasks:
            task_scores = scores[OUTPUTS[task]]
            values += _rounded(task_scores)
            if task == "expr":
                values.append(self._taxonomy.expressions[int(np.argmax(task_scores))])
            if task == "au":
                values += (task_scores >= self._limits).astype(int).tolist()
        for task in self._spreads:
            values += _rounded(scores[OUTPUTS[task] + SPREAD])
        return tuple(values)

    def _missing_scores(self) -> Row:
        first = len(_PLACE) + len(_FACE)
        kinds = [self.kinds[name] for name in self.names[first:]]
        return tuple("" if kind == TEXT else math.nan for kind in kinds)


def unit_column(unit: str) -> str:
    """Returns the column of an action unit: "AU01" for "AU1"."""
    return f"AU{int(unit[2:]):02d}"


def presence_column(column: str) -> str:
    """Returns the column that says whether an action unit is present: "AU01_c"."""
    return f"{column}_c"


def text(value: str) -> str:
    """Returns text that UTF-8 can hold, whatever bytes the names on the disk have."""
    return value.encode("utf-8", "replace").decode()


def typed(rows: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Returns a table whose columns have the types of their kinds.

    Presence is float64, 1, 0 or NaN, so that arithmetic works on it as on a score.
    """
    types = {TEXT: object, WHOLE: np.int64, PRESENCE: np.float64, NUMBER: np.float64}
    return rows.astype({name: types[kinds[name]] for name in rows.columns})


def _placed(place: Place) -> Row:
    return text(place.file), place.frame, round(place.time, _DECIMALS)


def _geometry(seen: Seen) -> Row:
    face, quality = seen.face, seen.quality
    if face is None or quality is None:
        return _NO_FACE
    left, top, right, bottom = face.box
    points = np.asarray(face.points, np.float64)
    angles = (quality.pitch, quality.roll, quality.yaw)
    return (
        *(round(float(edge), 2) for edge in (left, top, right - left, bottom - top)),
        round(float(face.score), _DECIMALS),
        *np.round(points.T, 2).ravel().tolist(),
        *(round(float(angle), 2) for angle in angles),
        round(float(quality.blur), 2),
    )


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, np.float64), _DECIMALS).tolist()
