"""`python -m tfrecords_builder drop DIR --subject=ID`: people leave a folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import rich.console

from affect_tf.data import manifest as manifest_lib
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tfrecords_builder import folder as folder_lib
from tfrecords_builder import people as people_lib
from tfrecords_builder import removal
from tfrecords_builder import removal_journal
from tfrecords_builder import removal_plan
from tfrecords_builder import report
from tfrecords_builder.folder import Folder
from tfrecords_builder.people import Person
from tfrecords_builder.removal_journal import Journal
from tfrecords_builder.removal_plan import Removal

DESCRIPTION = """\
Removes people from a folder of records. Only the shards that hold them are written
again; every other record keeps its bytes and its place. Their rows in the tables
beside the records and the crops of their films go too. Stop what reads the folder
first. A removal that was stopped is finished by the same command, or by 'drop DIR'.

What lies elsewhere stays: the pictures and annotations that the folder was built
from, features made of it (they are a folder of records too), drawn plots, models,
backups. Crops that came back after a removal, of a film
with the subject's name, go when the same command is given again."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command to its parser."""
    add = parser.add_argument
    add("directory", metavar="DIR", help="the folder")
    add(
        "--subject",
        action="append",
        default=[],
        metavar="ID",
        help="whom to remove: a subject, or SOURCE/SUBJECT where several sources have "
        "one of that name; may be given again",
    )
    add(
        "--dry_run",
        action="store_true",
        help="only say what would be removed",
    )


def run(flags: argparse.Namespace, console: rich.console.Console) -> int:
    """Runs the command.

    Args:
      flags: As `add_flags` names them.
      console: Where it says what it does.

    Returns:
      0.

    Raises:
      UserError: If there is no finished folder, a subject is several people or one
        of whom nothing is there, or a shard is damaged.
    """
    folder, subjects = Folder(flags.directory), tuple(flags.subject)
    if flags.dry_run:
        removal_journal.check_none_stopped(folder.path)
        _check_named(subjects)
        planned = _plan(folder, subjects, console)
        _describe(planned, flags.directory, console)
        console.print("Nothing was changed.")
        return 0
    stopped = removal_journal.pending(folder.path)
    if stopped is None:
        _check_named(subjects)
        _check_finished(folder)
    with removal.held(folder):
        # Another command may have finished it meanwhile.
        stopped = removal_journal.pending(folder.path)
        if stopped is not None:
            console.print("Finishing a removal that was stopped.")
            manifest = _finish(folder, stopped, console)
            subjects = _others(subjects, stopped)
            _conclude(stopped, manifest, flags.directory, console)
        if subjects:
            planned = _plan(folder, subjects, console)
            _describe(planned, flags.directory, console)
            removal.begin(folder.path, planned)
            manifest = _finish(folder, planned.journal, console)
            _conclude(planned.journal, manifest, flags.directory, console)
            _remind(planned, console)
    return 0


def _plan(
    folder: Folder, subjects: Sequence[str], console: rich.console.Console
) -> Removal:
    _check_finished(folder)
    manifest = Manifest.load(folder.path)
    with report.Reporter(console, "Searching") as reporter:
        return removal_plan.plan(folder.path, manifest, subjects, reporter)


def _finish(
    folder: Folder, journal: Journal, console: rich.console.Console
) -> Manifest:
    try:
        with report.Reporter(console, "Checking") as reporter:
            return removal.finish(folder.path, journal, reporter)
    except OSError as error:
        raise UserError(
            "A removal must be able to write to the folder. "
            f"Received: {error}. Make room, or allow it, and give the same command "
            "again: it goes on where it was. Until then the folder cannot be used."
        ) from error


def _others(subjects: Sequence[str], journal: Journal) -> tuple[str, ...]:
    """Returns the subjects whom a finished journal did not remove."""
    gone = [Person(*who) for who in journal.people]
    return tuple(
        text
        for text in subjects
        if not any(people_lib.may_be_meant(person, [text]) for person in gone)
    )


def _describe(
    planned: Removal, directory: str | os.PathLike[str], console: rich.console.Console
) -> None:
    """Says who goes, from where, and what is left without a sample."""
    if planned.people:
        _describe_records(planned, directory, console)
    for name in planned.absent:
        _say(
            console,
            f"{name}: no record in {directory} is of them, but this is left:",
        )
    for name, rows in planned.tables.rows.items():
        _say(console, f"  {name}: {report.counted(rows, 'row')}")
    shards = {loss.shard.file for loss in planned.losses}
    for name in planned.journal.removed:
        if name not in shards and name not in planned.tables.rows:
            _say(console, f"  {name}: the whole file")
    for warning in planned.warnings:
        _say(console, f"warning: {warning}")


def _describe_records(
    planned: Removal, directory: str | os.PathLike[str], console: rich.console.Console
) -> None:
    """Says whose records go, and from which shards."""
    frames = sum(loss.frames for loss in planned.losses)
    splits = dict.fromkeys(loss.shard.split for loss in planned.losses)
    by_split = ", ".join(f"{split} {planned.frames(split):,}" for split in splits)
    names = ", ".join(str(person) for person in planned.people)
    _say(
        console,
        f"{names}: {report.counted(frames, 'frame')} ({by_split}) in "
        f"{report.counted(len(planned.losses), 'shard')} of {directory}.",
    )
    for loss in planned.losses:
        what = f"{loss.frames:,} of {report.counted(loss.shard.frames, 'frame')}"
        gone = ", and with them the file" if loss.samples == loss.shard.samples else ""
        _say(console, f"  {loss.shard.file}: {what}{gone}")


def _conclude(
    journal: Journal,
    manifest: Manifest,
    directory: str | os.PathLike[str],
    console: rich.console.Console,
) -> None:
    people = "1 person" if len(journal.people) == 1 else f"{len(journal.people)} people"
    frames = sum(shard.frames for shard in manifest.shards)
    _say(
        console,
        f"Removed {people}: none of the {report.counted(frames, 'frame')} left in "
        f"{directory} is of them.",
    )


def _remind(planned: Removal, console: rich.console.Console) -> None:
    """Says what only a person can do."""
    if not planned.manifest.subjects_known:
        _say(
            console,
            "note: Nobody said who is seen in these data, or in some of them: the same "
            "person may be there as another subject, who stays.",
        )
    if planned.manifest.rejected:
        rows = report.counted(planned.manifest.rejected, "row")
        _say(
            console,
            f"note: {folder_lib.REJECTS_FILE} still lists {rows}, which do not name "
            "them. Look whether one is of their pictures.",
        )
    if planned.manifest.features:
        _say(
            console,
            "note: Take them out of the folder that these features were made of too: "
            "making the features again would bring them back.",
        )
        return
    _say(
        console,
        "note: Take them out of the annotations and pictures too: the command that "
        "built the folder would bring them back, and asks for --overwrite before. "
        "Features made of these records still hold them: drop them there as well.",
    )


def _check_named(subjects: Sequence[str]) -> None:
    if not subjects:
        raise UserError(
            "drop must be told whom to remove. Received: no --subject. Add "
            "--subject=ID.",
            exit_code=2,
        )


def _check_finished(folder: Folder) -> None:
    """Raises where there is no whole build."""
    if not folder.finished:
        if folder.stopped:
            raise UserError(
                "A folder must be finished before people are removed from it. "
                f"Received: {str(folder.path)!r}, whose build was stopped or is "
                "running. Give the command that built it again, or delete the folder."
            )
        raise UserError(
            f"A data folder must hold {manifest_lib.FILE_NAME}. "
            f"Received: {str(folder.path)!r}, which does not. Name the folder that "
            "was built."
        )


def _say(console: rich.console.Console, text: str) -> None:
    console.print(text, markup=False)
