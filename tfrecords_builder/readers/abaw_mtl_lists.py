"""The lists of the ABAW multi-task challenges: a row a picture, with all its labels.

    image,valence,arousal,expression,aus
    video1/00012.jpg,0.11,-0.20,4,0,0,1,0,0,1,0,0,0,0,1,0

The five names of the header stand for sixteen values: "aus" for twelve units. Classes
are codes in the order of `EXPRESSIONS_8`.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import AUS_12
from affect_tf.labels.taxonomy import EXPRESSIONS_8
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from tfrecords_builder.readers import affwild2_files
from tfrecords_builder.readers import affwild2_frames
from tfrecords_builder.readers import affwild2_layout
from tfrecords_builder.readers import affwild2_values
from tfrecords_builder.readers.affwild2_pictures import composed
from tfrecords_builder.readers.affwild2_pictures import frame_key
from tfrecords_builder.readers.affwild2_pictures import picture_number
from tfrecords_builder.rejects import Reject

#: The header of a list, and what a list without one holds.
HEADER = ("image", *VA_DIMENSIONS, "expression", "aus")
_DEFAULT = (*VA_DIMENSIONS, "expression", *AUS_12)

_LIST = re.compile(
    r"(train|val)[a-z]*[ _-]?(?:set|list|annotation).*\.txt", re.IGNORECASE
)
_SPLITS = {"train": "train", "val": "validation"}
_IMAGE = re.compile(r"(?:\./)?([^/]+)/([^/.]+)\.[A-Za-z]+")
_IMAGE_RULE = "must be <video>/<number>.<extension>"


@dataclasses.dataclass(frozen=True)
class PictureList:
    """What one list says.

    Attributes:
      frames: One row a line that names a picture, with the columns of
        `affwild2_frames.joined`; the labels of rejected rows are absent.
      names: What the labels are about: "valence", "expression", units.
      rejects: What was wrong, once a row.
      notes: Remarks.
    """

    frames: pd.DataFrame
    names: tuple[str, ...]
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...] = ()


def find(
    root: pathlib.Path, pictures: pathlib.Path | None = None
) -> tuple[dict[str, pathlib.Path], list[pathlib.Path]]:
    """Searches a folder and all below it, but for folders of pictures.

    Args:
      root: The folder.
      pictures: The folder of the pictures.

    Returns:
      split -> list, for "train" and "validation" where there is one; and the folders
      named "cropped_aligned".

    Raises:
      UserError: If there are several lists of a split.
    """
    lists: dict[str, pathlib.Path] = {}
    crops = []
    for folder, folders, names in affwild2_layout.walk(root, pictures):
        for name in [n for n in folders if affwild2_layout.is_crops(n)]:
            folders.remove(name)
            if name.lower() == affwild2_layout.PICTURES:
                crops.append(folder / name)
        for name in names:
            match = _LIST.fullmatch(name)
            if not match:
                continue
            split = _SPLITS[match.group(1).lower()]
            other = lists.setdefault(split, folder / name)
            if other != folder / name:
                raise UserError(
                    f"The {split} split must have one list. Received: {other} and "
                    f"{folder / name}. Name the folder of one challenge with --root, "
                    "and that of the pictures with --images.",
                    exit_code=2,
                )
    return lists, crops


def read(path: pathlib.Path, split: str, partial_aus: bool = False) -> PictureList:
    """Reads a list with labels.

    Args:
      path: The file.
      split: The split of its rows.
      partial_aus: Whether a row with some missing units keeps the others.

    Returns:
      Its rows. One with a value that no label has is rejected as a whole, and so is a
      picture's second row.

    Raises:
      UserError: If it is no such list, or no row of it can be used.
    """
    lines = _lines(path)
    headless = bool(lines) and affwild2_values.is_numeric(lines[0].partition(",")[2])
    names = _DEFAULT if headless or not lines else _names(lines[0], path)
    first = 1 if headless else 2
    lines = lines[first - 1 :]
    rows = [line.partition(",")[2] for line in lines]
    pictures = [line.partition(",")[0] for line in lines]
    place = range(first, first + len(lines))
    frames, rejects = _places(pictures, place, path, split)
    del lines, pictures  # Half of the memory that a long list takes.
    values = affwild2_values.numbers(rows, len(names))
    labels, wrong = _labels(names, values, partial_aus)
    nowhere = frames["folder"].isna().to_numpy()
    wrong[nowhere] = False
    rules = [affwild2_values.rule(_task(n), len(EXPRESSIONS_8)) for n in names]
    rejects += affwild2_values.rejects(path, rows, first, names, wrong, rules)
    frames["rejected"] = wrong.any(axis=1)
    if rows and (nowhere | frames["rejected"]).all():
        what = rejects[0]
        raise _no_list(path, f"{what.value!r} in line {what.row}, which {what.reason}")
    _write(frames, names, np.where(wrong.any(axis=1, keepdims=True), np.nan, labels))
    remark = "has no header: its first line is read as a row" if headless else ""
    remark = remark if rows else "holds no row"
    notes = (f"{path} {remark}.",) if remark else ()
    return _once(PictureList(frames, names, tuple(rejects), notes))


def read_test(path: str | os.PathLike[str]) -> PictureList:
    """Reads a list of pictures without labels; the split is "test".

    Args:
      path: The file: "video1/00012.jpg" in each line. A comma and what follows it do
        not belong to the entry.

    Raises:
      UserError: If it is no such list.
    """
    lines, names = zip(*affwild2_files.list_entries(path), strict=True)
    frames, rejects = _places(names, lines, pathlib.Path(path), "test")
    if frames["folder"].isna().all():
        raise UserError(
            f"--test_list must name a picture in each line. Received: {names[0]!r} in "
            f"{path}. For a list of folders use --dataset=affwild2."
        )
    frames["wanted"] = True
    return _once(PictureList(frames, (), tuple(rejects)))


def _lines(path: pathlib.Path) -> list[str]:
    try:
        return affwild2_values.text_lines(path.read_bytes())
    except UnicodeDecodeError as error:
        raise _no_list(path, f"bytes that are no UTF-8 ({error})") from error


def _names(header: str, path: pathlib.Path) -> tuple[str, ...]:
    """Returns what the values after the picture's name are about.

    Raises:
      UserError: If the header is not one of a list.
    """
    first, *rest = [cell.lower() for cell in affwild2_values.cells(header)]
    names: list[str] = []
    for cell in rest:
        names += AUS_12 if cell == "aus" else [_unit(cell) or cell]
    strange = [n for n in names if n not in _DEFAULT and not _unit(n)]
    pair = [n for n in names if n in VA_DIMENSIONS]
    whole = first == HEADER[0] and len(names) == len(set(names)) and len(pair) != 1
    if not names or strange or not whole:
        raise _no_list(path, f"the first line {header[:80]!r}")
    return tuple(names)


def _places(
    names: Sequence[str], lines: Sequence[int], path: pathlib.Path, split: str
) -> tuple[pd.DataFrame, list[Reject]]:
    """Returns the frames that a list names, without labels.

    Args:
      names: "video1/00012.jpg", one a row.
      lines: Their line numbers.
      path: The list.
      split: The split of all rows.

    Returns:
      One row a name: the folder is None where it is no such path. And the rejects.
    """
    columns = affwild2_frames.no_labels(len(names), ())
    folders, numbers, rejects = [], [], []
    for name, line in zip(names, lines, strict=True):
        match = _IMAGE.fullmatch(name.strip().replace("\\", "/"))
        number = picture_number(match.group(2)) if match else None
        folders.append(composed(match.group(1)) if number else None)
        numbers.append(number or 0)
        if not number:
            shown = name.strip()[:80]
            rejects.append(Reject(str(path), line, "image", shown, _IMAGE_RULE))
    columns["folder"] = np.array(folders, object)
    columns["number"] = np.array(numbers, np.int64)
    columns["row"] = np.fromiter(lines, np.int64, len(names))
    columns["split"][:] = split
    columns["origin"][:] = str(path)
    return affwild2_frames.as_table(columns), rejects


def _labels(
    names: Sequence[str], values: np.ndarray, partial_aus: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels and wrong values, both [N, C], as `affwild2_values.labels`."""
    labels = np.full(values.shape, np.nan)
    wrong = np.zeros(values.shape, bool)
    for task in TASKS:
        columns = [i for i, name in enumerate(names) if _task(name) == task]
        if columns:
            labels[:, columns], wrong[:, columns] = affwild2_values.labels(
                task, values[:, columns], len(EXPRESSIONS_8), partial_aus
            )
    return labels, wrong


def _write(frames: pd.DataFrame, names: Sequence[str], labels: np.ndarray) -> None:
    """Writes float [N, C] labels into the columns of the frames."""
    for name, column in zip(names, labels.T, strict=True):
        if name == "expression":
            # The code of an absent label takes the last entry.
            codes = np.where(np.isnan(column), -1, column).astype(np.int64)
            classes = np.array([*EXPRESSIONS_8, None], object)[codes]
            frames[name] = pd.Series(classes, dtype=object)
        else:
            frames[name] = column


def _once(found: PictureList) -> PictureList:
    """Leaves out rows that name no picture, and rejects a picture's second row."""
    frames = found.frames[found.frames["folder"].notna()]
    place = frames[["folder", "number"]]
    again = (
        place[~frames["rejected"]].duplicated().reindex(frames.index, fill_value=False)
    )
    repeated = frames[again]
    if len(repeated):
        good = frames[~frames["rejected"] & ~again]
        first = good.set_index(["folder", "number"])["row"]
    rejects = [
        Reject(
            row.origin,
            row.row,
            "image",
            frame_key(row.folder, row.number),
            f"must be listed once; it is in line {first[row.folder, row.number]}",
        )
        for row in repeated.itertuples()
    ]
    rejects = sorted([*found.rejects, *rejects], key=lambda reject: reject.row)
    frames = frames[~again].reset_index(drop=True)
    return dataclasses.replace(found, frames=frames, rejects=tuple(rejects))


def _unit(name: str) -> str | None:
    return taxonomy_lib.canonical_action_unit(name)


def _task(name: str) -> str:
    if name == "expression":
        return "expr"
    return "va" if name in VA_DIMENSIONS else "au"


def _no_list(path: pathlib.Path, received: str) -> UserError:
    return UserError(
        f"A list must begin with {','.join(HEADER)!r} and hold a picture and "
        f"{len(_DEFAULT)} numbers in each row. Received: {received}, in {path}. Name "
        "the folder of a multi-task challenge with --root."
    )
