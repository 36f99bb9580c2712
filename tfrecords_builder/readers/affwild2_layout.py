"""Where the label files and the pictures of Aff-Wild2 lie below a folder.

The challenges name their folders differently; what they share is
`<task folder>/<split folder>/<video>.txt`, where a task folder begins with AU, EXPR or
VA ("AU_Set", "EXPR_Recognition_Challenge") and a split folder with "train", "val" or
"test", in any case.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterable
from collections.abc import Iterator
from typing import NamedTuple

from affect_tf.errors import UserError

#: The films that all of these lists are about: a name in one is that name in another.
ARCHIVE = "affwild2"

#: The folder of the aligned faces, as the challenges call it.
PICTURES = "cropped_aligned"

#: What the name of a task folder begins with. "Validation_Set" is no VA folder.
_TASKS = {
    "expr": re.compile(r"expr(?![a-z])|expression", re.IGNORECASE),
    "au": re.compile(r"au(?![a-z])|action.?unit", re.IGNORECASE),
    "va": re.compile(r"va(?![a-z])|valence", re.IGNORECASE),
}
_SPLITS = {"train": "train", "val": "validation", "dev": "validation", "test": "test"}

#: Number of names that a note shows.
_SHOWN = 3


class LabelFile(NamedTuple):
    """One file of labels: one task, one video, one person.

    Attributes:
      path: The file.
      task: "expr", "au" or "va".
      split: "train", "validation" or "test".
      name: Its name without the extension.
    """

    path: pathlib.Path
    task: str
    split: str
    name: str


class Layout(NamedTuple):
    """What was found below a folder.

    Attributes:
      label_files: In order of task folder, split folder and name.
      pictures: The folders named `PICTURES`.
      strays: Files beside and among label files and their folders, as relative paths.
    """

    label_files: tuple[LabelFile, ...]
    pictures: tuple[pathlib.Path, ...]
    strays: tuple[str, ...]

    def notes(self) -> list[str]:
        """Returns a remark on the strays, if there are any."""
        return [f"Not read: {listed(self.strays)}."] if self.strays else []


def check_root(root: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the folder as a path; a UserError where it is none."""
    path = pathlib.Path(root)
    if not os.fspath(root) or not path.is_dir():
        raise UserError(
            f"--root must be a folder. Received: {os.fspath(root)!r}, which is none. "
            "Name the folder that the data set was unpacked into.",
            exit_code=2,
        )
    return path


def find(root: pathlib.Path, pictures: pathlib.Path | None = None) -> Layout:
    """Searches a folder and all below it, but for folders of pictures.

    Args:
      root: The folder; may itself be a task folder.
      pictures: The folder of the pictures, which is not searched either.

    Returns:
      The files, sorted; all parts may be empty.
    """
    label_files, crops, strays = [], [], []
    beside: set[pathlib.Path] = set()
    others: list[pathlib.Path] = []
    for folder, folders, names in walk(root, pictures):
        for name in [n for n in folders if is_crops(n)]:
            folders.remove(name)
            if name.lower() == PICTURES:
                crops.append(folder / name)
        task = _task(folder.name if folder != root else folder.resolve().name)
        splits = {n: s for n in folders if (s := _split(n))} if task else {}
        if task is None:
            others += [folder / name for name in names]
            continue
        for name in splits:
            folders.remove(name)
            found, stray = _label_files(folder / name, task, splits[name])
            label_files += found
            strays += stray
        strays += [folder / name for name in names]
        if splits:
            beside |= {
                p for p in folder.parents if p != root and p.is_relative_to(root)
            }
    strays += [path for path in others if path.parent in beside]
    relative = sorted(path.relative_to(root).as_posix() for path in strays)
    visible = [path for path in relative if not path.rpartition("/")[2].startswith(".")]
    return Layout(tuple(label_files), tuple(crops), tuple(visible))


def pictures_folder(
    root: pathlib.Path,
    found: Iterable[pathlib.Path],
    images: str | os.PathLike[str] | None,
) -> pathlib.Path:
    """Returns the folder that holds a folder of pictures for each video.

    Args:
      root: The data set, for messages.
      found: The folders that may be meant.
      images: The folder, where the user names it.

    Raises:
      UserError: If there is none, or the choice is not clear.
    """
    if images is not None:
        if not os.fspath(images) or not os.path.isdir(images):
            raise UserError(
                "--images must be a folder. "
                f"Received: {os.fspath(images)!r}, which is none. Name the folder "
                "that holds a folder of pictures for each video.",
                exit_code=2,
            )
        return pathlib.Path(images)
    found = list(found)
    if len(found) == 1:
        return found[0]
    if root / PICTURES in found:
        return root / PICTURES
    what = f"{listed([str(f) for f in found])}" if found else "none"
    raise UserError(
        f"One folder {PICTURES} must hold the pictures. Received: {what} below {root}. "
        "Name it with --images=DIR.",
        exit_code=2,
    )


def listed(names: Iterable[str]) -> str:
    """Returns some of the names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def walk(
    root: pathlib.Path, pictures: pathlib.Path | None
) -> Iterator[tuple[pathlib.Path, list[str], list[str]]]:
    """Walks through a folder, through links too, and never twice through one place.

    Args:
      root: The folder.
      pictures: A folder that is left out.

    Yields:
      A folder, and the sorted names of the folders and files in it. The caller
      removes the folders that are not to be entered.
    """
    seen = set()
    if pictures is not None and not root.resolve().is_relative_to(pictures.resolve()):
        seen.add(os.path.realpath(pictures))
    for folder, folders, names in os.walk(root, onerror=_raise, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield pathlib.Path(folder), folders, sorted(names)


def _label_files(
    folder: pathlib.Path, task: str, split: str
) -> tuple[list[LabelFile], list[pathlib.Path]]:
    """Returns the label files of one split folder, and what else is there."""
    found, strays = [], []
    for entry in sorted(folder.iterdir()):
        aside = entry.name.lower().startswith((".", "readme"))
        if entry.suffix.lower() == ".txt" and not aside and not entry.is_dir():
            found.append(LabelFile(entry, task, split, entry.stem))
        else:
            strays.append(entry)
    return found, strays


def _task(name: str) -> str | None:
    for task, pattern in _TASKS.items():
        if pattern.match(name):
            return task
    return None


def _split(name: str) -> str | None:
    for beginning, split in _SPLITS.items():
        if name.lower().startswith(beginning):
            return split
    return None


def is_crops(name: str) -> bool:
    """Returns whether a folder, by its name, holds pictures: too many to look at."""
    return name.lower().startswith("crop")


def _raise(error: OSError) -> None:
    raise error
