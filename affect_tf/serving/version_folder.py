"""Numbered folders, as model servers watch them, that are either whole or absent."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import shutil
import uuid
from collections.abc import Iterator


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
    a model. Two exports at once take different numbers.
    """
    directory.mkdir(parents=True, exist_ok=True)
    version = Version(directory / f".{uuid.uuid4().hex}")
    try:
        yield version
        taken = [int(path.name) for path in directory.iterdir() if _is_number(path)]
        number = max(taken, default=0) + 1
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


def _is_number(path: pathlib.Path) -> bool:
    return path.name.isascii() and path.name.isdecimal()
