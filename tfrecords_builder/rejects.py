"""What could not be used: the list of rejects, and its file for people."""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from affect_tf import files


class Reject(NamedTuple):
    """One thing in the input that could not be used.

    Attributes:
      file: The file that it stands in, or the picture.
      row: Line number in the annotation file, counted from 1.
      field: The column.
      value: What stood there.
      reason: The rule that it breaks.
    """

    file: str
    row: int
    field: str
    value: str
    reason: str


def num_rows(rejects: Sequence[Reject]) -> int:
    """Returns how many rows the rejects are about: several may be about one."""
    return len({(r.file, r.row or r.value) for r in rejects})


def write(path: pathlib.Path, rejects: Sequence[Reject]) -> None:
    """Writes a list, with a header."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Reject._fields)
    writer.writerows(rejects)
    files.write_text(path, stream.getvalue())


def read(path: pathlib.Path) -> list[Reject] | None:
    """Returns what `write` wrote; None where the file is absent or something else."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        rejects = [Reject(file, int(row), *rest) for file, row, *rest in rows]
    except (OSError, ValueError, TypeError, csv.Error):
        return None
    return rejects if tuple(header) == Reject._fields else None
