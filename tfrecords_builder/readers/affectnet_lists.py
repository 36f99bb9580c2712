"""AffectNet as it was first released: CSV lists of faces in large pictures.

Nine columns: path of the picture, x, y, width and height of the face, 68 landmarks
("x;y;x;y; ..."), code of the expression, valence, arousal. Some copies of a list
begin with a header, others do not.
"""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.readers import landmarks as landmarks_lib
from tfrecords_builder.readers.affectnet_faces import labels
from tfrecords_builder.readers.affectnet_faces import LAST_EXPRESSION
from tfrecords_builder.readers.affectnet_faces import ListedFaces
from tfrecords_builder.readers.numeric_cells import NumericCells
from tfrecords_builder.readers.picture_folder import find_below
from tfrecords_builder.readers.picture_folder import PictureFolder
from tfrecords_builder.readers.picture_folder import relative_path
from tfrecords_builder.readers.picture_folder import stems
from tfrecords_builder.rejects import Reject

#: The header, where there is one.
COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
_PATH, _LANDMARKS = COLUMNS[0], COLUMNS[5]
_BOX = COLUMNS[1:5]

#: Rows that are read at a time: their text is large, what is kept of it is not.
_CHUNK = 20_000


class Part(NamedTuple):
    """One half of the data set.

    Attributes:
      lists: (name of the list, its split), in the order in which they are read.
      folders: Names that the folder of its pictures may have, the best first.
      prefix: What its keys begin with.
    """

    lists: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]
    prefix: str


#: The values of `--lists` that name one part. Both parts number their folders from 1.
PARTS = {
    "manual": Part(
        (("training.csv", "train"), ("validation.csv", "validation")),
        ("Manually_Annotated_Images", "Manually_Annotated_compressed"),
        "",
    ),
    "automatic": Part(
        (("automatically_annotated.csv", "train"),),
        ("Automatically_Annotated_Images", "Automatically_Annotated_compressed"),
        "automatic/",
    ),
}


class _Chunk(NamedTuple):
    """Some rows of a list: their numbers, and `name`, the path that is written."""

    rows: pd.DataFrame
    points: np.ndarray
    boxes: np.ndarray


def read(root: pathlib.Path, part: str, cut: Cut) -> ListedFaces:
    """Reads the lists of one part of the data set.

    Args:
      root: The folder of the data set; what is read may lie two folders deeper.
      part: "manual" or "automatic".
      cut: What landmarks and boxes are needed for.

    Raises:
      UserError: If there is no list, no picture folder, or a list is no CSV file.
    """
    lists, folders, prefix = PARTS[part]
    found = [(find_below(root, name), split) for name, split in lists]
    folder = find_below(root, *folders, is_folder=True)
    missing = [n for (n, _), (path, _) in zip(lists, found, strict=True) if not path]
    if len(missing) == len(lists) or folder is None:
        what = f"a folder {folders[0]}" if folder is None else " or ".join(missing)
        raise UserError(
            f"The folder of AffectNet must hold {what}, at most two folders deep. "
            f"Received: --root={root}, which does not. Name the folder above the lists "
            "and the pictures."
        )
    notes = [f"There is no {name}." for name in missing]
    chunks, rejects = [_no_rows()], []
    for path, split in found:
        before = len(rejects), len(chunks)
        for chunk in _chunks(path, cut, rejects) if path else ():
            rows = chunk.rows.assign(split=split, origin=str(path))
            chunks.append(chunk._replace(rows=rows))
        if path and before == (len(rejects), len(chunks)):
            notes.append(f"{path.name} holds no row.")
    rows = pd.concat([chunk.rows for chunk in chunks], ignore_index=True)
    files = PictureFolder(folder)
    paths = files.find(rows["name"])
    unlisted = files.num_unlisted(paths)
    if unlisted:
        notes.append(f"Pictures of {folder.name} that no row names: {unlisted:,}.")
    present = np.array([path is not None for path in paths], bool)
    paths = np.where(present, paths, rows["name"])
    below = folder.relative_to(root).as_posix()
    return ListedFaces(
        rows=rows.assign(
            key=np.array([prefix + stem for stem in stems(paths)], object),
            path=np.array([f"{below}/{path}" for path in paths], object),
            present=present,
        ),
        points=np.concatenate([chunk.points for chunk in chunks]),
        boxes=np.concatenate([chunk.boxes for chunk in chunks]),
        rejects=rejects,
        notes=notes,
        unlisted={},
    )


def _chunks(path: pathlib.Path, cut: Cut, rejects: list[Reject]) -> Iterator[_Chunk]:
    """Gives the rows of a list; adds what is wrong to `rejects`."""
    lines, rows = [], []
    for line, row in _rows(path, rejects):
        lines.append(line)
        rows.append(row)
        if len(rows) == _CHUNK:
            yield _chunk(str(path), lines, rows, cut, rejects)
            lines, rows = [], []
    if rows:
        yield _chunk(str(path), lines, rows, cut, rejects)


def _rows(
    path: pathlib.Path, rejects: list[Reject]
) -> Iterator[tuple[int, Sequence[str]]]:
    """Gives line number and cells, in the order of `COLUMNS`, of each whole row.

    Raises:
      UserError: If the file is no CSV file, or has a header of other columns.
    """
    order, width = None, len(COLUMNS)
    # Names that are not UTF-8 come through, and are rejected one by one.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.reader(text)
        try:
            for row in reader:
                if not any(map(str.strip, row)):
                    continue
                if order is None:
                    order = _order(row, path)
                    if order:
                        width = len(row)
                        continue
                if len(row) < width or any(map(str.strip, row[width:])):
                    reason = f"must have {width} cells"
                    line = reader.line_num
                    rejects.append(Reject(str(path), line, "row", row[0], reason))
                else:
                    yield reader.line_num, [row[i] for i in order] if order else row
        except csv.Error as error:
            raise UserError(
                "A list of AffectNet must be comma-separated text. Received: "
                f"{path}, in which something near line {reader.line_num} is not "
                f"({error}). Unpack it again."
            ) from error


def _order(first: Sequence[str], path: pathlib.Path) -> list[int]:
    """Returns where a header has each column; nothing if the row is no header."""
    cells = [cell.strip().casefold() for cell in first]
    if _PATH.casefold() not in cells:
        return []
    absent = [name for name in COLUMNS if name.casefold() not in cells]
    if absent:
        raise UserError(
            f"A list of AffectNet must have the columns {', '.join(COLUMNS)}. "
            f"Received: {path}, whose header lacks {', '.join(absent)}. "
            "Unpack it again."
        )
    return [cells.index(name.casefold()) for name in COLUMNS]


def _chunk(
    file: str,
    lines: Sequence[int],
    rows: Sequence[Sequence[str]],
    cut: Cut,
    rejects: list[Reject],
) -> _Chunk:
    """Returns some rows without those that break a rule."""
    columns = list(zip(*rows, strict=False))[: len(COLUMNS)]
    cells = dict(zip(COLUMNS, columns, strict=True))
    checked = NumericCells(file, lines, cells)
    names = [relative_path(name) for name in cells[_PATH]]
    reason = "must be a path below the folder of the pictures, in UTF-8"
    checked.reject(_PATH, np.array([name is None for name in names]), reason)
    found = labels(checked)
    boxes = _boxes(checked)
    labelled = ~checked.rejected & (found["code"] <= LAST_EXPRESSION)
    points = np.full((len(rows), 5, 2), np.nan, np.float32)
    if cut.align == "landmarks":
        points[labelled] = landmarks_lib.five_points(_landmarks(cells, labelled))
    elif cut.align == "box":
        unboxed = labelled & ~np.isfinite(boxes).all(1)
        boxes[unboxed] = landmarks_lib.boxes(_landmarks(cells, unboxed))
    rejects += sorted(checked.rejects, key=lambda reject: reject.row)
    kept = np.flatnonzero(~checked.rejected)
    name = np.array(names, object)
    table = pd.DataFrame({"name": name, "row": lines, **found}).iloc[kept]
    return _Chunk(table, points[kept], boxes[kept])


def _no_rows() -> _Chunk:
    texts = {name: np.empty(0, object) for name in ("name", "split", "origin")}
    numbers = {name: np.empty(0) for name in ("code", "valence", "arousal")}
    table = pd.DataFrame({**texts, "row": np.empty(0, np.int64), **numbers})
    return _Chunk(table, np.empty((0, 5, 2), np.float32), np.empty((0, 4), np.float32))


def _landmarks(cells: Mapping[str, Sequence[str]], wanted: np.ndarray) -> np.ndarray:
    """Returns float64 [M, 68, 2]: those of the M rows where `wanted` [N] is true."""
    texts = cells[_LANDMARKS]
    return landmarks_lib.parse([texts[row] for row in np.flatnonzero(wanted)])


def _boxes(checked: NumericCells) -> np.ndarray:
    """Returns float32 [N, 4], NaN where a cell is empty or the size not positive."""
    x, y, width, height = (checked.numbers(name, blank=True) for name in _BOX)
    boxes = np.stack([x, y, x + width, y + height], 1).astype(np.float32)
    known = np.isfinite(boxes).all(1) & (width > 0) & (height > 0)
    return np.where(known[:, None], boxes, np.float32(np.nan))
