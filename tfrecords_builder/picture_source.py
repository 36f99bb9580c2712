"""Where the pictures of a table come from.

A source is asked from several threads, and travels to other processes and machines:
it is a plain object without open files.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Collection
from collections.abc import Mapping
from typing import Protocol

#: Quality of pictures that have to be encoded; those of the right size are not.
JPEG_QUALITY = 95


class Pictures(Protocol):
    """Gives the picture of a key. Implementations can be pickled."""

    def read(self, key: str) -> bytes:
        """Returns the bytes of a picture file, in any format that Pillow reads.

        Raises:
          OSError: If it cannot be read; the row is rejected.
          PictureError: If it is no picture; the row is rejected.
        """

    def stamp(self, key: str) -> str:
        """Returns what changes when the picture does, and never raises.

        Empty where the picture follows from the key.
        """

    def only(self, keys: Collection[str]) -> Pictures:
        """Returns a source for these keys alone, which is cheaper to send away."""


@dataclasses.dataclass(frozen=True)
class PictureFiles:
    """Picture files in a folder, as they are.

    Attributes:
      root: The folder.
      paths: key -> path below `root`; a key that is absent is such a path itself.
    """

    root: str
    paths: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def read(self, key: str) -> bytes:
        """Returns the bytes of the file; an OSError where it cannot be read."""
        return self._path(key).read_bytes()

    def stamp(self, key: str) -> str:
        """Returns the file's size and time of change."""
        return file_stamp(self._path(key))

    def only(self, keys: Collection[str]) -> PictureFiles:
        """Returns a source for these keys alone."""
        paths = {key: self.paths[key] for key in keys if key in self.paths}
        return PictureFiles(self.root, paths)

    def _path(self, key: str) -> pathlib.Path:
        return pathlib.Path(self.root, self.paths.get(key, key))


@dataclasses.dataclass(frozen=True)
class MergedPictures:
    """The pictures of several data sets.

    Attributes:
      parts: What a key begins with, up to its first "/" -> the source that knows the
        rest of it.
    """

    parts: Mapping[str, Pictures]

    def read(self, key: str) -> bytes:
        """Returns the bytes of the picture; errors are those of its source."""
        part, _, rest = key.partition("/")
        return self.parts[part].read(rest)

    def stamp(self, key: str) -> str:
        """Returns the stamp that its source gives."""
        part, _, rest = key.partition("/")
        return self.parts[part].stamp(rest)

    def only(self, keys: Collection[str]) -> MergedPictures:
        """Returns a source for these keys alone."""
        wanted: dict[str, list[str]] = {}
        for key in keys:
            part, _, rest = key.partition("/")
            wanted.setdefault(part, []).append(rest)
        return MergedPictures({n: self.parts[n].only(k) for n, k in wanted.items()})


def file_stamp(path: str | os.PathLike[str]) -> str:
    """Returns what changes when somebody replaces, corrects or unlocks a file."""
    try:
        status = os.stat(path)
    except OSError:
        return "absent"
    locked = "" if os.access(path, os.R_OK) else ":locked"
    return f"{status.st_size}:{status.st_mtime_ns}{locked}"
