"""Reads one CSV file beside a folder of aligned faces.

One row a picture; a blank cell is a label that nobody gave. Columns:

    file                  path of the picture inside the folder (the only one needed)
    split                 train, validation or test
    subject               who is seen; a blank is somebody of their own
    expression            class name, in any case ("Happy" is "happiness")
    valence, arousal      in [-1, 1]; both or neither
    AU1 ... AU45          0 or 1; any of them may be blank
    source, video, frame  where the picture comes from; optional
    clip                  pictures with the same clip make one sample, by frame

At least one row has a label.
"""

from __future__ import annotations

import csv
import hashlib
import os
import pathlib
import re

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.readers import csv_header
from tfrecords_builder.readers.csv_cells import Cells

#: Share of the rows that becomes the validation split where the file has none.
VALIDATION_FRACTION = 0.2


def annotations(
    path: str | os.PathLike[str],
    images: str | os.PathLike[str],
    taxonomy: str = "auto",
    validation_fraction: float | None = None,
    seed: int = 0,
) -> Annotations:
    """Reads a CSV file.

    Rows that break a rule (an unknown class, a valence of 3, an AU of 7, valence
    without arousal, a missing picture) are left out as a whole, and listed. Where no
    source is named, it is the name of the file ("faces" for "my/faces.csv").

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
    _check_folder(images, path)
    columns, ignored = csv_header.columns(header, path)
    _check_fraction(columns, validation_fraction)
    cells = {c: [row[i].strip() for row in rows] for c, i in columns.items()}
    text = pd.DataFrame(cells, dtype=object)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "csv"
    vocabulary, notes = csv_header.taxonomy(taxonomy, text, name)
    csv_header.check_labels(text, vocabulary, ignored, path)
    cells = Cells(text, lines, path)
    every = cells.table(vocabulary, images, name)
    table = every[~cells.rejected].reset_index(drop=True)
    subjects_known = "subject" in text and bool((text["subject"] != "").any())
    if "split" in text:
        lost = set(SPLITS) & set(every["split"]) - set(table["split"])
        notes += [f"Every row of the {s} split was rejected." for s in sorted(lost)]
    else:
        split = table["split"] = _split_by_subject(table, validation_fraction, seed)
        share = (split == "validation").sum() / max(len(table), 1)
        notes.append(f"No 'split' column: {share:.0%} of the rows validate.")
    return Annotations(
        table=annotations_lib.complete(table, vocabulary, name),
        taxonomy=vocabulary,
        read_image=lambda key: (images / key).read_bytes(),
        origin=str(path),
        rejects=tuple(sorted(cells.rejects, key=lambda reject: reject.row)),
        notes=(*csv_header.notes(ignored), *notes, *_subject_notes(text)),
        stamp=lambda key: _stamp(images / key),
        reader="csv",
        subjects_known=subjects_known,
    )


def _stamp(path: pathlib.Path) -> str:
    """Returns what changes when somebody replaces, corrects or unlocks a picture."""
    try:
        status = path.stat()
    except OSError:
        return "absent"
    locked = "" if os.access(path, os.R_OK) else ":locked"
    return f"{status.st_size}:{status.st_mtime_ns}{locked}"


def _subject_notes(text: pd.DataFrame) -> list[str]:
    """Returns what follows where rows do not say who is seen."""
    blank = (text["subject"] == "").sum() if "subject" in text else len(text)
    if not blank:
        return []
    each = "clip" if "clip" in text else "picture"
    if blank < len(text):
        return [
            f"{blank:,} of {len(text):,} rows name no subject: each such {each} counts "
            "as a person of its own."
        ]
    return [
        f"No row names a subject: every {each} counts as a person of its own. One "
        "person may be in both splits, and intervals by subject are intervals by "
        f"{each}."
    ]


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
                f"Received: {len(row)} cells in line {line} of {path}."
                f"{csv_header.separator_hint(header)} "
                "Put quotes around a comma that belongs to a name, and leave the "
                "cell of an unlabelled column empty."
            )
    return header, rows, np.array(lines[1:])


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
    who = table["subject"]
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


def _check_folder(images: pathlib.Path, path: pathlib.Path) -> None:
    if not images.is_dir():
        raise UserError(
            f"--images must be a folder. Received: {str(images)!r}. "
            f"Name the folder that the 'file' column of {path} is relative to."
        )


def _check_fraction(columns: dict[str, int], fraction: float | None) -> None:
    if "split" in columns and fraction is not None:
        raise UserError(
            "--validation_fraction must be left out where the file has a 'split' "
            f"column. Received: --validation_fraction={fraction}. Remove one of them."
        )
