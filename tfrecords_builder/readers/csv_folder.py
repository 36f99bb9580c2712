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

import argparse
import os
import pathlib
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import splits
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.readers import csv_header
from tfrecords_builder.readers import csv_rows
from tfrecords_builder.readers.csv_cells import Cells

HELP = "One CSV file beside a folder of aligned faces."

#: Share of the rows that becomes the validation split where the file has none.
VALIDATION_FRACTION = 0.2


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags of this reader."""
    add(
        "--csv",
        metavar="FILE",
        help="the annotations: one row a picture; a column "
        "'file', and any of split, subject, expression, valence, arousal, AU1, AU2, "
        "..., source, video, frame, clip; a blank cell is a label that nobody gave",
    )
    add("--images", metavar="DIR", help="the folder that 'file' is relative to")


def read(flags: argparse.Namespace) -> Annotations:
    """Returns the data set that a command line asks for."""
    for name in ("csv", "images"):
        if getattr(flags, name) is None:
            raise UserError(
                f"--dataset=csv must come with --{name}. Received: none. Add "
                f"--{name}=PATH.",
                exit_code=2,
            )
    return annotations(
        flags.csv,
        flags.images,
        taxonomy=flags.taxonomy or "auto",
        validation_fraction=flags.validation_fraction,
        seed=flags.seed,
        source=flags.source,
    )


def annotations(
    path: str | os.PathLike[str],
    images: str | os.PathLike[str],
    taxonomy: str = "auto",
    validation_fraction: float | None = None,
    seed: int = 0,
    source: str | None = None,
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
      source: What a blank or absent source stands for; by default the file's name.

    Returns:
      The annotations; a key is a path as in `file`, with forward slashes.

    Raises:
      UserError: If the file or folder is missing or malformed as a whole.
    """
    path, images = pathlib.Path(path), pathlib.Path(images)
    header, rows, lines = csv_rows.read(path)
    _check_folder(images, path)
    columns, ignored = csv_header.columns(header, path)
    _check_fraction(columns, validation_fraction)
    cells = {c: [row[i].strip() for row in rows] for c, i in columns.items()}
    text = pd.DataFrame(cells, dtype=object)
    name = source or re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "csv"
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
        split = table["split"] = _split(table, validation_fraction, seed)
        share = (split == "validation").sum() / max(len(table), 1)
        notes.append(f"No 'split' column: {share:.0%} of the rows validate.")
    return Annotations(
        table=annotations_lib.complete(table, vocabulary, name, str(path)),
        taxonomy=vocabulary,
        pictures=PictureFiles(str(images)),
        origin=str(path),
        rejects=tuple(sorted(cells.rejects, key=lambda reject: reject.row)),
        notes=(*csv_header.notes(ignored), *notes, *_subject_notes(text)),
        reader="csv",
        subjects_known=subjects_known,
    )


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


def _split(table: pd.DataFrame, fraction: float | None, seed: int) -> np.ndarray:
    """Returns a split for each row, by subject; a name is one person in a source."""
    who = table["subject"]
    if "source" in table:
        who = table["source"].astype(str) + "\0" + who.astype(str)
    fraction = VALIDATION_FRACTION if fraction is None else fraction
    return splits.by_group(who, fraction, seed)


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
