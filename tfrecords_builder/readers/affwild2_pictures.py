"""The aligned faces of Aff-Wild2: a folder a video and person, a picture a frame.

`<folder>/00001.jpg` shows the first frame. A frame in which no face was found has no
picture, so numbers have gaps. Any number of digits, JPEG, PNG or BMP, and upper-case
extensions are read.
"""

from __future__ import annotations

import os
import pathlib
import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from affect_tf.errors import UserError
from tfrecords_builder.readers.affwild2_layout import listed

#: Picture files, by their extension in lower case.
_EXTENSIONS = frozenset(("jpg", "jpeg", "png", "bmp"))
_USUAL = ".jpg"

#: Numbers beyond this are no frame numbers. (At 60 frames a second, 11 months.)
MAX_NUMBER = 2**31 - 1


class Listing:
    """What lies in the folder of the pictures. Every folder is listed once.

    Attributes:
      root: The folder that holds one for each video.
      folders: Names of the folders in it, sorted; composed (NFC), as label files are
        looked up.
    """

    def __init__(self, root: pathlib.Path) -> None:
        with os.scandir(root) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir()
            ]
        # An archive from a Mac spells "é" with two characters in one place, one in
        # the other.
        self._on_disk = {composed(name): name for name in names}
        self.root = root
        self.folders = tuple(sorted(self._on_disk))
        self._numbers: dict[str, np.ndarray] = {}
        self._unusual: dict[str, str] = {}
        self._several: list[str] = []
        self._zero: list[str] = []

    def __contains__(self, folder: str) -> bool:
        """Returns whether there is such a folder."""
        return folder in self._on_disk

    def numbers(self, folder: str) -> np.ndarray:
        """Returns int64 [N]: the numbers of the pictures in a folder, ascending.

        Args:
          folder: Its name; the result is empty where there is no such folder.
        """
        if folder not in self._numbers:
            self._numbers[folder] = self._read(folder)
        return self._numbers[folder]

    def picture(self, key: str) -> str:
        """Returns the path of a listed picture ("video/00001"), below the root."""
        return self._unusual.get(key, f"{key}{_USUAL}")

    def check_any(self, folders: Sequence[str]) -> None:
        """Raises a UserError where none of the wanted folders is here.

        Args:
          folders: Those that labels are about; there may be none.
        """
        if folders and not any(folder in self for folder in folders):
            names = sorted(set(folders))
            raise UserError(
                "--images must hold a folder of pictures for each video. Received: "
                f"{self.root}, which holds none of the {len(names):,} that the "
                f"labels are about: {listed(names)}. Name the folder that holds "
                f"{names[0]!r}."
            )

    def notes(self, others: Sequence[str], keep_unlabelled: bool) -> list[str]:
        """Returns remarks on the folders that were listed so far.

        Args:
          others: The folders that neither label file nor test list names.
          keep_unlabelled: Whether these are in the training split.
        """
        found = []
        if others:
            fate = "; not read"
            if keep_unlabelled:
                fate = (
                    "; in the training split, unlabelled. Name those of a test set "
                    "with --test_list"
                )
            found.append(
                "Folders of pictures that no label file and no test list names: "
                f"{listed(others)}{fate}."
            )
        if self._several:
            found.append(
                "Pictures that are not read, since their frames have another: "
                f"{listed(self._several)}."
            )
        if self._zero:
            found.append(
                "Folders with a picture 00000, which is not read: "
                f"{listed(self._zero)}. Pictures are counted from 00001. If they were "
                "cut by a program that counts from 0, each has the label of the frame "
                "before it."
            )
        return found

    def _read(self, folder: str) -> np.ndarray:
        if folder not in self._on_disk:
            return np.empty(0, np.int64)
        place = self._on_disk[folder]
        with os.scandir(self.root / place) as entries:
            names = [entry.name for entry in entries]
        found: dict[int, str] = {}
        for name in names:
            stem, _, extension = name.rpartition(".")
            if extension in ("jpg", "JPG") or extension.lower() in _EXTENSIONS:
                number = picture_number(stem)
                if number is None:
                    continue
                if number in found:
                    name, other = sorted((name, found[number]), key=_oddity)
                    self._several.append(f"{folder}/{other}")
                found[number] = name
        if found.pop(0, None):
            self._zero.append(folder)
        for number, name in found.items():
            key = frame_key(folder, number)
            if f"{place}/{name}" != f"{key}{_USUAL}":
                self._unusual[key] = f"{place}/{name}"
        return np.array(sorted(found), np.int64)


def frame_key(folder: str, number: int) -> str:
    """Returns "video/00001"."""
    return f"{folder}/{number:05d}"


def frame_keys(folders: Iterable[str], numbers: Iterable[int]) -> list[str]:
    """Returns the key of each frame."""
    return [f"{f}/{n:05d}" for f, n in zip(folders, numbers, strict=True)]


def picture_number(stem: str) -> int | None:
    """Returns the number that a picture is named after, or None.

    >>> picture_number("00012"), picture_number("    12"), picture_number("face")
    (12, 12, None)
    """
    digits = stem.strip()
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 10:
        return None
    number = int(digits)
    return number if number <= MAX_NUMBER else None


def composed(name: str) -> str:
    """Returns a name with its accents composed (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _oddity(name: str) -> tuple[bool, int, str]:
    """Orders several pictures of one frame: "00001.jpg" comes first."""
    return not name.endswith(_USUAL), abs(len(name) - 9), name
