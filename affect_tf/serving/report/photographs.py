"""Photographs' rows as the cards of a grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving.prediction.table import presence_column
from affect_tf.serving.prediction.table import unit_column
from affect_tf.serving.report import thumbnails

#: Faces that the grid shows; with their pictures about 3 MB.
MOST_CARDS = 500

_BOX = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"]


def grid(rows: pd.DataFrame, taxonomy: Taxonomy) -> dict[str, Any]:
    """Describes photographs for the page.

    Args:
      rows: Of photographs alone; maybe none.
      taxonomy: Of the model.

    Returns:
      "files" and "faces", numbers; "counts", how often each expression is the most
      probable one, over all faces; and "cards", faces spread evenly over the table
      where there are more than `MOST_CARDS`.
    """
    found = rows[rows["success"] == 1]
    step = max(1.0, len(found) / MOST_CARDS)
    chosen = found.iloc[
        [int(each * step) for each in range(min(len(found), MOST_CARDS))]
    ]
    counts = []
    if taxonomy.expressions:
        counts = [
            int((found["expression"] == name).sum()) for name in taxonomy.expressions
        ]
    cards = []
    for file, faces in chosen.groupby("file", sort=False):
        boxes = faces.reindex(columns=_BOX).to_numpy(np.float64)
        places = [tuple(box) for box in boxes.tolist()]
        side = thumbnails.PHOTOGRAPH_SIDE
        pictures = thumbnails.of_photograph(str(file), places, side)
        for (_, row), picture in zip(faces.iterrows(), pictures, strict=True):
            cards.append(_card(row, taxonomy) | {"picture": picture})
    return {
        "files": int(rows["file"].nunique()),
        "faces": len(found),
        "counts": counts,
        "cards": cards,
    }


def _card(row: pd.Series, taxonomy: Taxonomy) -> dict[str, Any]:
    units = [unit_column(unit) for unit in taxonomy.action_units]
    return {
        "file": str(row["file"]),
        "person": int(row["face_id"]),
        "score": _number(row.get("FaceScore")),
        "expressions": [_number(row.get(name)) for name in taxonomy.expressions],
        "units": [_number(row.get(name)) for name in units],
        "present": [_number(row.get(presence_column(name))) for name in units],
        "affect": [_number(row.get(n)) for n in VA_DIMENSIONS]
        if taxonomy.has_va
        else [],
    }


def _number(value: Any) -> float | None:
    """Returns a number with three places; None for what is missing."""
    value = math.nan if value is None else float(value)
    return None if math.isnan(value) else round(value, 3)
