"""AffectNet as it was released in March 2021: small files beside cropped pictures.

`train_set/` and `val_set/` hold `images/<id>.jpg` and, for each of them,
`annotations/<id>_exp.npy`, `_val.npy`, `_aro.npy` and `_lnd.npy`: the code of the
expression, valence, arousal and 68 landmarks, as numbers or as text.
"""

from __future__ import annotations

import os
import pathlib
import posixpath
import re

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.readers import landmarks as landmarks_lib
from tfrecords_builder.readers.affectnet_faces import join
from tfrecords_builder.readers.affectnet_faces import labels
from tfrecords_builder.readers.affectnet_faces import LAST_EXPRESSION
from tfrecords_builder.readers.affectnet_faces import ListedFaces
from tfrecords_builder.readers.affectnet_faces import NO_VALUE
from tfrecords_builder.readers.numeric_cells import NumericCells
from tfrecords_builder.readers.picture_folder import PictureFolder

#: Folder -> split.
FOLDERS = {"train_set": "train", "val_set": "validation"}

_FILE = re.compile(r"([^.].*)_(?:exp|val|aro|lnd)\.npy")
#: Field -> the end of its file's name, and what stands for a file that is absent.
_FIELDS = {
    "expression": ("exp", ""),
    "valence": ("val", f"{NO_VALUE:g}"),
    "arousal": ("aro", f"{NO_VALUE:g}"),
}


def is_release(root: pathlib.Path) -> bool:
    """Returns whether a folder holds this release."""
    return any((root / name / "annotations").is_dir() for name in FOLDERS)


def read(root: pathlib.Path, cut: Cut) -> ListedFaces:
    """Reads the release.

    A picture may have any extension. The only box of a face is the one around its
    landmarks. There are no line numbers, so `row` is 0.

    Args:
      root: The folder that holds `train_set` or `val_set`, or both.
      cut: What landmarks are needed for.

    Raises:
      UserError: If no file of either is an annotation.
    """
    there = {n: s for n, s in FOLDERS.items() if (root / n / "annotations").is_dir()}
    parts = [_split(root, name, split, cut) for name, split in there.items()]
    if not any(len(part.rows) or part.rejects for part in parts):
        raise UserError(
            "The folder of AffectNet must hold train_set/annotations/<id>_exp.npy. "
            f"Received: --root={root}, which does not. Unpack it again."
        )
    missing = [f"There is no {n}/annotations." for n in FOLDERS if n not in there]
    faces = join(parts)
    return faces._replace(notes=[*missing, *faces.notes])


def _split(root: pathlib.Path, name: str, split: str, cut: Cut) -> ListedFaces:
    """Reads one of the two folders."""
    folder = root / name / "annotations"
    files = set(os.listdir(folder))
    ids = sorted({m.group(1) for m in map(_FILE.fullmatch, files) if m})
    texts = {
        field: [
            _text(folder / f"{i}_{end}.npy") if f"{i}_{end}.npy" in files else absent
            for i in ids
        ]
        for field, (end, absent) in _FIELDS.items()
    }
    # A row is known by its place until its reject is given the name of the file.
    cells = NumericCells("", range(len(ids)), texts)
    found = labels(cells, blank=True)
    rejects = []
    for reject in sorted(cells.rejects, key=lambda reject: reject.row):
        file = folder / f"{ids[reject.row]}_{_FIELDS[reject.field][0]}.npy"
        rejects.append(reject._replace(file=str(file), row=0))
    pictures = PictureFolder(root / name / "images").pictures()
    by_id = {posixpath.splitext(path)[0]: path for path in reversed(pictures)}
    present = np.array([i in by_id for i in ids], bool)
    wanted = ~cells.rejected & present & ~(found["code"] > LAST_EXPRESSION)
    points = np.full((len(ids), 5, 2), np.nan, np.float32)
    boxes = np.full((len(ids), 4), np.nan, np.float32)
    for row in np.flatnonzero(wanted) if cut.align != "none" else ():
        marks = _landmarks(folder / f"{ids[row]}_lnd.npy")
        points[row] = landmarks_lib.five_points(marks)[0]
        boxes[row] = landmarks_lib.boxes(marks)[0]
    rows = {
        "key": np.array([f"{name}/{i}" for i in ids], object),
        "path": np.array([f"{name}/images/{by_id.get(i, i)}" for i in ids], object),
        "present": present,
        "split": np.full(len(ids), split, object),
        "row": np.zeros(len(ids), np.int64),
        "origin": np.full(len(ids), str(folder), object),
        **found,
    }
    kept = ~cells.rejected
    unlisted = {split: len(by_id.keys() - set(ids))}
    table = pd.DataFrame(rows)[kept].reset_index(drop=True)
    return ListedFaces(table, points[kept], boxes[kept], rejects, [], unlisted)


def _text(path: pathlib.Path) -> str:
    """Returns the number or text of a file; where it fails, a text that says why."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        return f"unreadable ({error})"
    if array.size != 1:
        return f"{array.size} values"
    value = array.reshape(-1)[0]
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _landmarks(path: pathlib.Path) -> np.ndarray:
    """Returns float64 [1, 68, 2]; NaN where the file is not 136 numbers."""
    try:
        marks = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError):
        marks = np.empty(0)
    if marks.size != 2 * landmarks_lib.NUM_LANDMARKS:
        marks = np.full(2 * landmarks_lib.NUM_LANDMARKS, np.nan)
    return marks.reshape(1, -1, 2)
