"""The rows of a table, by frame, as the faces that an overlay draws."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving.overlay.face_panel import FaceScores
from affect_tf.serving.prediction.table import presence_column
from affect_tf.serving.prediction.table import unit_column
from affect_tf.serving.score_graphs import SPREAD

_BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")


class FaceRows:
    """The faces of one film or photograph, by the number of the frame."""

    def __init__(self, rows: pd.DataFrame, taxonomy: Taxonomy) -> None:
        """Sorts the rows.

        Args:
          rows: Of one file; see `table`. Those without success are left out.
          taxonomy: Of the model. A task whose columns are missing is not drawn.
        """
        found = rows[rows["success"] == 1] if len(rows) else rows
        found = found.sort_values("frame", kind="stable") if len(found) else found
        self._frames = found["frame"].to_numpy(np.int64) if len(found) else np.zeros(0)
        self._persons = _numbers(found, ["face_id"])[:, 0]
        self._boxes = _numbers(found, list(_BOX))
        self._classes = taxonomy.expressions
        self._units = taxonomy.action_units
        columns = [unit_column(unit) for unit in taxonomy.action_units]
        self._expressions = _numbers(found, list(taxonomy.expressions))
        self._present = _numbers(found, [presence_column(name) for name in columns])
        self._affect = _numbers(found, list(VA_DIMENSIONS))
        self._spread = _numbers(found, [name + SPREAD for name in VA_DIMENSIONS])

    def of_frame(self, frame: int) -> list[FaceScores]:
        """Returns the faces of a frame, maybe none."""
        first, last = np.searchsorted(self._frames, [frame, frame + 1])
        return [self._face(row) for row in range(first, last)]

    def _face(self, row: int) -> FaceScores:
        left, top, width, height = self._boxes[row].tolist()
        box = (left, top, left + width, top + height)
        shares, present = self._expressions[row], self._present[row]
        order = np.argsort(-shares, kind="stable")
        named = [(self._classes[each], float(shares[each])) for each in order]
        units = zip(self._units, present, strict=True)
        return FaceScores(
            person=int(np.nan_to_num(self._persons[row], nan=-1)),
            box=None if any(map(math.isnan, box)) else box,
            expressions=() if np.isnan(shares).any() else tuple(named),
            units=()
            if np.isnan(present).any()
            else tuple((unit, value > 0) for unit, value in units),
            valence_arousal=_pair(self._affect[row]),
            spread=_pair(self._spread[row]),
        )


def _numbers(rows: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Returns float64 [N, columns]; NaN where a column does not exist."""
    return rows.reindex(columns=columns).to_numpy(np.float64, na_value=np.nan)


def _pair(values: np.ndarray) -> tuple[float, float] | None:
    return None if np.isnan(values).any() else (float(values[0]), float(values[1]))
