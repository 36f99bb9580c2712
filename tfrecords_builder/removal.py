"""Carries out a removal that is noted in a journal, as often as it takes.

Each step can be repeated, and the manifest is away from the first to the last: no
manifest ever describes bytes that are not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
from collections.abc import Iterator
from collections.abc import Sequence

from affect_tf import files
from affect_tf.data import manifest as manifest_lib
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from tfrecords_builder import folder as folder_lib
from tfrecords_builder import lock
from tfrecords_builder import record_stream
from tfrecords_builder import removal_journal
from tfrecords_builder import removal_plan
from tfrecords_builder import removal_tables
from tfrecords_builder.folder import Folder
from tfrecords_builder.people import Person
from tfrecords_builder.removal_journal import Journal
from tfrecords_builder.removal_plan import Removal
from tfrecords_builder.writer import Progress

#: Every table that may lie beside the records.
_TABLES = (
    *folder_lib.FILM_FILES,
    folder_lib.REJECTS_FILE,
    folder_lib.NEW_REJECTS_FILE,
)


def begin(directory: str | os.PathLike[str], removal: Removal) -> None:
    """Writes down what is to be done; nothing else changes yet.

    Args:
      directory: A finished folder that is locked.
      removal: What to do in it.
    """
    staged = pathlib.Path(directory, removal_journal.FOLDER)
    # What a removal left that was stopped before it had a journal, or has an old one.
    shutil.rmtree(staged, ignore_errors=True)
    for name, text in removal.tables.texts.items():
        files.write_text(staged / name, text)
    removal.manifest.save(staged)
    removal.journal.save(directory)


def finish(
    directory: str | os.PathLike[str],
    journal: Journal,
    progress: Progress | None = None,
) -> Manifest:
    """Carries out a journal, from wherever an earlier run left it.

    Args:
      directory: The folder, which is locked.
      journal: From `begin`, now or in an earlier run.
      progress: Called while the result is read again.

    Returns:
      The new manifest, which is also in the folder.

    Raises:
      UserError: If a shard is not what it was when the journal was written.
    """
    root = pathlib.Path(directory)
    staged = root / removal_journal.FOLDER
    if (staged / manifest_lib.FILE_NAME).exists():
        manifest = Manifest.load(staged)
        (root / manifest_lib.FILE_NAME).unlink(missing_ok=True)
        shards = {shard.file: shard for shard in manifest.shards}
        for file, cuts in journal.cuts.items():
            _cut(root, shards[file], cuts)
        _remove_files(root, journal)
        for name in journal.tables:
            if (staged / name).exists():
                files.rename(staged / name, root / name)
        _remove_leftovers(root)
        _check_gone(root, manifest, journal, progress)
        files.rename(staged / manifest_lib.FILE_NAME, root / manifest_lib.FILE_NAME)
    manifest = Manifest.load(root)
    # The journal goes first: what is left without it is of no use.
    removal_journal.forget(root)
    shutil.rmtree(staged)
    return manifest


@contextlib.contextmanager
def held(folder: Folder) -> Iterator[None]:
    """Keeps builds, and the search for faces in films, out of a folder.

    Raises:
      UserError: If one of them is at work there.
    """
    crops = folder.path / removal_tables.CROPS
    with contextlib.ExitStack() as stack:
        stack.enter_context(folder.locked())
        if crops.is_dir():
            stream = stack.enter_context((crops / ".lock").open("w"))
            if not lock.hold(stream):
                raise UserError(
                    "A folder must be written by one command at a time. Received: "
                    f"{crops}, which a build is writing. Wait for it."
                )
        yield


def _cut(root: pathlib.Path, shard: Shard, cuts: Sequence[tuple[int, int]]) -> None:
    """Takes ranges of bytes out of a shard, unless that was done before."""
    path = root / shard.file
    size = path.stat().st_size if path.is_file() else 0
    if size in (0, shard.bytes):
        return _check_cut(path, files.sha256(path) if size else "", shard)
    # Beside the shard, which may lie on another disk than the folder.
    part = path.with_name(f".{path.name}.part")
    checksum = hashlib.sha256()
    with part.open("wb") as stream:
        for chunk in removal_plan.kept_chunks(path, cuts):
            checksum.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    if checksum.hexdigest() != shard.sha256:
        part.unlink()
    _check_cut(path, checksum.hexdigest(), shard)
    files.rename(part, path)
    return None


def _check_cut(path: pathlib.Path, checksum: str, shard: Shard) -> None:
    if checksum != shard.sha256:
        raise UserError(
            "A shard must not change while people are removed from it. "
            f"Received: {path}, which is not what it was when that began. Build the "
            "folder again without these people, into a new one, and delete this one."
        )


def _remove_files(root: pathlib.Path, journal: Journal) -> None:
    """Removes the files that go, and the folders of splits that become empty."""
    for name in journal.removed:
        path = root / name
        path.unlink(missing_ok=True)
        if path.parent != root and path.parent.is_dir():
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def _remove_leftovers(root: pathlib.Path) -> None:
    """Removes what killed builds left: parts of shards, tables and crops, and notes."""
    for name in (manifest_lib.FILE_NAME, *_TABLES):
        files.remove_leftovers(root / name)
    notes = Folder(root).unfinished(0).parent
    for path in notes.iterdir() if notes.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    for path in root.glob(".beam-*"):
        shutil.rmtree(path)
    for path in (root / removal_tables.CROPS).glob(".*"):
        if ".zip." in path.name:
            path.unlink()


def _check_gone(
    root: pathlib.Path, manifest: Manifest, journal: Journal, progress: Progress | None
) -> None:
    """Reads every record again, and raises where one is of somebody who should go."""
    people = {Person(*who) for who in journal.people}
    total, done = sum(shard.frames for shard in manifest.shards), 0
    for block in record_stream.blocks(root, manifest, manifest.shards):
        left = {Person(block.shard.source, name) for name in block.names("subject")}
        if left & people:
            raise UserError(
                "Nobody must be left who was to be removed. Received: "
                f"{min(left & people)} in {root / block.shard.file}. Build the folder "
                "again without these people, into a new one, and delete this one."
            )
        done += len(block.rows.sample)
        if progress is not None:
            progress(done, total, False)
