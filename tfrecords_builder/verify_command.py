"""`python -m tfrecords_builder verify DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import rich.console

from affect_tf.errors import UserError
from tfrecords_builder import build_flags
from tfrecords_builder import report
from tfrecords_builder import verify

DESCRIPTION = """\
Reads a folder of records again: checksums, counts, every record and every picture, or
every feature.
Says which file and record is wrong."""

#: Number of problems that are shown before the rest is only counted.
_SHOWN = 20


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of this command."""
    parser.add_argument("directory", metavar="DIR", help="the folder")
    build_flags.add_workers(parser.add_argument)


def run(flags: argparse.Namespace, console: rich.console.Console) -> int:
    """Runs the command.

    Raises:
      UserError: If something in the folder is wrong.
    """
    with report.Reporter(console, "Reading") as reporter:
        problems = verify.verify(flags.directory, flags.workers, reporter)
    if problems:
        shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        more = len(problems) - _SHOWN
        rest = f"\n  ... and {more} more" if more > 0 else ""
        wrong = f"{len(problems):,} things are" if len(problems) > 1 else "this is"
        raise UserError(
            f"A folder must hold what was built. Received: {flags.directory}, in which "
            f"{wrong} wrong:\n{shown}{rest}\n{_advice(problems)}"
        )
    console.print(
        f"{flags.directory}: {report.counted(reporter.frames, 'frame')}, all as they "
        f"were built ({reporter.seconds:.1f} s).",
        markup=False,
    )
    return 0


def _advice(problems: Sequence[verify.Problem]) -> str:
    """Returns what mends a folder: a build does not touch files of others."""
    strangers = [p for p in problems if p.reason == verify.STRANGER]
    remove = "Remove what is not in the manifest." if strangers else ""
    if len(strangers) == len(problems):
        return remove
    again = "Give the command that built it again, with --overwrite."
    return f"{again} {remove}".strip()
