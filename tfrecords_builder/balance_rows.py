"""Rows of a balanced table: those that stay, and their copies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from tfrecords_builder import annotations as annotations_lib


def canonical_order(table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Returns the rows by source, video, subject, frame and key.

    Args:
      table: As `annotations.DEFAULTS` documents it.
      rows: int64 [N], positions in it.
    """
    names = ("key", "frame", "subject", "video", "source")
    columns = [table[name].to_numpy()[rows] for name in names]
    codes = [
        pd.factorize(values, sort=True)[0] if values.dtype == object else values
        for values in columns
    ]
    return rows[np.lexsort(codes)]


def assembled(
    table: pd.DataFrame,
    units: tuple[str, ...],
    labelled: Mapping[str, np.ndarray],
    copies: Mapping[str, np.ndarray],
) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Returns the table with fewer labels and more rows.

    Args:
      table: As `annotations.DEFAULTS` documents it.
      units: Its action units.
      labelled: task -> bool [N], whether a row keeps its label for it, if it has one.
      copies: task -> int64 [N], how many further rows with this label alone.

    Returns:
      The rows that had no label before, or have one still, in their order, and then
      the copies; and the number of the others as split -> "downsampled" -> rows.

    Raises:
      UserError: If the key of a copy is that of another row.
    """
    everything = np.arange(len(table))
    rest = _part(table, units, everything, labelled)
    were, are = (annotations_lib.has_label(t, units).to_numpy() for t in (table, rest))
    lost = were & ~are
    parts, taken = [rest[~lost]], np.ones(len(table), np.int64)
    for task, numbers in copies.items():
        rows = np.repeat(everything, numbers)
        first = np.repeat(np.cumsum(numbers) - numbers, numbers)
        number = np.arange(len(rows)) - first + taken[rows] + 1
        taken += numbers
        alone = {
            name: np.full(len(rows), name == task) for name in annotations_lib.SAMPLING
        }
        part = _part(table, units, rows, alone)
        keys = [
            f"{key}#{n}" for key, n in zip(part["key"], number.tolist(), strict=True)
        ]
        part["key"] = part["clip"] = pd.Series(keys, dtype=object)
        parts.append(part)
    result = pd.concat(parts, ignore_index=True)
    repeated = result["key"].duplicated()
    if repeated.any():
        raise UserError(
            "A copy's key must be free. Received: "
            f"{result['key'][repeated].iloc[0]!r}, which the data set has already. "
            "Rename that file, or use --balance_as=weights."
        )
    splits = table["split"][lost].value_counts()
    return result, {str(s): {"downsampled": int(n)} for s, n in splits.items()}


def _part(
    table: pd.DataFrame,
    units: tuple[str, ...],
    rows: np.ndarray,
    labelled: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Returns some rows with only some labels."""
    part = table.iloc[rows].reset_index(drop=True)
    for task, names in (
        ("expr", ("expression",)),
        ("va", ("valence", "arousal")),
        ("au", units),
    ):
        gone = ~labelled[task]
        if not gone.any():
            continue
        for name in names:
            values = part[name].to_numpy(copy=True)
            values[gone] = None if task == "expr" else np.nan
            part[name] = pd.Series(values, dtype=values.dtype)
    return part
