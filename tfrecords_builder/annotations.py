"""The one table that every reader fills, and every writer reads.

A reader knows one layout on disk, its label order and its marks for a missing
label; past it a label is a name, a number in range, or absent.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.data.sample import Frame
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import rejects as rejects_lib
from tfrecords_builder.rejects import Reject

#: What a source may be called: it becomes part of a file name.
SOURCE_NAME = re.compile(r"[A-Za-z0-9_-]+")

#: Columns of the table besides the action units, with the value of an absent one.
#:
#: key: str, unique for each frame; what `read_image` takes.
#: clip: str; frames with the same clip make one sample, in order of `frame`. A still
#:   is its own clip: by default the key.
#: split: "train", "validation" or "test".
#: source: str, letters, digits, "_" and "-": the data set or subset.
#: subject: str, unique within the source. By default the clip: nobody known twice.
#: video: str; empty for a still.
#: frame: int, frame number in the video; 0 for a still.
#: expression: canonical class name, or None where unlabelled.
#: valence, arousal: float in [-1, 1], NaN where unlabelled; always both or neither.
#: row: int, line number in the annotation file; 0 where there is none.
#:
#: One more column for each action unit of the taxonomy ("AU4"): 0.0, 1.0, or NaN
#: where unlabelled.
DEFAULTS = {
    "key": None,
    "clip": None,
    "split": "train",
    "source": None,
    "subject": None,
    "video": "",
    "frame": 0,
    "expression": None,
    "valence": np.nan,
    "arousal": np.nan,
    "row": 0,
}


@dataclasses.dataclass(frozen=True)
class Annotations:
    """A data set before it is written.

    Attributes:
      table: One row a frame; `DEFAULTS` documents the columns. `complete` adds those
        that a reader does not know.
      taxonomy: The classes and units of the table.
      read_image: Takes a key and returns the bytes of the picture. Called from
        several threads. An OSError rejects the row.
      origin: The annotation file, for messages.
      rejects: What the reader itself had to leave out.
      notes: Remarks for the summary, a line each.
      stamp: Takes a key and returns what changes when its picture does; None where
        the pictures follow from the key. Must never raise.
      reader: Which reader made it, "csv" or "synthetic".
      subjects_known: Whether the input says who is seen.
    """

    table: pd.DataFrame
    taxonomy: Taxonomy
    read_image: Callable[[str], bytes]
    origin: str
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()
    stamp: Callable[[str], str] | None = None
    reader: str = ""
    subjects_known: bool = True

    @property
    def num_rows(self) -> int:
        """Rows of the input: those in the table and those rejected on the way."""
        return len(self.table) + rejects_lib.num_rows(self.rejects)


def complete(table: pd.DataFrame, taxonomy: Taxonomy, source: str) -> pd.DataFrame:
    """Returns the table with every column, in order and of the documented type.

    Args:
      table: At least a `key` column; any of the others.
      taxonomy: Its action units become columns.
      source: Value of the `source` column where the table has none.

    Returns:
      A new table; the columns of units outside the taxonomy are gone.
    """
    columns = {}
    for name, default in {**DEFAULTS, "source": source}.items():
        if name in table:
            columns[name] = table[name].to_numpy()
        elif name in ("clip", "subject"):
            columns[name] = columns["key" if name == "clip" else "clip"]
        else:
            columns[name] = [default] * len(table)
    for name in ("key", "clip", "split", "source", "subject", "video"):
        columns[name] = np.array([str(v) for v in columns[name]], object)
    # pandas writes a missing string as None or as NaN, depending on its version.
    columns["expression"] = np.array(
        [v if isinstance(v, str) and v else None for v in columns["expression"]], object
    )
    for name in ("frame", "row"):
        columns[name] = np.asarray(columns[name]).astype(np.int64)
    for name in ("valence", "arousal", *taxonomy.action_units):
        values = table[name] if name in table else np.full(len(table), np.nan)
        columns[name] = np.asarray(values, np.float64)
    series = {name: pd.Series(v, dtype=v.dtype) for name, v in columns.items()}
    return pd.DataFrame(series)


def check(annotations: Annotations) -> None:
    """Checks what no single row can show.

    Raises:
      UserError: If the table is empty, a key occurs twice, a split or source is
        misnamed, or a clip or a subject lies in two splits.
    """
    table, origin = annotations.table, annotations.origin
    if table.empty:
        raise UserError(
            "A data set must have at least one usable row. "
            f"Received: {origin} with {annotations.num_rows} rows, all rejected."
            + _first_reject(annotations.rejects)
        )
    repeated = table[table["key"].duplicated(keep=False)]
    if not repeated.empty:
        key = repeated["key"].iloc[0]
        rows = ", ".join(str(r) for r in repeated.loc[repeated["key"] == key, "row"])
        raise UserError(
            f"A picture must be listed once. Received: {key!r} in lines {rows} of "
            f"{origin} ({repeated['key'].nunique()} such pictures). "
            "Put all its labels into one row."
        )
    for field, wrong in (
        ("split", [s for s in table["split"].unique() if s not in SPLITS]),
        (
            "source",
            [s for s in table["source"].unique() if not SOURCE_NAME.fullmatch(s)],
        ),
    ):
        if wrong:
            rule = f"be one of {', '.join(SPLITS)}"
            if field == "source":
                rule = "consist of letters, digits, '_' and '-'"
            raise UserError(
                f"A {field} must {rule}. Received: {field}={wrong[0]!r} in {origin}, "
                f"{_line(table, field, wrong[0])}. Correct the name."
            )
    _check_one_each(table, ["clip"], ["split", "source", "subject", "video"], origin)
    _check_one_each(table, ["source", "subject"], ["split"], origin)


def frame(row: NamedTuple, units: Sequence[str], image: bytes) -> Frame:
    """Returns one frame of a sample.

    Args:
      row: A row of the table, as `itertuples` gives it.
      units: The action units of the taxonomy.
      image: The bytes of its picture.
    """
    unlabelled = np.isnan(row.valence)
    values = ((unit, getattr(row, unit)) for unit in units)
    return Frame(
        image=image,
        expression=row.expression,
        action_units={u: int(value) for u, value in values if not np.isnan(value)},
        valence=None if unlabelled else row.valence,
        arousal=None if unlabelled else row.arousal,
        number=row.frame,
    )


def _check_one_each(
    table: pd.DataFrame, keys: list[str], values: list[str], origin: str
) -> None:
    """Raises where rows with the same keys disagree on a value."""
    for value in values:
        pairs = table[[*keys, value, "row"]].drop_duplicates([*keys, value])
        twice = pairs[pairs.duplicated(keys, keep=False)]
        if twice.empty:
            continue
        name = twice.iloc[0][keys[-1]]
        mine = twice[(twice[keys] == twice.iloc[0][keys]).all(axis=1)]
        places = " and ".join(
            f"{getattr(row, value)!r} (line {row.row})" for row in mine.itertuples()
        )
        raise UserError(
            f"A {keys[-1]} must lie in one {value}. Received: {keys[-1]}={name!r} in "
            f"{places} of {origin}; {twice[keys].drop_duplicates().shape[0]} such "
            f"{keys[-1]}s. Give all rows of a {keys[-1]} the same {value}."
        )


def _line(table: pd.DataFrame, field: str, value: str) -> str:
    return f"line {table.loc[table[field] == value, 'row'].iloc[0]}"


def _first_reject(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return " Name a file with rows."
    first = rejects[0]
    return (
        f" The first: line {first.row}, {first.field}={first.value!r}: {first.reason}."
    )
