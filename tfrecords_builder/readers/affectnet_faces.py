"""What both releases of AffectNet say of a face, before it is known which are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from tfrecords_builder.readers.numeric_cells import NumericCells
from tfrecords_builder.rejects import Reject

#: What the codes of the data set mean, in its own order.
CODES = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
    "none",
    "uncertain",
    "no face",
)
#: The last code that is an expression. Those behind it carry no label of any task.
LAST_EXPRESSION = CODES.index("contempt")

#: What stands for "no value", in both valence and arousal.
NO_VALUE = -2.0


class ListedFaces(NamedTuple):
    """The faces of a release, labelled or not, with a picture or without.

    Attributes:
      rows: One row a face: `key`, `path` (below the root), `present` (whether that
        file exists), `split`, `row`, `origin`, `code` (of the expression; NaN for
        none), `valence` and `arousal` (NaN for none).
      points: float32 [N, 5, 2], pixels; NaN where unknown or not needed.
      boxes: float32 [N, 4], pixels; NaN where unknown or not needed.
      rejects: Rows that break a rule.
      notes: Remarks.
      unlisted: split -> number of pictures without a row, where a folder holds the
        pictures of one split.
    """

    rows: pd.DataFrame
    points: np.ndarray
    boxes: np.ndarray
    rejects: list[Reject]
    notes: list[str]
    unlisted: dict[str, int]


def join(parts: Sequence[ListedFaces]) -> ListedFaces:
    """Returns several parts of a release as one; there must be one at least."""
    return ListedFaces(
        rows=pd.concat([part.rows for part in parts], ignore_index=True),
        points=np.concatenate([part.points for part in parts]),
        boxes=np.concatenate([part.boxes for part in parts]),
        rejects=[reject for part in parts for reject in part.rejects],
        notes=[note for part in parts for note in part.notes],
        unlisted={split: n for part in parts for split, n in part.unlisted.items()},
    )


def labels(cells: NumericCells, blank: bool = False) -> dict[str, np.ndarray]:
    """Returns `code`, `valence` and `arousal`, float64 [N] each.

    NaN is what is absent or wrong. Nothing is left of valence and arousal where the
    code is no expression.

    Args:
      cells: Rows with the fields "expression", "valence" and "arousal"; those that
        break a rule are rejected.
      blank: Whether the expression may be left out.
    """
    code = cells.numbers("expression", 0, len(CODES) - 1, whole=True, blank=blank)
    found = {"code": code}
    absent = {}
    for name in ("valence", "arousal"):
        values = cells.numbers(name, NO_VALUE, 1)
        absent[name] = values == NO_VALUE
        reason = f"must be a number from -1 to 1, or {NO_VALUE:g} for none"
        cells.reject(name, (values < -1) & ~absent[name], reason)
        found[name] = np.where(absent[name], np.nan, values)
    alone = (absent["valence"] != absent["arousal"]) & ~cells.rejected
    reason = f"must be {NO_VALUE:g} where arousal is, and only there"
    cells.reject("valence", alone, reason)
    for name in ("valence", "arousal"):
        found[name][found["code"] > LAST_EXPRESSION] = np.nan
    return found
