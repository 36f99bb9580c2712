"""One label file of Aff-Wild2, and the lists of its test sets.

A label file has a header and a row for each frame of the video: line k + 1 is frame
k - 1, counted from 0, and picture k ("00001.jpg" belongs to line 2). The header names
what the rows hold, and its names decide, not the order of any edition:

    valence,arousal                    0.12,-0.34
    Neutral,Anger,Disgust,...          4
    AU1,AU2,AU4,...                    0,0,1,...
"""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import AUS_8
from affect_tf.labels.taxonomy import AUS_12
from affect_tf.labels.taxonomy import EXPRESSIONS_7
from affect_tf.labels.taxonomy import EXPRESSIONS_8
from affect_tf.labels.taxonomy import KNOWN_EXPRESSIONS
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from tfrecords_builder.readers import affwild2_values as values_lib
from tfrecords_builder.readers.affwild2_layout import LabelFile
from tfrecords_builder.rejects import Reject

#: What is remarkable about a file, though nothing is wrong with its rows.
EMPTY = "without a row"
NO_HEADER = (
    "without a header, whose first line is read as that of picture 00001, with the "
    "challenge's order of columns"
)

_EXAMPLES = {
    "expr": "the names of the classes, like 'Neutral,Anger,Disgust'",
    "au": "the names of the units, like 'AU1,AU2,AU4'",
    "va": "'valence,arousal'",
}


@dataclasses.dataclass(frozen=True)
class Labels:
    """The rows of one label file. Row i describes picture i + 1.

    Attributes:
      file: Where they come from.
      names: Canonical names: the classes, the units, or "valence" and "arousal".
      values: float64 [N, C], NaN where there is no label: C = 1 class index into
        `names`, or a value for each of `names`.
      rejected: bool [N]. Rows that break a rule; all their values are NaN.
      first_line: Line number of row 0.
      rejects: What was wrong. Where no row of a file is right, it is one entry.
      remark: Empty, `EMPTY` or `NO_HEADER`.
    """

    file: LabelFile
    names: tuple[str, ...] = ()
    values: np.ndarray = dataclasses.field(default_factory=lambda: np.empty((0, 1)))
    rejected: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, bool))
    first_line: int = 2
    rejects: tuple[Reject, ...] = ()
    remark: str = ""

    @property
    def labelled(self) -> np.ndarray:
        """The rows with any label, as bool [N]."""
        return ~np.isnan(self.values).all(axis=1)


def read(file: LabelFile, partial_aus: bool = False) -> Labels:
    """Reads one label file.

    Args:
      file: The file and what it is about.
      partial_aus: Whether a row with some missing units keeps the others.

    Returns:
      Its labels. A file without rows, or one that is no label file, has none, and
      says so in `remark` or `rejects`.
    """
    try:
        lines = values_lib.text_lines(file.path.read_bytes())
    except UnicodeDecodeError:
        return _refused(file, 1, "", "is no text in UTF-8: save the file again as such")
    if not lines:
        return Labels(file, remark=EMPTY)
    headless = values_lib.is_numeric(lines[0])
    width = len(values_lib.cells(lines[0]))
    names = (
        _default_names(file.task, width) if headless else _names(file.task, lines[0])
    )
    if names is None:
        written = f"{width} values in the first line" if headless else lines[0][:80]
        wanted = _EXAMPLES[file.task]
        return _refused(file, 1, written, f"the first line must hold {wanted}")
    rows = lines if headless else lines[1:]
    if not rows:
        return Labels(file, names, remark=EMPTY)
    fields = ("expression",) if file.task == "expr" else names
    values = values_lib.numbers(rows, len(fields))
    if headless and file.task == "expr" and not (values == len(EXPRESSIONS_7)).any():
        names = EXPRESSIONS_7
    labels, wrong = values_lib.labels(file.task, values, len(names), partial_aus)
    rules = [values_lib.rule(file.task, len(names))] * len(fields)
    first_line = 1 if headless else 2
    return Labels(
        file,
        names,
        labels,
        wrong.any(axis=1),
        first_line,
        values_lib.rejects(file.path, rows, first_line, fields, wrong, rules),
        NO_HEADER if headless else "",
    )


def list_entries(path: str | pathlib.Path) -> list[tuple[int, str]]:
    """Reads the list of a test set.

    Args:
      path: A text file with an entry a line: the folder of a video, or one picture.
        A comma and what follows it do not belong to the entry; a first line that
        begins with "image," is a header.

    Returns:
      Line number and entry of each line that is not blank.

    Raises:
      UserError: If the file is missing, not text, or without an entry.
    """
    path = pathlib.Path(path)
    try:
        lines = values_lib.text_lines(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(
            f"--test_list must be a file. Received: {str(path)!r}, which is none. "
            "Check the path.",
            exit_code=2,
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"--test_list must be text in UTF-8. Received: {path}, which is not "
            f"({error}). Save it again as such."
        ) from error
    entries = [(n, values_lib.cells(line)[0]) for n, line in enumerate(lines, 1)]
    if entries and entries[0][1].lower() == "image":
        del entries[0]
    entries = [(n, entry) for n, entry in entries if entry]
    if not entries:
        raise UserError(
            "--test_list must name a folder or a picture in each line. "
            f"Received: {path} without any. Check the path."
        )
    return entries


def _refused(file: LabelFile, line: int, value: str, reason: str) -> Labels:
    """Returns the labels of a file that cannot be read: none."""
    reject = Reject(str(file.path), line, "header", value, reason)
    return Labels(file, rejects=(reject,))


def _names(task: str, header: str) -> tuple[str, ...] | None:
    """Returns the canonical names of a header, or None where it is none."""
    written = values_lib.cells(header)
    if task == "au":
        names = [taxonomy_lib.canonical_action_unit(cell) for cell in written]
        known = None not in names
    elif task == "expr":
        names = [taxonomy_lib.canonical_expression(cell) for cell in written]
        known = all(name in KNOWN_EXPRESSIONS for name in names)
    else:
        names = [cell.lower() for cell in written]
        known = sorted(names) == sorted(VA_DIMENSIONS)
    return tuple(names) if known and len(set(names)) == len(names) else None


def _default_names(task: str, width: int) -> tuple[str, ...] | None:
    """Returns the names of the columns where no header gives them, by their number."""
    if task == "au":
        return {8: AUS_8, 12: AUS_12}.get(width)
    expected = {"expr": (1, EXPRESSIONS_8), "va": (2, VA_DIMENSIONS)}[task]
    return expected[1] if width == expected[0] else None
