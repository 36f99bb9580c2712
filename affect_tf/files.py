"""Files that are either whole or absent: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import re
import tempfile
import time
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def atomic_writer(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary neighbour of `path`; a clean exit renames it into place.

    An exception, or a kill, leaves whatever `path` held before.
    """
    target = pathlib.Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file private; the result takes the usual permissions.
        mask = os.umask(0)
        os.umask(mask)
        pathlib.Path(name).chmod(0o666 & ~mask)
        rename(name, target)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def rename(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Moves a whole, synced file over `target`, so that a power cut cannot undo it."""
    target = pathlib.Path(target)
    pathlib.Path(source).replace(target)
    # Some systems (Windows, some network disks) cannot sync a folder; there the
    # rename itself has to do.
    with contextlib.suppress(OSError):
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_leftovers(path: str | os.PathLike[str], unused: float = 0.0) -> None:
    """Removes the temporary neighbours that killed writers of `path` left behind.

    Args:
      path: What they wrote.
      unused: Seconds for which nothing may have been written to them. With 0, call it
        only where nobody else writes `path` just now.
    """
    target = pathlib.Path(path)
    # As mkstemp names them: eight of these after the prefix.
    name = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}")
    for neighbour in target.parent.glob(".*"):
        if not name.fullmatch(neighbour.name):
            continue
        with contextlib.suppress(FileNotFoundError):
            if time.time() - neighbour.stat().st_mtime >= unused:
                neighbour.unlink()


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path` as one whole."""
    with atomic_writer(path) as stream:
        stream.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text`, as UTF-8, to `path` as one whole."""
    write_bytes(path, text.encode())


def sha256(path: str | os.PathLike[str]) -> str:
    """Returns the checksum of a file, in hexadecimal."""
    checksum = hashlib.sha256()
    with pathlib.Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            checksum.update(block)
    return checksum.hexdigest()
