"""The label files of DISFA: one for each person and action unit.

`SN001_au4.txt` holds lines `frame,intensity`: the frame's number in the film, counted
from 1, and the unit's intensity from 0 to 5. Files are joined by these numbers: a line
that is missing in one of them is a unit that is unlabelled there, and moves nothing.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from tfrecords_builder.readers.numeric_cells import NumericCells
from tfrecords_builder.rejects import Reject

#: The units that were coded, in order of number.
UNITS = (
    "AU1",
    "AU2",
    "AU4",
    "AU5",
    "AU6",
    "AU9",
    "AU12",
    "AU15",
    "AU17",
    "AU20",
    "AU25",
    "AU26",
)
#: The highest intensity.
STRONGEST = 5

_FILE = re.compile(r"sn0*([0-9]+)_au_?0*([0-9]+)\.txt", re.IGNORECASE | re.ASCII)
#: As many as a note names.
_SHOWN = 3


class Labels(NamedTuple):
    """What the label files say.

    Attributes:
      table: One row a person and labelled frame: subject, number (from 1), the
        intensities of the units (NaN where unlabelled), row and origin.
      rejects: Lines that break a rule.
      notes: Files and lines that are missing.
    """

    table: pd.DataFrame
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


def subject(number: str) -> str:
    """Returns a person's name, "SN001"."""
    return f"SN{int(number):03d}"


def read(root: pathlib.Path, paths: Sequence[str]) -> Labels:
    """Reads every label file.

    A line that is not `frame,intensity`, or whose frame occurs twice in its file, is
    left out, and the unit is unlabelled there.

    Args:
      root: The folder of the data set.
      paths: What lies below it, with forward slashes.

    Raises:
      UserError: If there is no label file, a unit of a person has two, or no line of
        any can be read.
    """
    files, foreign = _files(root, paths)
    rejects: list[Reject] = []
    notes = []
    if foreign:
        notes.append(f"Units that DISFA lacks, left out: {', '.join(foreign)}.")
    tables, gaps = [], []
    for name in sorted({name for name, _ in files}):
        units = {}
        for unit in UNITS:
            path = files.get((name, unit))
            if path is not None:
                units[unit], wrong = _read(path)
                rejects += wrong
        table = _joined(name, units, {u: str(files[name, u]) for u in units})
        gaps += [
            f"{name} {unit} (in {count:,} of {len(table):,} frames)"
            for unit in UNITS
            if (count := int(table[unit].isna().sum()))
        ]
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        first = rejects[0] if rejects else None
        detail = f"; the first: {first.file}, line {first.row}" if first else ""
        raise UserError(
            "Label files must hold lines of frame,intensity. Received: "
            f"{len(files)} files in {root} without any{detail}. Unpack the data set "
            "again."
        )
    if gaps:
        more = f" and {len(gaps) - _SHOWN:,} more" if len(gaps) > _SHOWN else ""
        some = ", ".join(gaps[:_SHOWN]) + more
        notes.append(f"Units without a label in frames where others have one: {some}.")
    return Labels(table, tuple(rejects), tuple(notes))


def _files(
    root: pathlib.Path, paths: Sequence[str]
) -> tuple[dict[tuple[str, str], pathlib.Path], list[str]]:
    """Returns (person, unit) -> file, and the units that are not those of DISFA."""
    files: dict[tuple[str, str], pathlib.Path] = {}
    foreign = set()
    for path in paths:
        match = _FILE.fullmatch(path.rpartition("/")[2])
        if match is None:
            continue
        who, unit = subject(match[1]), f"AU{match[2]}"
        if unit not in UNITS:
            foreign.add(unit)
        elif (who, unit) in files:
            raise UserError(
                "A unit of a person must have one label file. Received: "
                f"{files[who, unit]} and {root / path}. Remove one."
            )
        else:
            files[who, unit] = root / path
    if not files:
        raise UserError(
            "--root must hold label files like SN001/SN001_au4.txt. Received: "
            f"--root={root}, which has none. Name the folder that holds "
            "ActionUnit_Labels."
        )
    return files, sorted(foreign)


def _read(path: pathlib.Path) -> tuple[pd.DataFrame, list[Reject]]:
    """Returns intensity and line, indexed by the frame's number, and what is wrong."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    # Not `splitlines`, which counts marks that no editor counts as an end.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rows = [(i, line.split(",")) for i, line in enumerate(lines, 1) if line.strip()]
    whole = [(i, cells) for i, cells in rows if len(cells) == 2]
    rejects = [
        Reject(str(path), i, "line", ",".join(cells)[:100], "must be frame,intensity")
        for i, cells in rows
        if len(cells) != 2
    ]
    numbers = np.array([i for i, _ in whole], np.int64)
    cells = NumericCells(
        str(path),
        numbers,
        {
            "frame": [frame for _, (frame, _) in whole],
            "intensity": [intensity for _, (_, intensity) in whole],
        },
    )
    frame = cells.numbers("frame", 1, 2**31, whole=True)
    intensity = cells.numbers("intensity", 0, STRONGEST, whole=True)
    # Which of two is right nobody knows, so neither is taken.
    again = pd.Series(frame).duplicated(keep=False).to_numpy() & ~np.isnan(frame)
    cells.reject("frame", again, "must occur once in its file")
    right = ~cells.rejected
    index = pd.Index(frame[right].astype(np.int64))
    table = pd.DataFrame({"intensity": intensity[right], "line": numbers[right]}, index)
    return table, sorted([*rejects, *cells.rejects], key=lambda reject: reject.row)


def _joined(
    name: str, units: dict[str, pd.DataFrame], files: dict[str, str]
) -> pd.DataFrame:
    """Returns the rows of one person: the frames that any of the files has."""
    number = pd.Index([], dtype=np.int64)
    for labels in units.values():
        number = number.union(labels.index)
    columns = {unit: np.full(len(number), np.nan) for unit in UNITS}
    row = np.zeros(len(number), np.int64)
    origin = np.full(len(number), "", object)
    for unit, labels in units.items():
        there = labels.reindex(number)
        columns[unit] = there["intensity"].to_numpy(np.float64)
        # A row is where its first unit stands.
        new = (row == 0) & there["line"].notna().to_numpy()
        row[new] = there["line"].to_numpy()[new].astype(np.int64)
        origin[new] = files[unit]
    return pd.DataFrame(
        {"subject": name, "number": number, **columns, "row": row, "origin": origin}
    )
