"""The folder that a build writes into, and the notes by which it can continue.

While a build runs, `.build/` holds the plan's fingerprint, a note for each finished
shard, and the shard in the making. A manifest appears last, and `.build/` goes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from affect_tf import files
from affect_tf.data import manifest as manifest_lib
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from tfrecords_builder import lock
from tfrecords_builder import plan as plan_lib
from tfrecords_builder import rejects as rejects_lib
from tfrecords_builder import removal_journal
from tfrecords_builder.annotations import FilmTables
from tfrecords_builder.plan import Plan
from tfrecords_builder.rejects import Reject

#: Lists what could not be used, for people.
REJECTS_FILE = "rejected.csv"
#: The same of a build that was refused where a finished one lies and stays.
NEW_REJECTS_FILE = "rejected.new.csv"
#: What was seen in films, frame by frame and film by film.
FILM_FILES = ("frames.csv", "films.csv")
_NOTES = ".build"
_PLAN = "plan.json"
_LOCK = "lock"


class Folder:
    """One output folder, held by one build."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not os.fspath(path):
            raise UserError(
                "A folder must have a name. Received: ''. Add its path.",
                exit_code=2,
            )
        self.path = pathlib.Path(path)
        self._notes = self.path / _NOTES

    def unfinished(self, index: int) -> pathlib.Path:
        """Where a shard lies while it is written; a kill leaves it, unused."""
        return self._notes / f"unfinished-{index}.tfrecord"

    @property
    def stopped(self) -> bool:
        """Whether a build has begun here and did not come to its end."""
        return not self.finished and (self._notes / _PLAN).exists()

    @property
    def finished(self) -> bool:
        """Whether a whole build is here."""
        return (self.path / manifest_lib.FILE_NAME).exists()

    def check(self, overwrite: bool = False) -> None:
        """Checks that the place is free, or was filled by a build.

        Args:
          overwrite: Whether a finished build may go, with people removed from it.

        Raises:
          UserError: If it is a file, or a folder with files of somebody else, or one
            from which people are being removed.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(
                "--out must be a folder. "
                f"Received: {str(self.path)!r}, which is a file. Name another."
            )
        removal_journal.check_none_stopped(self.path)
        if not overwrite:
            removal_journal.check_unchanged(self.path)
        foreign = self._foreign_file() if self.path.exists() else None
        if foreign is not None:
            raise UserError(
                "--out must be a new or empty folder, or one that was built before. "
                f"Received: {str(self.path)!r}, which holds {foreign!r} and no "
                f"{manifest_lib.FILE_NAME}. Name another."
            )

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
        with (self._notes / _LOCK).open("w") as stream:
            if not lock.hold(stream):
                raise UserError(
                    "A folder must be written by one build at a time. Received: "
                    f"{self.path}, which another build is writing. Wait for it."
                )
            try:
                yield
            finally:
                # Nothing was planned, or all is done: there is nothing to continue.
                if not (self._notes / _PLAN).exists():
                    shutil.rmtree(self._notes, ignore_errors=True)

    def finished_build(self, plan: Plan) -> Manifest | None:
        """Returns the manifest where this very plan is finished; writes nothing.

        Raises:
          UserError: If it is, but its files are not what was written.
        """
        if not self.finished:
            return None
        manifest = self._manifest()
        if manifest.fingerprint != plan.fingerprint:
            return None
        for shard in manifest.shards:
            path = self.path / shard.file
            if not path.exists() or files.sha256(path) != shard.sha256:
                raise UserError(
                    "A finished folder must hold what was built. "
                    f"Received: {path}, which is missing or has changed. "
                    "Add --overwrite to build it again."
                )
        return manifest

    def begin(self, plan: Plan, overwrite: bool) -> None:
        """Makes the folder ready for a plan that is not finished in it.

        What this very plan wrote before it was stopped stays, whatever `overwrite`
        says: who gives the same command again wants it to go on.

        Args:
          plan: What is to be written.
          overwrite: Whether whatever other plan built here before may go.

        Raises:
          UserError: If the folder holds another plan's files.
        """
        state = self._state()
        if self.finished:
            if not overwrite:
                raise self._occupied("finished")
            old = [shard.file for shard in self._manifest().shards]
            for note in self._notes.glob("[0-9]*.json"):
                note.unlink()
        elif state.get("layout") == plan.layout:
            old = state["replaced"]
        else:
            # A build that finished no shard has nothing that could be lost.
            if any(self._notes.glob("[0-9]*.json")) and state and not overwrite:
                raise self._occupied("unfinished")
            old = [*state.get("files", ()), *state.get("replaced", ())]
        new = [shard.file for shard in plan.shards]
        state = {"layout": plan.layout, "files": new, "replaced": old}
        # Noted before anything goes: a kill in between leaves no file unaccounted for.
        files.write_text(self._notes / _PLAN, json.dumps(state))
        # The manifest goes first: without it, nobody reads half a folder.
        (self.path / manifest_lib.FILE_NAME).unlink(missing_ok=True)
        tables = (REJECTS_FILE, NEW_REJECTS_FILE, *FILM_FILES)
        for name in (*tables, *(set(old) - set(new))):
            (self.path / name).unlink(missing_ok=True)
        for name in (manifest_lib.FILE_NAME, *tables):
            files.remove_leftovers(self.path / name)
        for name in (_PLAN, *(f"{i}.json" for i in range(len(new)))):
            files.remove_leftovers(self._notes / name)
        for path in self._notes.glob("unfinished-*.tfrecord"):
            path.unlink()

    def finished_shard(
        self, index: int, plan: Plan
    ) -> tuple[Shard, list[Reject]] | None:
        """Returns a shard of an earlier run, if it is still what would be written.

        Its rejects are those of that run: a picture that could not be read then may
        be readable now, which its stamp need not show.
        """
        try:
            note = json.loads((self._notes / f"{index}.json").read_text())
            fields = note["shard"]
            shard = Shard(**{**fields, "tasks": tuple(fields["tasks"])})
            rejects = [Reject(*fields) for fields in note["rejects"]]
            same = note["plan"] == plan_lib.note(plan, index)
            if same and files.sha256(self.path / shard.file) == shard.sha256:
                return shard, rejects
        except (OSError, ValueError, KeyError, TypeError):
            pass  # Absent or damaged: it is built again.
        return None

    def finish_shard(
        self, index: int, plan: Sequence[str], shard: Shard, rejects: Sequence[Reject]
    ) -> None:
        """Moves an unfinished file into its place and notes what it holds.

        Args:
          index: Of the shard in the plan.
          plan: What `plan.note` returns for it.
          shard: What the file holds.
          rejects: What could not be used for it.
        """
        target = self.path / shard.file
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.unfinished(index).open("rb") as stream:
            os.fsync(stream.fileno())
        files.rename(self.unfinished(index), target)
        note = {
            "plan": plan,
            "shard": dataclasses.asdict(shard),
            "rejects": rejects,
        }
        files.write_text(self._notes / f"{index}.json", json.dumps(note))

    def write_rejects(self, rejects: Sequence[Reject]) -> pathlib.Path:
        """Writes the list of rejects, or removes an old one where there are none.

        Returns:
          Where: beside a finished build it is a file of its own, for that build's
          list goes on to be true.
        """
        path = self.path / (NEW_REJECTS_FILE if self.finished else REJECTS_FILE)
        if not rejects:
            path.unlink(missing_ok=True)
            return path
        rejects_lib.write(path, rejects)
        return path

    def write_films(self, films: FilmTables | None) -> None:
        """Writes what was seen in films, or removes old tables where there are none."""
        for name, table in zip(FILM_FILES, films or (None, None), strict=True):
            if table is None:
                (self.path / name).unlink(missing_ok=True)
            else:
                files.write_text(self.path / name, table.to_csv(index=False))

    def end(self, manifest: Manifest) -> None:
        """Writes the manifest; from here on the folder is whole."""
        listed = {shard.file for shard in manifest.shards}
        for name in self._state().get("files", ()):
            if name not in listed:  # A shard that lost all its pictures.
                (self.path / name).unlink(missing_ok=True)
        manifest.save(self.path)
        (self._notes / _PLAN).unlink()

    def _state(self) -> dict[str, Any]:
        """Returns the notes of an unfinished build; nothing where there is none."""
        try:
            state = json.loads((self._notes / _PLAN).read_text())
            return {name: state[name] for name in ("layout", "files", "replaced")}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _manifest(self) -> Manifest:
        try:
            return Manifest.load(self.path)
        except UserError as error:
            raise UserError(
                f"{error} That cannot be done in this folder: name another with --out, "
                "or remove this one."
            ) from error

    def _occupied(self, state: str) -> UserError:
        return UserError(
            "A folder must hold one build. "
            f"Received: --out={self.path}, which holds a {state} build of other "
            "annotations, pictures or options, or by other versions of the program "
            "and its libraries. Name another folder, or add --overwrite to replace it."
        )

    def _foreign_file(self) -> str | None:
        """Returns a file that no build wrote, where this is no folder of ours."""
        # Other programs have a folder of that name, too.
        ours = any((self._notes / name).exists() for name in (_PLAN, _LOCK))
        if self.finished or ours:
            return None
        for path in self.path.rglob("*"):
            # Hidden files (.gitignore, .DS_Store) get in nobody's way, and a list of
            # rejects is all that a refused build leaves.
            name = path.relative_to(self.path).as_posix()
            ours = name == REJECTS_FILE and rejects_lib.read(path) is not None
            if not (ours or name.startswith(".") or path.is_dir()):
                return name
        return None
