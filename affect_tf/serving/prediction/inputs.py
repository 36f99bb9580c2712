"""What a user names as input, to photographs, films and cameras."""

from __future__ import annotations

import collections
import dataclasses
import glob
import itertools
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from affect_tf.errors import UserError
from affect_tf.faces import films

PICTURE, FILM, CAMERA = "picture", "film", "camera"


@dataclasses.dataclass(frozen=True)
class Source:
    """One photograph, film or camera.

    Attributes:
      name: As the user gave it; below a folder, the folder's name and the rest.
      kind: `PICTURE`, `FILM` or `CAMERA`.
    """

    name: str
    kind: str


@dataclasses.dataclass
class Found:
    """What values name.

    Attributes:
      sources: Each once.
      others: {ending in lower case, "" for none: how many files below folders and
        among the matches of patterns were left out, as nothing reads them}.
      searched: The folders that were searched, for themselves or for a pattern.
    """

    sources: list[Source]
    others: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )
    searched: list[str] = dataclasses.field(default_factory=list)


def find(values: Iterable[str]) -> list[Source]:
    """Returns the sources of `search`."""
    return search(values).sources


def search(
    values: Iterable[str], outputs: Sequence[str | os.PathLike[str]] = ()
) -> Found:
    """Finds the sources that paths, patterns and numbers name, each once.

    Args:
      values: Each is a file, a folder (searched with the folders in it, but for hidden
        files), a pattern such as "faces/*.jpg" or "**/*.mp4", the number of a camera,
        or several of these with commas between. What exists under the very name is
        taken as it is, whatever its characters.
      outputs: Files and folders that lie below a folder that is searched, and are no
        input: an earlier run has written them.

    Returns:
      In the order of `values`; within a folder or a pattern, by path. A file that is
      named outright is taken whatever it is called: pictures by their endings, and all
      else as films. Of folders and patterns, only files with the endings of films and
      pictures are.

    Raises:
      UserError: If a value names nothing.
    """
    parts = [part for value in values for part in _parts(value)]
    if not parts:
        raise UserError(
            "--input must name photographs, films, folders, patterns or a camera. "
            "Received: none. Write for example --input=film.mp4.",
            exit_code=2,
        )
    found = Found([])
    written = [os.path.realpath(path) for path in outputs]
    sources = [source for part in parts for source in _found(part, written, found)]
    found.sources = list(dict.fromkeys(sources))
    return found


def expected_frames(sources: Sequence[Source]) -> int | None:
    """Returns how many frames the headers state; None where one states nothing.

    Files that cannot be opened count as one: they give a row.
    """
    total = 0
    for source in sources:
        frames = _stated_frames(source)
        if frames is None:
            return None
        total += frames
    return total


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is called like a photograph."""
    return pathlib.Path(path).suffix.lower() in films.PICTURE_EXTENSIONS


def _parts(value: str) -> list[str]:
    if os.path.exists(value):
        return [value]
    return [part for part in value.split(",") if part]


def _found(value: str, written: Sequence[str], into: Found) -> Iterator[Source]:
    """Gives the sources of a value; adds to what was left out, and was searched."""
    path = pathlib.Path(value)
    if path.is_dir():
        into.searched.append(value)
        below = _without(written, value, _below(value))
        yield from _usable(value, sorted(below), into.others)
    elif path.exists():
        yield _file(value)
    elif value.isascii() and value.isdecimal():
        yield Source(value, CAMERA)
    elif glob.has_magic(value):
        found: list[str] = []
        for match in glob.glob(value, recursive=True):
            found += _below(match) if os.path.isdir(match) else [match]
        # Links that lead in circles give a file many names: the shortest is its own.
        shortest = {os.path.realpath(p): p for p in sorted(found, key=len)[::-1]}
        plain = itertools.takewhile(lambda p: not glob.has_magic(p), path.parts)
        top = os.path.join(".", *plain)
        into.searched.append(os.path.normpath(top))
        kept = _without(written, top, shortest.values())
        yield from _usable(value, sorted(kept), into.others)
    else:
        raise UserError(
            "--input must be there. "
            f"Received: --input={value}, which is no file, no folder and no number of "
            "a camera. Correct the path.",
            exit_code=2,
        )


def _without(
    written: Sequence[str], folder: str, paths: Iterable[str]
) -> Iterator[str]:
    """Gives the paths that are not among outputs below the folder that was searched."""
    top = os.path.realpath(folder)
    below = [path for path in written if _is_below(path, top)]
    for path in paths:
        real = os.path.realpath(path) if below else ""
        if not any(real == each or _is_below(real, each) for each in below):
            yield path


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


def _usable(
    value: str, paths: Sequence[str], others: collections.Counter[str]
) -> Iterator[Source]:
    if not paths:
        raise UserError(
            "--input must name films or photographs. "
            f"Received: --input={value}, where there is no file. Correct it.",
            exit_code=2,
        )
    usable = [path for path in paths if is_picture(path) or films.is_film(path)]
    if not usable:
        allowed = (*films.FILM_EXTENSIONS, *films.PICTURE_EXTENSIONS)
        raise UserError(
            f"--input must name films or photographs ({' '.join(allowed)}). "
            f"Received: --input={value}, with {len(paths)} files of other kinds. "
            "Correct it, or name the file itself.",
            exit_code=2,
        )
    left = set(paths).difference(usable)
    others.update(pathlib.Path(path).suffix.lower() for path in left)
    yield from map(_file, usable)


def _file(path: str) -> Source:
    return Source(path, PICTURE if is_picture(path) else FILM)


def _below(folder: str) -> Iterator[str]:
    """Gives the files below a folder; hidden ones are left out, links are followed."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # A link to a folder above: it would go on for ever.
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                yield os.path.join(place, name)


def _stated_frames(source: Source) -> int | None:
    if source.kind == CAMERA:
        return None
    if source.kind == PICTURE:
        return 1
    try:
        return films.stated_frames(source.name)
    except films.FilmError:
        return 1
