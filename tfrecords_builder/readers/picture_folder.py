"""What lies in a folder of pictures, by names that lists spell in several ways."""

from __future__ import annotations

import collections
import functools
import os
import pathlib
import posixpath
import re
import unicodedata
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from affect_tf.errors import UserError

#: What counts as a picture where files are counted; a list may name others.
EXTENSIONS = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".webp")
)

#: A drive, or characters that no name in UTF-8 has.
_NO_PATH = re.compile("^[A-Za-z]:|[\0-\x1f\ud800-\udfff]")


class PictureFolder:
    """The files below a folder, read once.

    Asking the system for each of 400,000 names takes minutes where the disk is far
    away; reading the folders takes seconds.

    Attributes:
      paths: Paths below the folder, with forward slashes, in order.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Reads the folder and all folders in it; hidden files are left out."""
        self.paths = sorted(_walk(pathlib.Path(root)))
        self._present = set(self.paths)

    def find(self, names: Iterable[str]) -> np.ndarray:
        """Returns object [N]: the path of each name, None where there is no file.

        A file of exactly that name comes first; then one whose extension differs in
        case ("1.JPG"), or whose accents are encoded in the other way of Unicode.
        """
        return np.array(
            [
                name if name in self._present else self._alike.get(_spelling(name))
                for name in names
            ],
            object,
        )

    def anywhere(self, name: str) -> list[str]:
        """Returns the paths of all files of this name, whatever their folders."""
        return self._by_name.get(_spelling(posixpath.basename(name)), [])

    @functools.cached_property
    def _alike(self) -> dict[str, str]:
        # Of several files of one spelling, the first.
        return {_spelling(path): path for path in reversed(self.paths)}

    @functools.cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.paths:
            found.setdefault(_spelling(posixpath.basename(path)), []).append(path)
        return found

    def num_unlisted(self, listed: Iterable[str | None]) -> int:
        """Returns the number of pictures that are not among some paths."""
        return sum(map(is_picture, self._present.difference(listed)))

    def pictures(self) -> list[str]:
        """Returns the paths of all files with a picture's extension."""
        return [path for path in self.paths if is_picture(path)]


def is_picture(name: str) -> bool:
    """Returns whether a file is one by its extension, in any case."""
    return posixpath.splitext(name)[1].lower() in EXTENSIONS


def checked_root(root: str | os.PathLike[str] | None, dataset: str) -> pathlib.Path:
    """Returns the folder of a data set.

    Raises:
      UserError: If there is none.
    """
    if not root:
        raise UserError(
            f"--dataset={dataset} must come with --root. Received: none. Add "
            "--root=DIR.",
            exit_code=2,
        )
    if not os.path.isdir(root):
        raise UserError(
            f"--root must be a folder. Received: --root={os.fspath(root)}. Name the "
            "folder that the data set was unpacked into.",
            exit_code=2,
        )
    return pathlib.Path(root)


def find_below(
    root: pathlib.Path, *names: str, depth: int = 2, is_folder: bool = False
) -> pathlib.Path | None:
    """Returns the file or folder of one of these names, nearest to the root.

    Args:
      root: Where to begin.
      names: In any case. An earlier one goes before a later one that is nearer.
      depth: How many folders may lie between. Folders whose names are numbers are not
        looked into: they hold pictures by the thousand.
      is_folder: Whether a folder is looked for.

    Returns:
      The path; the first in order of names where several are as near. None if there
      is none.
    """
    for name in names:
        level = [root]
        for _ in range(depth + 1):
            entries = sorted(
                (e for folder in level for e in os.scandir(folder)),
                key=lambda entry: entry.path,
            )
            for entry in entries:
                same = entry.name.casefold() == name.casefold()
                if same and entry.is_dir() == is_folder:
                    return pathlib.Path(entry.path)
            level = [
                pathlib.Path(entry.path)
                for entry in entries
                if entry.is_dir() and not entry.name.isdigit() and entry.name[0] != "."
            ]
    return None


def relative_path(name: str) -> str | None:
    r"""Returns a name of a list as a path below its folder; None where it is none.

    >>> relative_path(r" 1\a.jpg"), relative_path("../a.jpg"), relative_path("C:/a")
    ('1/a.jpg', None, None)
    """
    path = posixpath.normpath(name.strip().replace("\\", "/"))
    outside = path.startswith(("/", "../")) or path in (".", "..")
    return None if outside or _NO_PATH.search(path) else path


def stems(paths: Sequence[str]) -> list[str]:
    """Returns paths without extension, where that tells them apart.

    >>> stems(["1/a.jpg", "1/b.jpg", "1/b.png", "1/a.jpg"])
    ['1/a', '1/b.jpg', '1/b.png', '1/a']
    """
    stem = {path: posixpath.splitext(path)[0] for path in paths}
    times = collections.Counter(stem.values())
    return [stem[path] if times[stem[path]] == 1 else path for path in paths]


def _walk(root: pathlib.Path) -> Iterator[str]:
    """Gives the paths of all files; a folder that is linked to twice is read once."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if name[0] != ".")
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        yield from (prefix + name for name in names if name[0] != ".")


def _spelling(path: str) -> str:
    """Returns what spellings of one name have in common."""
    stem, extension = posixpath.splitext(path)
    if not stem.isascii():
        stem = unicodedata.normalize("NFC", stem)
    return stem + extension.lower()
