"""Reads AffectNet: expressions, valence and arousal of single pictures.

Two releases are told apart by their folders: lists beside large pictures
(`affectnet_lists`), and the one of March 2021, small files beside cropped pictures
(`affectnet_arrays`).
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import EXPRESSIONS_7
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import cropped_faces
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.readers import affectnet_arrays
from tfrecords_builder.readers import affectnet_lists
from tfrecords_builder.readers import crop_flags
from tfrecords_builder.readers import dropped as dropped_lib
from tfrecords_builder.readers.affectnet_faces import CODES
from tfrecords_builder.readers.affectnet_faces import join
from tfrecords_builder.readers.affectnet_faces import ListedFaces
from tfrecords_builder.readers.picture_folder import checked_root
from tfrecords_builder.rejects import Reject

#: What `--lists` may say.
LISTS = (*affectnet_lists.PARTS, "both")

HELP = (
    "AffectNet, with its CSV lists or as released in March 2021.\n"
    "--root holds training.csv, validation.csv and Manually_Annotated_Images/, or "
    "train_set/ and val_set/."
)


def annotations(
    root: str | os.PathLike[str],
    *,
    source: str = "affectnet",
    classes: int = 7,
    lists: str | None = None,
    align: str = "landmarks",
    margin: float = 0.0,
    size: int = cropped_faces.Cut.size,
) -> Annotations:
    """Reads the data set.

    A key is the path of the picture without its extension. Nobody says who is seen:
    a picture is a person of its own. Rows of the codes none, uncertain and no face
    carry no label, whatever stands beside the code. A picture of both splits is left
    out of training. A face without usable landmarks is cut out by its box, one without
    a box by the smallest box around its landmarks; one that has neither is left out as
    "no_face".

    Args:
      root: The folder of the data set; what is read may lie two folders deeper.
      source: Name of the source and the vocabulary.
      classes: 7, where contempt keeps its valence and arousal but is no class, or 8.
      lists: "manual", "automatic" or "both" (the automatic one is training data). By
        default the release of March 2021 if it is there, otherwise "manual".
      align: "landmarks", "box" or "none", as in `cropped_faces.Cut`.
      margin: What is added around a box, as there.
      size: Side of the crops, pixels.

    Raises:
      UserError: If an option is wrong, or the folder holds no such data set.
    """
    if classes not in (7, 8):
        raise UserError(
            f"--classes must be 7 or 8. Received: --classes={classes}. "
            "Use 8 to keep contempt as a class.",
            exit_code=2,
        )
    if lists is not None and lists not in LISTS:
        raise UserError(
            f"--lists must be one of {', '.join(LISTS)}. Received: --lists={lists}. "
            "Choose one of them.",
            exit_code=2,
        )
    cut = Cut(align, size, margin)
    root = checked_root(root, "affectnet")
    faces = _read(root, lists, cut)
    expressions = (*EXPRESSIONS_7, "contempt")[:classes]
    notes = [*faces.notes, *_code_notes(faces.rows, root)]
    again, repeated = _repeated(faces.rows)
    rows, points, boxes = (part[~again] for part in faces[:3])
    rows = rows.assign(expression=_expressions(rows["code"], expressions))
    reason = _reasons(rows, cropped_faces.located(cut, points, boxes))
    kept = reason == ""
    dropped = dropped_lib.count(rows["split"].to_numpy(), reason, faces.unlisted)
    rows, points, boxes = rows[kept], points[kept], boxes[kept]
    taxonomy = Taxonomy(source, expressions)
    keys, paths = rows["key"].tolist(), rows["path"].tolist()
    rejects = sorted([*faces.rejects, *repeated], key=lambda r: (r.file, r.row))
    return Annotations(
        table=annotations_lib.complete(
            rows.assign(archive="affectnet"), taxonomy, source, str(root)
        ),
        taxonomy=taxonomy,
        pictures=cropped_faces.crops(root, keys, paths, cut, points, boxes),
        origin=str(root),
        rejects=tuple(rejects),
        notes=(*notes, *_kept_notes(rows, classes, cut, points)),
        dropped=dropped,
        reader="affectnet",
        subjects_known=False,
    )


def add_flags(add: Callable[..., object]) -> None:
    """Adds the reader's flags with `add`, as `add_argument`."""
    add(
        "--classes",
        type=int,
        choices=(7, 8),
        help="8 keeps contempt as a class; 7 (default) keeps its valence and arousal",
    )
    add(
        "--lists",
        choices=LISTS,
        help="which CSV lists; default: train_set/ and val_set/ if they are there, "
        "otherwise manual",
    )
    crop_flags.add_flags(add, "landmarks")


def read(flags: argparse.Namespace) -> Annotations:
    """Calls `annotations` with what a command line says."""
    if flags.validation_fraction is not None:
        raise UserError(
            "--validation_fraction must be left out with --dataset=affectnet, which "
            "has a validation split. Received: "
            f"--validation_fraction={flags.validation_fraction}. Remove it.",
            exit_code=2,
        )
    return annotations(
        checked_root(flags.root, "affectnet"),
        source="affectnet" if flags.source is None else flags.source,
        classes=7 if flags.classes is None else flags.classes,
        lists=flags.lists,
        **crop_flags.options(flags, "landmarks"),
    )


def _read(root: pathlib.Path, lists: str | None, cut: Cut) -> ListedFaces:
    if lists is None and affectnet_arrays.is_release(root):
        return affectnet_arrays.read(root, cut)
    names = list(affectnet_lists.PARTS) if lists == "both" else [lists or "manual"]
    return join([affectnet_lists.read(root, name, cut) for name in names])


def _repeated(rows: pd.DataFrame) -> tuple[np.ndarray, list[Reject]]:
    """Returns bool [N], rows whose picture an earlier row of the split has, and why."""
    again = rows.duplicated(["split", "path"]).to_numpy(bool)
    if not again.any():
        return again, []
    first = rows.groupby(["split", "path"])["row"].transform("first")
    field = affectnet_lists.COLUMNS[0]
    rejects = [
        Reject(row.origin, row.row, field, row.key, f"is listed before, in line {line}")
        for row, line in zip(rows[again].itertuples(), first[again], strict=True)
    ]
    return again, rejects


def _expressions(codes: pd.Series, allowed: tuple[str, ...]) -> np.ndarray:
    """Returns object [N]: the name of each code, None where it is no class."""
    names = np.array([*(n if n in allowed else None for n in CODES), None], object)
    return names[codes.fillna(len(CODES)).to_numpy(np.int64)]


def _reasons(rows: pd.DataFrame, located: np.ndarray) -> np.ndarray:
    """Returns object [N]: why a row is left out, "" where it is not."""
    labelled = rows["expression"].notna() | rows["valence"].notna()
    present = rows["present"].to_numpy(bool)
    validates = (rows["split"] == "validation") & labelled & present
    leaks = (rows["split"] == "train") & rows["path"].isin(rows["path"][validates])
    reason = np.full(len(rows), "", object)
    # What comes last counts.
    reason[~located] = "no_face"
    reason[leaks.to_numpy(bool)] = "leakage"
    reason[~present] = "no_image"
    reason[~labelled.to_numpy(bool)] = "invalid_label_only"
    return reason


def _code_notes(rows: pd.DataFrame, root: pathlib.Path) -> list[str]:
    """Returns a line on each file: how often each code occurs in it."""
    notes = []
    for origin, codes in rows.groupby("origin", sort=False)["code"]:
        counts = codes.value_counts().sort_index()
        listed = ", ".join(f"{n:,} {CODES[int(code)]}" for code, n in counts.items())
        file = os.path.relpath(origin, root)
        notes.append(f"{file}: {listed or 'no expression'}.")
    return notes


def _kept_notes(
    rows: pd.DataFrame, classes: int, cut: Cut, points: np.ndarray
) -> list[str]:
    notes = ["Nobody is named: every picture counts as a person of its own."]
    contempt = int((rows["code"] == CODES.index("contempt")).sum())
    if contempt and classes == 7:
        notes.append(
            "Pictures of contempt, which keep valence and arousal but are of no class "
            f"(--classes=8 makes it one): {contempt:,}."
        )
    unmarked = int((~np.isfinite(points).all((1, 2))).sum())
    if unmarked and cut.align == "landmarks":
        notes.append(
            f"Faces without usable landmarks, cut out by their box: {unmarked:,}."
        )
    return notes
