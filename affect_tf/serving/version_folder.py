"""Numbered folders, as model servers watch them, that are either whole or absent."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import time
import uuid
from collections.abc import Iterator

#: Seconds after which a temporary folder belongs to an export that was killed: others
#: may write theirs just now.
_OLD = 24 * 3600.0
#: How `new_version` names them.
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}")


@dataclasses.dataclass
class Version:
    """A version of a model.

    Attributes:
      folder: Where it is written; its numbered folder once it is complete.
    """

    folder: pathlib.Path


@contextlib.contextmanager
def new_version(directory: pathlib.Path) -> Iterator[Version]:
    """Gives a temporary folder that a clean exit renames to the next number.

    A server that watches the directory looks for numbers only, so it never sees half
    a model. Two exports at once take different numbers. What exports left behind that
    were killed is removed, if nothing was written to it for a day.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(directory)
    version = Version(directory / f".{uuid.uuid4().hex}")
    try:
        yield version
        last = newest(directory)
        number = int(last.name) + 1 if last else 1
        while True:
            try:
                final = version.folder.rename(directory / str(number))
            except OSError:
                if not (directory / str(number)).exists():
                    raise
                number += 1
            else:
                version.folder = final
                return
    except BaseException:
        shutil.rmtree(version.folder, ignore_errors=True)
        raise


def newest(directory: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder with the highest number; None where there is none."""
    return next(iter(numbered(directory)), None)


def numbered(directory: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders that are called like versions, highest first.

    A file that is called like one is none.
    """
    inside = directory.iterdir() if directory.is_dir() else ()
    found = [path for path in inside if is_number(path) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def files(folder: pathlib.Path) -> tuple[object, ...]:
    """Returns what changes when the files of a version do; goes on while they do."""
    found = []
    # Folders that go while they are listed are left out without an error.
    for root, _, names in os.walk(folder):
        for path in (os.path.join(root, name) for name in names):
            with contextlib.suppress(OSError):
                facts = os.stat(path)
                found.append((path, facts.st_size, facts.st_mtime_ns))
    return tuple(sorted(found))


def _remove_leftovers(directory: pathlib.Path) -> None:
    for path in directory.glob(".*"):
        is_ours = _TEMPORARY.fullmatch(path.name) and not path.is_symlink()
        if is_ours and path.is_dir() and time.time() - _last_change(path) >= _OLD:
            shutil.rmtree(path, ignore_errors=True)


def _last_change(folder: pathlib.Path) -> float:
    """Returns when anything in a folder was last written; seconds since 1970."""
    found = []
    for root, _, names in os.walk(folder):
        for path in (root, *(os.path.join(root, name) for name in names)):
            with contextlib.suppress(OSError):
                found.append(os.lstat(path).st_mtime)
    return max(found, default=time.time())


def is_number(path: pathlib.Path) -> bool:
    """Whether a folder is called like a version."""
    return path.name.isascii() and path.name.isdecimal()
