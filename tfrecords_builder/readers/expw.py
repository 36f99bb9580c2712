"""Reads ExpW: expressions of the faces in pictures from the web.

`label/label.lst` has a line a face: name of the picture, number of the face in it,
top, left, right and bottom edge of its box, confidence of the detector, and the code of
the expression. The pictures are in `image/origin/`, or in folders there.
"""

from __future__ import annotations

import argparse
import math
import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import EXPRESSIONS_7
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import cropped_faces
from tfrecords_builder import splits
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.readers import crop_flags
from tfrecords_builder.readers import dropped as dropped_lib
from tfrecords_builder.readers.numeric_cells import NumericCells
from tfrecords_builder.readers.picture_folder import checked_root
from tfrecords_builder.readers.picture_folder import find_below
from tfrecords_builder.readers.picture_folder import PictureFolder
from tfrecords_builder.readers.picture_folder import relative_path
from tfrecords_builder.readers.picture_folder import stems
from tfrecords_builder.rejects import Reject

#: What the codes of the data set mean, in its own order.
CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

#: The fields of a line, in its order.
FIELDS = (
    "image_name",
    "face_id",
    "top",
    "left",
    "right",
    "bottom",
    "confidence",
    "label",
)

#: There are no landmarks.
ALIGNMENTS = ("box", "none")

HELP = (
    "ExpW; several faces may share a picture.\n"
    "--root holds label/label.lst and image/origin/."
)


def annotations(
    root: str | os.PathLike[str],
    *,
    source: str = "expw",
    min_confidence: float | None = None,
    validation_fraction: float | None = None,
    seed: int = 0,
    align: str = "box",
    margin: float = 0.0,
    size: int = cropped_faces.Cut.size,
) -> Annotations:
    """Reads the data set.

    The key of a face is the name of its picture without extension, "_" and its number;
    where names differ by their extension alone, they keep it. Nobody says who is seen:
    a face is a person of its own, but all faces of a picture are in one split.

    Args:
      root: The folder of the data set; what is read may lie two folders deeper.
      source: Name of the source and the vocabulary.
      min_confidence: Leave out faces of which the detector was less sure, as
        "low_confidence".
      validation_fraction: Share of the faces that becomes the validation split, by
        whole pictures; by default all are training data.
      seed: Seed of that choice.
      align: "box"; or "none" for whole pictures, which leaves out those with several
        faces, as "several_faces".
      margin: What is added around a box, as in `cropped_faces.Cut`.
      size: Side of the crops, pixels.

    Raises:
      UserError: If an option is wrong, or the folder holds no such data set.
    """
    if align not in ALIGNMENTS:
        raise UserError(
            f"--align must be one of {', '.join(ALIGNMENTS)}, since ExpW gives no "
            f"landmarks. Received: --align={align}. Leave it out.",
            exit_code=2,
        )
    if min_confidence is not None and not math.isfinite(min_confidence):
        raise UserError(
            "--min_confidence must be a finite number. "
            f"Received: --min_confidence={min_confidence}. Leave it out.",
            exit_code=2,
        )
    cut = Cut(align, size, margin)
    root = checked_root(root, "expw")
    path = find_below(root, "label.lst")
    folder = find_below(root, "origin", "image", is_folder=True)
    if path is None or folder is None:
        what = "label.lst" if path is None else "image/origin/ with the pictures"
        raise UserError(
            f"The folder of ExpW must hold {what}, at most two folders deep. "
            f"Received: --root={root}, which does not. Name the folder above 'label' "
            "and 'image'."
        )
    files = PictureFolder(folder)
    rows, boxes, rejects, unlisted = _faces(path, files)
    fraction = 0.0 if validation_fraction is None else validation_fraction
    split = splits.by_group(rows["picture"], fraction, seed)
    rows = rows.assign(split=split)
    reason = _reasons(rows, min_confidence, cut)
    dropped = dropped_lib.count(split, reason, {"train": unlisted})
    kept = reason == ""
    rows, boxes = rows[kept], boxes[kept]
    keys, paths = rows["key"].tolist(), rows["path"].tolist()
    points = np.full((len(rows), 5, 2), np.nan, np.float32)
    taxonomy = Taxonomy(source, EXPRESSIONS_7, has_va=False)
    return Annotations(
        table=annotations_lib.complete(
            rows.drop(columns="picture").assign(archive="expw"),
            taxonomy,
            source,
            str(path),
        ),
        taxonomy=taxonomy,
        pictures=cropped_faces.crops(folder, keys, paths, cut, points, boxes),
        origin=str(path),
        rejects=tuple(rejects),
        notes=("Nobody is named: every face counts as a person of its own.",),
        dropped=dropped,
        reader="expw",
        subjects_known=False,
    )


def add_flags(add: Callable[..., object]) -> None:
    """Adds the reader's flags with `add`, as `add_argument`."""
    add(
        "--min_confidence",
        type=float,
        metavar="SCORE",
        help="leave out faces of which the detector was less sure (default: none)",
    )
    crop_flags.add_flags(add, "box", ALIGNMENTS)


def read(flags: argparse.Namespace) -> Annotations:
    """Calls `annotations` with what a command line says."""
    return annotations(
        checked_root(flags.root, "expw"),
        source="expw" if flags.source is None else flags.source,
        min_confidence=flags.min_confidence,
        validation_fraction=flags.validation_fraction,
        seed=flags.seed,
        **crop_flags.options(flags, "box"),
    )


def _faces(
    path: pathlib.Path, files: PictureFolder
) -> tuple[pd.DataFrame, np.ndarray, list[Reject], int]:
    """Reads the list.

    Returns:
      One row a face: `key`, `picture` (the name that tells pictures apart), `path`
      (None where there is no file), `expression`, `confidence` and `row`; float32
      [N, 4], the boxes; what was wrong; and the number of pictures without a line.
    """
    fields, lines, rejects = _lines(path)
    cells = NumericCells(str(path), lines, fields)
    names = [relative_path(name) or "" for name in fields["image_name"]]
    reason = "must be the name of a file, in UTF-8"
    cells.reject("image_name", np.array([not name for name in names], bool), reason)
    found = [_candidates(name, files) for name in names]
    several = np.array([len(candidates) > 1 for candidates in found], bool)
    cells.reject("image_name", several, "must lie in one folder of the pictures only")
    paths = np.array([next(iter(candidates), None) for candidates in found], object)
    faces = cells.numbers("face_id", 0, 2**31, whole=True)
    top, left, right, bottom = (cells.numbers(field) for field in FIELDS[2:6])
    cells.reject("right", right <= left, "must be greater than the left edge")
    cells.reject("bottom", bottom <= top, "must be greater than the top edge")
    confidence = cells.numbers("confidence")
    codes = cells.numbers("label", 0, len(CODES) - 1, whole=True)
    table = pd.DataFrame(
        {
            "picture": np.array(
                [path or name for path, name in zip(paths, names, strict=True)], object
            ),
            "path": paths,
            "face": faces,
            "confidence": confidence,
            "row": np.array(lines, np.int64),
        }
    )
    _reject_repeated(table, cells)
    kept = np.flatnonzero(~cells.rejected)
    table = table.iloc[kept].reset_index(drop=True)
    numbers = table["face"].astype(np.int64)
    stem = stems([names[i] for i in kept])
    table["key"] = np.array(
        [f"{name}_{face}" for name, face in zip(stem, numbers, strict=True)], object
    )
    table["expression"] = np.array(CODES, object)[codes[kept].astype(np.int64)]
    rejects += cells.rejects
    boxes = np.stack([left, top, right, bottom], 1).astype(np.float32)[kept]
    unlisted = files.num_unlisted(paths)
    return table, boxes, sorted(rejects, key=lambda reject: reject.row), unlisted


def _lines(
    path: pathlib.Path,
) -> tuple[dict[str, list[str]], list[int], list[Reject]]:
    """Returns the fields of every whole line, its number, and the lines that are not.

    Raises:
      UserError: If there is no line.
    """
    rows, lines, rejects = [], [], []
    # Names that are not UTF-8 come through, and are rejected one by one.
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    for line, content in enumerate(text.split("\n"), 1):
        # A name may hold blanks, so the fields are counted from the end.
        fields = content.strip().rsplit(None, len(FIELDS) - 1)
        if len(fields) == len(FIELDS):
            rows.append(fields)
            lines.append(line)
        elif fields:
            reason = f"must have {len(FIELDS)} fields: {' '.join(FIELDS)}"
            rejects.append(Reject(str(path), line, "line", content.strip(), reason))
    if not rows and not rejects:
        raise UserError(
            "label.lst must have a line for each face. "
            f"Received: {path}, which is empty. Unpack it again."
        )
    return {f: [r[i] for r in rows] for i, f in enumerate(FIELDS)}, lines, rejects


def _candidates(name: str, files: PictureFolder) -> Sequence[str]:
    """Returns the pictures that a name may mean; in its own place there is one."""
    exact = files.find([name])[0]
    return files.anywhere(name) if exact is None else (exact,)


def _reject_repeated(table: pd.DataFrame, cells: NumericCells) -> None:
    """Rejects faces that an earlier line has: which one is right cannot be known."""
    known = table[~cells.rejected]
    first = known.groupby(["picture", "face"])["row"].transform("first")
    lines = first.reindex(table.index).fillna(table["row"]).astype(np.int64)
    again = (lines != table["row"]).to_numpy(bool)
    cells.reject("face_id", again, [f"is listed before, in line {n}" for n in lines])


def _reasons(rows: pd.DataFrame, min_confidence: float | None, cut: Cut) -> np.ndarray:
    """Returns object [N]: why a face is left out, "" where it is not."""
    reason = np.full(len(rows), "", object)
    # What comes last counts.
    if cut.align == "none":
        reason[rows["picture"].duplicated(keep=False)] = "several_faces"
    if min_confidence is not None:
        reason[rows["confidence"] < min_confidence] = "low_confidence"
    reason[rows["path"].isna()] = "no_image"
    return reason
