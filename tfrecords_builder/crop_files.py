"""Crop files: the aligned faces of one film, or of some photographs, in one file.

A crop file is a zip archive that any program opens, its members stored as they are:

    00012_p0.jpg     the face of person 0 in frame 12, a JPEG
    faces.csv        a row a frame and person, and one for a frame without a face
    contents.json    the film, or the photographs, and what could not be read
    index.npy        where in the file each JPEG lies

The same input gives the same bytes, whenever and wherever it is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import re
import zipfile
import zlib
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import BinaryIO
from typing import NamedTuple

import numpy as np

from affect_tf import files

#: Columns of faces.csv. Boxes and points are in pixels of the upright frame; left and
#: right are those of the picture, not of the person.
FACE_COLUMNS = (
    "frame",
    "time",
    "person",
    "left",
    "top",
    "right",
    "bottom",
    "left_eye_x",
    "left_eye_y",
    "right_eye_x",
    "right_eye_y",
    "nose_x",
    "nose_y",
    "mouth_left_x",
    "mouth_left_y",
    "mouth_right_x",
    "mouth_right_y",
    "score",
    "size",
    "blur",
    "yaw",
    "pitch",
    "roll",
)

_FACES = "faces.csv"
_CONTENTS = "contents.json"
_INDEX = "index.npy"
_INDEX_TYPE = np.dtype(
    [
        ("frame", "<i8"),
        ("person", "<i8"),
        ("offset", "<i8"),
        ("length", "<i8"),
        ("crc", "<u4"),
    ]
)
#: The oldest date that a zip archive can give its members.
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_PLACE = re.compile(r"(?P<film>.+)/(?P<number>[0-9]+)", re.ASCII | re.DOTALL)
_PERSON = re.compile(r"(?P<rest>.+)_p(?P<person>[0-9]+)", re.ASCII | re.DOTALL)


class CropFileWriter:
    """A crop file in the making; holds what lists its members, not the pictures."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED)
        self._index: list[tuple[int, int, int, int, int]] = []
        self._faces = io.BytesIO()
        self._faces.write((",".join(FACE_COLUMNS) + "\n").encode())

    def add(self, row: Mapping[str, str], jpeg: bytes | None) -> None:
        """Adds what was seen in a frame; frames come in order, and so do people.

        Args:
          row: The cells of faces.csv; an absent one is blank.
          jpeg: The crop; None for a frame without a face.
        """
        cells = [row.get(name, "") for name in FACE_COLUMNS]
        self._faces.write((",".join(cells) + "\n").encode())
        if jpeg is None:
            return
        frame, person = int(row["frame"]), int(row["person"])
        self._write(f"{frame:05d}_p{person}.jpg", jpeg)
        start = self._stream.tell() - len(jpeg)
        self._index.append((frame, person, start, len(jpeg), zlib.crc32(jpeg)))

    def close(self, contents: Mapping[str, Any]) -> None:
        """Writes the tables, after which nothing can be added.

        Args:
          contents: What contents.json holds; without a time, a path or anything else
            that differs from run to run.
        """
        self._write(_FACES, self._faces.getvalue())
        text = json.dumps(contents, indent=1, sort_keys=True, allow_nan=False)
        self._write(_CONTENTS, f"{text}\n".encode())
        index = np.sort(np.array(self._index, _INDEX_TYPE), order=("frame", "person"))
        stream = io.BytesIO()
        np.save(stream, index, allow_pickle=False)
        self._write(_INDEX, stream.getvalue())
        self._zip.close()

    def abandon(self) -> None:
        """Lets go of the stream, whose file is of no use."""
        # Otherwise the archive would write to it when it is collected.
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()

    def _write(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, _DATE)
        # By default these tell the machine that wrote the file.
        info.create_system = _UNIX
        info.external_attr = 0o644 << 16
        self._zip.writestr(info, data)


@contextlib.contextmanager
def create(
    path: str | os.PathLike[str], contents: Mapping[str, Any]
) -> Iterator[CropFileWriter]:
    """Writes a crop file; after an exception or a kill there is none, or the old one.

    Args:
      path: The file.
      contents: What contents.json will hold, as it is when the block is left.
    """
    with files.atomic_writer(path) as stream:
        writer = CropFileWriter(stream)
        try:
            yield writer
            writer.close(contents)
        except BaseException:
            writer.abandon()
            raise


def read_tables(path: str | os.PathLike[str]) -> tuple[bytes, dict[str, Any]]:
    """Returns faces.csv, as it is, and what contents.json holds.

    Raises:
      OSError: If the file is absent or damaged.
    """
    with _opened(path) as archive:
        return archive.read(_FACES), json.loads(archive.read(_CONTENTS))


@dataclasses.dataclass(frozen=True)
class CropFiles:
    """The pictures of a table that was made of crop files.

    The key of a face in a film is "<film>/<number>", that of a face in a photograph
    the photograph's name; where everybody's face is kept, "_p<person>" follows.

    Attributes:
      folder: Where the crop files lie.
      films: Name of a film -> its crop file. The file's name changes when the film
        does.
      photographs: Name of a photograph -> its crop file, and its frame in there.
      everybody: Whether keys end with a person.
      first: The number of a film's first frame.
    """

    folder: str
    films: Mapping[str, str]
    photographs: Mapping[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    everybody: bool = False
    first: int = 0

    def read(self, key: str) -> bytes:
        """Returns the bytes of a crop, a JPEG.

        Raises:
          OSError: If there is none, or its file is damaged.
        """
        name, frame, person = self._place(key)
        path = os.path.join(self.folder, name)
        with open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            index = _index(path, status.st_size, status.st_mtime_ns)
            entry = _find(index, frame, person)
            if entry is None:
                raise FileNotFoundError(f"there is no {key!r} in {path}")
            stream.seek(int(index.offset[entry]))
            data = stream.read(int(index.length[entry]))
        if zlib.crc32(data) != index.crc[entry]:
            raise OSError(f"{path} is damaged: remove it, and it is made again")
        return data

    def only(self, keys: Collection[str]) -> CropFiles:
        """Returns this source, which holds a name a film and not a row a frame."""
        return self

    def stamp(self, key: str) -> str:
        """Returns the name of the crop file, which stands for its film and options."""
        try:
            return self._place(key)[0]
        except OSError:
            return "absent"

    def _place(self, key: str) -> tuple[str, int, int | None]:
        """Returns the crop file, the frame and the person; None is whoever is there."""
        rest, person = key, None
        if self.everybody and (match := _PERSON.fullmatch(key)):
            rest, person = match["rest"], int(match["person"])
        if rest in self.photographs:
            return (*self.photographs[rest], person)
        match = _PLACE.fullmatch(rest)
        if match is None or match["film"] not in self.films:
            raise FileNotFoundError(f"{key!r} is in no film or photograph")
        return self.films[match["film"]], int(match["number"]) - self.first, person


class _Index(NamedTuple):
    """Where the crops of a file lie, by frame and person; every field is [N]."""

    frame: np.ndarray
    person: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    crc: np.ndarray


def _find(index: _Index, frame: int, person: int | None) -> int | None:
    """Returns the place of a face in the index; without a person, the frame's first."""
    start, stop = np.searchsorted(index.frame, [frame, frame + 1])
    for entry in range(start, stop):
        if person is None or index.person[entry] == person:
            return entry
    return None


@functools.cache
def _index(path: str, size: int, changed: int) -> _Index:
    """Returns the index of a file; some 40 bytes for each crop stay in memory.

    Args:
      path: The file.
      size: Its size; with `changed`, it tells another file of the same name.
      changed: The time of its last change.
    """
    del size, changed
    with _opened(path) as archive:
        index = np.load(io.BytesIO(archive.read(_INDEX)), allow_pickle=False)
    if index.dtype != _INDEX_TYPE:
        raise OSError(f"{path} is damaged: remove it, and it is made again")
    # A search in a column of records would copy the column each time.
    return _Index(*(np.ascontiguousarray(index[name]) for name in _INDEX_TYPE.names))


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    """Opens an archive; whatever is wrong in it is an OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise OSError(
            f"{pathlib.Path(path)} is damaged ({error}): remove it, and it is made "
            "again"
        ) from error
