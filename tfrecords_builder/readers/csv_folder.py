"""Reads one CSV file beside a folder of aligned faces.

One row a picture; a blank cell is a label that nobody gave. Columns:

    file                  path of the picture inside the folder (the only one needed)
    split                 train, validation or test
    subject               who is seen; a blank is somebody of their own
    expression            class name, in any case ("Happy" is "happiness")
    valence, arousal      in [-1, 1]; both or neither
    AU1 ... AU99          0 or 1; any of them may be blank
    source, video, frame  where the picture comes from; optional
    clip                  pictures with the same clip make one sample, by frame
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.readers.csv_cells import Cells

#: Value of the `source` column where the file has none.
SOURCE = "csv"
#: Share of the rows that becomes the validation split where the file has none.
VALIDATION_FRACTION = 0.2

_COLUMNS = (
    "file",
    "split",
    "subject",
    "expression",
    "valence",
    "arousal",
    "source",
    "video",
    "frame",
    "clip",
)


def annotations(
    path: str | os.PathLike[str],
    images: str | os.PathLike[str],
    taxonomy: str = "auto",
    validation_fraction: float | None = None,
    seed: int = 0,
) -> Annotations:
    """Reads a CSV file.

    Rows that break a rule (an unknown class, a valence of 3, an AU of 7, valence
    without arousal, a missing picture) are left out as a whole, and listed.

    Args:
      path: The CSV file: UTF-8, commas, a header; line ends and a BOM do not matter.
      images: The folder that the `file` column is relative to.
      taxonomy: "abaw1", "abaw2", "abaw3", or "auto": the seven expressions (and
        other or contempt where they occur) and the AU columns of the file.
      validation_fraction: Without a `split` column, this share of the rows becomes
        the validation split, by whole subjects; by default 0.2.
      seed: Seed of that choice.

    Returns:
      The annotations; a key is a path as in `file`, with forward slashes.

    Raises:
      UserError: If the file or folder is missing or malformed as a whole.
    """
    path, images = pathlib.Path(path), pathlib.Path(images)
    header, rows, lines = _read(path)
    if not images.is_dir():
        raise UserError(
            f"--images must be a folder. Received: {str(images)!r}. "
            f"Name the folder that the 'file' column of {path} is relative to."
        )
    columns, notes = _columns(header, path)
    _check_fraction(columns, validation_fraction)
    text = pd.DataFrame(
        {
            name: pd.Series([row[i].strip() for row in rows], dtype=object)
            for name, i in columns.items()
        }
    )
    vocabulary = _taxonomy(taxonomy, text, notes)
    cells = Cells(text, lines, path)
    table = cells.table(vocabulary, images)
    table = table[~cells.rejected].reset_index(drop=True)
    if "split" not in text:
        split = table["split"] = _split_by_subject(table, validation_fraction, seed)
        share = (split == "validation").sum() / max(len(table), 1)
        notes.append(
            f"No 'split' column: {share:.0%} of the rows validate, by subject."
        )
    return Annotations(
        table=annotations_lib.complete(table, vocabulary, SOURCE),
        taxonomy=vocabulary,
        read_image=lambda key: (images / key).read_bytes(),
        origin=str(path),
        rejects=tuple(sorted(cells.rejects, key=lambda reject: reject.row)),
        notes=tuple(notes),
    )


def _read(path: pathlib.Path) -> tuple[list[str], list[list[str]], np.ndarray]:
    """Returns the header, the rows that are not blank, and their line numbers."""
    rows, lines = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    rows.append(row)
                    lines.append(reader.line_num)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(
            f"--csv must be a file. Received: {str(path)!r}, which is not. "
            "Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"--csv must be comma-separated text in UTF-8. Received: {path}, in which "
            f"something near line {lines[-1] + 1 if lines else 1} is not ({error}). "
            "Save it again as 'CSV UTF-8'."
        ) from error
    if len(rows) < 2:
        what = "only a header" if rows else "nothing"
        raise UserError(
            f"--csv must hold a header and at least one row. Received: {path}, which "
            f"holds {what}. Add a row for each picture."
        )
    header, rows = rows[0], rows[1:]
    for row, line in zip(rows, lines[1:], strict=True):
        if len(row) != len(header):
            raise UserError(
                f"Every row must have the {len(header)} cells of the header. "
                f"Received: {len(row)} cells in line {line} of {path}. "
                "Put quotes around a comma that belongs to a name, and leave the "
                "cell of an unlabelled column empty."
            )
    return header, rows, np.array(lines[1:])


def _columns(
    header: Sequence[str], path: pathlib.Path
) -> tuple[dict[str, int], list[str]]:
    """Returns the position of each known column, and notes about the others."""
    columns, ignored = {}, []
    for position, written in enumerate(header):
        name = taxonomy_lib.canonical_action_unit(written) or written.strip().lower()
        unit = taxonomy_lib.canonical_action_unit(name)
        if name in columns:
            raise UserError(
                f"A column must occur once. Received: {name!r} twice in the header of "
                f"{path}. Remove one."
            )
        if name in _COLUMNS or unit:
            columns[name] = position
            continue
        units = [f"au{number}" for number in range(1, 46)]
        near = difflib.get_close_matches(name, [*_COLUMNS, *units], n=1, cutoff=0.8)
        if near:
            meant = near[0].upper() if near[0] in units else near[0]
            raise UserError(
                f"A column must be spelt as the reader knows it. Received: {written!r} "
                f"in the header of {path}. Did you mean {meant!r}? Otherwise give it "
                "a name that cannot be taken for it."
            )
        ignored.append(written.strip())
    if "file" not in columns:
        hint = " It looks separated by semicolons." if ";" in header[0] else ""
        raise UserError(
            "--csv must have a 'file' column. Received: the columns "
            f"{', '.join(header)} in {path}.{hint} Name the column of the pictures' "
            "paths 'file'."
        )
    for one, other in (("valence", "arousal"), ("arousal", "valence")):
        if one in columns and other not in columns:
            raise UserError(
                "The columns 'valence' and 'arousal' must come together. Received: "
                f"{one!r} without {other!r} in {path}. Add the other, or remove it."
            )
    if "clip" in columns and "frame" not in columns:
        raise UserError(
            "A 'clip' column must come with a 'frame' column, which orders its "
            f"pictures. Received: 'clip' alone in {path}. Add 'frame'."
        )
    names = ", ".join(repr(name) for name in ignored)
    notes = [f"Columns that nobody reads: {names}."] if ignored else []
    return columns, notes


def _taxonomy(choice: str, text: pd.DataFrame, notes: list[str]) -> Taxonomy:
    """Returns the vocabulary that the command line asks for."""
    units = [name for name in text if taxonomy_lib.canonical_action_unit(name)]
    if choice == "auto":
        expressions = ()
        if "expression" in text:
            names = {
                taxonomy_lib.canonical_expression(name)
                for name in text["expression"].unique()
            }
            more = [name for name in ("other", "contempt") if name in names]
            expressions = (*taxonomy_lib.EXPRESSIONS_7, *more)
        units.sort(key=lambda name: int(name[2:]))
        return Taxonomy("auto", expressions, tuple(units), "valence" in text)
    if choice not in taxonomy_lib.TAXONOMIES:
        allowed = ("auto", *taxonomy_lib.TAXONOMIES)
        raise UserError(
            "--taxonomy must be one that the toolkit knows. "
            f"Received: {choice!r}. {taxonomy_lib.closest(choice, allowed)}",
            exit_code=2,
        )
    vocabulary = taxonomy_lib.TAXONOMIES[choice]
    surplus = [unit for unit in units if unit not in vocabulary.action_units]
    if surplus:
        notes.append(f"Units that {choice} lacks, left out: {', '.join(surplus)}.")
    return vocabulary


def _split_by_subject(
    table: pd.DataFrame, fraction: float | None, seed: int
) -> np.ndarray:
    """Returns a split for each row: no subject in both, at random but repeatably."""
    fraction = VALIDATION_FRACTION if fraction is None else fraction
    if not 0 <= fraction < 1:
        raise UserError(
            "--validation_fraction must lie in [0, 1). "
            f"Received: {fraction}. Use 0 for no validation split.",
            exit_code=2,
        )
    who = table["subject"] if "subject" in table else table["key"]
    if "source" in table:
        who = table["source"].astype(str) + "\0" + who.astype(str)
    sizes = who.value_counts()
    order = sorted(
        sizes.index,
        key=lambda name: hashlib.blake2b(f"{seed}\0{name}".encode()).digest(),
    )
    target, chosen, rows = fraction * len(table), [], 0
    # The last subject stays in training, whatever the fraction.
    for name in order[:-1]:
        if abs(rows + sizes[name] - target) <= abs(rows - target):
            chosen.append(name)
            rows += sizes[name]
    if fraction and not chosen:
        chosen = order[:-1][:1]
    return np.where(who.isin(chosen), "validation", "train").astype(object)


def _check_fraction(columns: dict[str, int], fraction: float | None) -> None:
    if "split" in columns and fraction is not None:
        raise UserError(
            "--validation_fraction must be left out where the file has a 'split' "
            f"column. Received: --validation_fraction={fraction}. Remove one of them."
        )
