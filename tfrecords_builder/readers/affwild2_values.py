"""From the lines of ABAW's label files to numbers, and from numbers to labels.

task   values               mark of a missing label   a row is unlabelled where
VA     two in [-1, 1]       -5                        either is -5
EXPR   0 ... classes - 1    -1                        it is -1
AU     0 or 1 each          -1                        any is -1, or (partial) that unit

Numbers may be written as floats ("4.0", "-5.0"). Anything else is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

from tfrecords_builder.rejects import Reject

#: A missing label of each task.
MARKS = {"expr": -1.0, "au": -1.0, "va": -5.0}

#: Number of characters of a bad line that a reject shows.
_SHOWN = 80

#: Where more rows than this are wrong, and no row is right, the file is wrong.
_MAX_ALL_WRONG = 10

_DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
#: A number, finite or not.
_NUMERIC = re.compile(
    rf"{_DECIMAL}|[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII
)


def cells(line: str) -> list[str]:
    """Returns the stripped cells of a line; a comma at its end opens no cell."""
    return [cell.strip() for cell in line.strip().removesuffix(",").split(",")]


def is_numeric(line: str) -> bool:
    """Returns whether a line holds numbers only, finite or not: it is no header."""
    return all(_NUMERIC.fullmatch(cell) for cell in cells(line))


def text_lines(data: bytes) -> list[str]:
    """Returns the lines of a text file, without the blank ones at its end.

    Lines end in LF, CRLF or CR; a byte order mark is skipped.

    Raises:
      UnicodeDecodeError: If it is no UTF-8.
    """
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def numbers(lines: Sequence[str], width: int) -> np.ndarray:
    """Reads lines of comma-separated numbers.

    Args:
      lines: Without their ends. A comma at the end of a line opens no cell.
      width: Number of values in a line.

    Returns:
      float64 [N, width]. All of a row is NaN where the line does not hold `width`
      numbers; a NaN or infinity that is written there stands as it is.
    """
    values = np.full((len(lines), width), np.nan)
    commas = width - 1
    lines = [line if line.count(",") == commas else _trimmed(line) for line in lines]
    whole = [
        i
        for i, line in enumerate(lines)
        if line.count(",") == commas and not _blank(line)
    ]
    try:
        _fill(values, lines, whole)
    except ValueError:
        # Some cell is no number: the lines are looked at one by one, then.
        number = rf"[ \t]*(?:{_NUMERIC.pattern})[ \t]*"
        plain = re.compile(rf"{number}(?:,{number}){{{commas}}}", _NUMERIC.flags)
        _fill(values, lines, [i for i in whole if plain.fullmatch(lines[i])])
    return values


def labels(
    task: str, values: np.ndarray, num_classes: int = 0, partial: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Turns values into labels.

    Args:
      task: "expr", "au" or "va".
      values: float64 [N, C].
      num_classes: Of "expr".
      partial: Whether the other units of a row with a missing one are labels.

    Returns:
      float64 [N, C], the labels, NaN where there is none; and bool [N, C], the values
      that the task does not have. Rows with such a value have no label.
    """
    missing = values == MARKS[task]
    if task == "va":
        allowed = np.abs(values) <= 1
    elif task == "au":
        allowed = (values == 0) | (values == 1)
    else:
        allowed = (values >= 0) & (values < num_classes) & (values == np.floor(values))
    wrong = ~(missing | allowed)
    unlabelled = missing
    if task != "au" or not partial:
        unlabelled = missing.any(axis=1, keepdims=True)
    unlabelled = unlabelled | wrong.any(axis=1, keepdims=True)
    return np.where(unlabelled, np.nan, values), wrong


def rule(task: str, num_classes: int = 0) -> str:
    """Returns what a value of a task must be, for people."""
    if task == "va":
        return "must be a number from -1 to 1, or -5 where there is no label"
    if task == "au":
        return "must be 0, 1, or -1 where there is no label"
    return f"must be a class from 0 to {num_classes - 1}, or -1 where there is none"


def rejects(
    path: str | os.PathLike[str],
    rows: Sequence[str],
    first_line: int,
    fields: Sequence[str],
    wrong: np.ndarray,
    rules: Sequence[str],
) -> tuple[Reject, ...]:
    """Says what is wrong in a file.

    Args:
      path: The file.
      rows: The text of its rows.
      first_line: Line number of the first of them.
      fields: The names of the C values of a row.
      wrong: bool [N, C]. Values that break a rule; all of a row's where it does not
        hold C numbers.
      rules: What each of the C values must be.

    Returns:
      The first thing that is wrong in each wrong row. Where no row of a file of more
      than ten is right, the file is what is wrong, and it is said once.
    """
    bad = np.flatnonzero(wrong.any(axis=1))
    hopeless = len(bad) == len(rows) > _MAX_ALL_WRONG
    found = []
    for i in bad[:1] if hopeless else bad:
        field, value, reason = _complaint(rows[i], fields, wrong[i], rules)
        if hopeless:
            reason += (
                f"; none of its {len(rows):,} rows can be used. Is it a file of "
                "another task or challenge than its folder and header say?"
            )
        found.append(Reject(os.fspath(path), first_line + int(i), field, value, reason))
    return tuple(found)


def _complaint(
    line: str, fields: Sequence[str], wrong: np.ndarray, rules: Sequence[str]
) -> tuple[str, str, str]:
    """Returns the first wrong field of a line, what stands there, and the reason."""
    found = [] if _blank(line) else cells(line)
    if len(found) != len(fields):
        reason = f"must hold {len(fields)} values, not {len(found)}"
        return "columns", line.strip()[:_SHOWN], reason
    broken = [i for i, cell in enumerate(found) if not _NUMERIC.fullmatch(cell)]
    first = [*broken, *np.flatnonzero(wrong)][0]
    return fields[first], found[first][:_SHOWN], rules[first]


def _trimmed(line: str) -> str:
    return line.rstrip().removesuffix(",")


def _blank(line: str) -> bool:
    return not line or line.isspace()


def _fill(values: np.ndarray, lines: Sequence[str], chosen: Sequence[int]) -> None:
    """Reads the chosen lines into their rows; a ValueError where one is odd."""
    if chosen:
        values[chosen] = np.loadtxt(
            [lines[i] for i in chosen], delimiter=",", comments=None, ndmin=2
        )
