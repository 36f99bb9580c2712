"""The folder that a build writes into, and the notes by which it can continue.

While a build runs, `.build/` holds the plan's fingerprint, a note for each finished
shard, and the shard in the making. A manifest appears last, and `.build/` goes.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TextIO

from affect_tf import files
from affect_tf.data import manifest as manifest_lib
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from tfrecords_builder.annotations import Reject
from tfrecords_builder.plan import Plan

#: Lists what could not be used, for people.
REJECTS_FILE = "rejected.csv"
_NOTES = ".build"


class Folder:
    """One output folder, held by one build."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        self._notes = self.path / _NOTES

    @property
    def unfinished(self) -> pathlib.Path:
        """Where a shard lies while it is written; a kill leaves it, unused."""
        return self._notes / "unfinished.tfrecord"

    @property
    def finished(self) -> bool:
        """Whether a whole build is here."""
        return (self.path / manifest_lib.FILE_NAME).exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second build out of the folder.

        Raises:
          UserError: If another build holds it, or the folder cannot be made.
        """
        try:
            self._notes.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                "--out must be a folder that can be written to. "
                f"Received: {str(self.path)!r} ({error.strerror}). Name another."
            ) from error
        with (self._notes / "lock").open("w") as stream:
            if not _lock(stream):
                raise UserError(
                    "A folder must be written by one build at a time. Received: "
                    f"{self.path}, which another build is writing. Wait for it."
                )
            try:
                yield
            finally:
                # Nothing was planned, or all is done: there is nothing to continue.
                if not (self._notes / "plan.json").exists():
                    shutil.rmtree(self._notes, ignore_errors=True)

    def begin(self, plan: Plan, overwrite: bool) -> Manifest | None:
        """Makes the folder ready for a plan.

        Args:
          plan: What is to be written.
          overwrite: Whether whatever other plan built here before may go.

        Returns:
          The manifest where this very plan is finished already, else None.

        Raises:
          UserError: If the folder holds another plan's files.
        """
        fingerprint, old_files = self._present()
        finished = self.finished
        if fingerprint is not None and (fingerprint != plan.fingerprint or overwrite):
            if not overwrite:
                state = "finished" if finished else "unfinished"
                raise UserError(
                    "A folder must hold one build. "
                    f"Received: --out={self.path}, which holds a {state} build of "
                    "other annotations or options. Name another folder, or add "
                    "--overwrite to replace it."
                )
            # The manifest goes first: without it, nobody reads half a folder.
            for name in (manifest_lib.FILE_NAME, REJECTS_FILE, *old_files):
                (self.path / name).unlink(missing_ok=True)
            for note in self._notes.glob("*.json"):
                note.unlink()
        if finished and not overwrite:
            manifest = Manifest.load(self.path)
            self._check_whole(manifest)
            return manifest
        state = {
            "fingerprint": plan.fingerprint,
            "files": [shard.file for shard in plan.shards],
        }
        files.write_text(self._notes / "plan.json", json.dumps(state))
        return None

    def finished_shard(self, index: int) -> tuple[Shard, list[Reject]] | None:
        """Returns a shard of an earlier run, if it is still what was written."""
        try:
            note = json.loads((self._notes / f"{index}.json").read_text())
            fields = note["shard"]
            shard = Shard(**{**fields, "tasks": tuple(fields["tasks"])})
            rejects = [Reject(*fields) for fields in note["rejects"]]
            if sha256(self.path / shard.file) == shard.sha256:
                return shard, rejects
        except (OSError, ValueError, KeyError, TypeError):
            pass  # Absent or damaged: it is built again.
        return None

    def finish_shard(self, index: int, shard: Shard, rejects: Sequence[Reject]) -> None:
        """Moves the unfinished file into its place and notes what it holds."""
        target = self.path / shard.file
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.unfinished.open("rb") as stream:
            os.fsync(stream.fileno())
        self.unfinished.replace(target)
        note = {"shard": dataclasses.asdict(shard), "rejects": rejects}
        files.write_text(self._notes / f"{index}.json", json.dumps(note))

    def write_rejects(self, rejects: Sequence[Reject]) -> None:
        """Writes `rejected.csv`, or removes an old one where nothing was rejected."""
        path = self.path / REJECTS_FILE
        if not rejects:
            path.unlink(missing_ok=True)
            return
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Reject._fields)
        writer.writerows(rejects)
        files.write_text(path, stream.getvalue())

    def end(self, manifest: Manifest) -> None:
        """Writes the manifest; from here on the folder is whole."""
        manifest.save(self.path)
        (self._notes / "plan.json").unlink()

    def _present(self) -> tuple[str | None, list[str]]:
        """Returns the fingerprint and the files of what was built here before."""
        if self.finished:
            manifest = Manifest.load(self.path)
            return manifest.fingerprint, [shard.file for shard in manifest.shards]
        try:
            state = json.loads((self._notes / "plan.json").read_text())
            # A build that finished no shard has nothing that could be lost.
            if any(self._notes.glob("[0-9]*.json")):
                return state["fingerprint"], state["files"]
        except (OSError, ValueError, KeyError):
            pass
        return None, []

    def _check_whole(self, manifest: Manifest) -> None:
        for shard in manifest.shards:
            path = self.path / shard.file
            if not path.exists() or sha256(path) != shard.sha256:
                raise UserError(
                    "A finished folder must hold what was built. "
                    f"Received: {path}, which is missing or has changed. "
                    "Add --overwrite to build it again."
                )


def _lock(stream: TextIO) -> bool:
    """Returns whether the file is ours until it is closed, or the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows has none: two builds there are up to the user.
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sha256(path: pathlib.Path) -> str:
    """Returns the checksum of a file, in hexadecimal."""
    checksum = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            checksum.update(block)
    return checksum.hexdigest()
