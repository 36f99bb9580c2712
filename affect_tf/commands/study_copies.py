"""Equal runs of other arms and studies, copied in place of training them again."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil

from affect_tf import files
from affect_tf.commands import study_scores


def adopt(
    place: pathlib.Path,
    candidates: list[pathlib.Path],
    digest: str,
    upstream: dict[str, str],
    since: float,
) -> bool:
    """Copies the first finished run that equals the one wanted in `place`.

    The copy is whole and on disk before it takes its name.

    Args:
      place: Where it is wanted; what is there gives way.
      candidates: Folders that may be such runs.
      digest: What decides the run.
      upstream: Weights of the networks that it is made from.
      since: Runs that ended before this time, in seconds since the epoch, are too old.

    Returns:
      Whether there was one.
    """
    partial = place.with_name(f".{place.name}.copied")
    for run in candidates:
        if run == place or not _serves(run, digest, upstream, since):
            continue
        shutil.rmtree(partial, ignore_errors=True)
        try:
            shutil.copytree(run, partial)
        except OSError:
            # Another process trains it anew just now, unless the disk is full.
            if run.exists() and _serves(run, digest, upstream, since):
                raise
            continue
        # It may have changed while it was read.
        if not _serves(partial, digest, upstream, since):
            continue
        _sync(partial)
        shutil.rmtree(place, ignore_errors=True)
        files.rename(partial, place)
        return True
    shutil.rmtree(partial, ignore_errors=True)
    return False


def _serves(
    run: pathlib.Path, digest: str, upstream: dict[str, str], since: float
) -> bool:
    record = study_scores.read(run, upstream)
    if record is None or record["digest"] != digest:
        return False
    return record.get("finished", 0.0) >= since


def _sync(folder: pathlib.Path) -> None:
    """Brings a folder to disk, with all that is in it."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            # Some systems cannot sync a folder, as in `files.rename`.
            with contextlib.suppress(OSError):
                _sync_one(path, os.O_RDONLY)
        else:
            _sync_one(path, os.O_RDWR)


def _sync_one(path: pathlib.Path, mode: int) -> None:
    handle = os.open(path, mode)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
