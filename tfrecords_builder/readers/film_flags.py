"""What every reader of films shares: flags, progress, and the list of bad films."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from affect_tf.errors import UserError
from affect_tf.faces import detection
from tfrecords_builder import report as report_lib
from tfrecords_builder.crop_work import Footage
from tfrecords_builder.crop_work import Problem
from tfrecords_builder.crop_work import Work
from tfrecords_builder.extraction_report import ExtractionReport
from tfrecords_builder.rejects import Reject
from tfrecords_builder.runners import Local
from tfrecords_builder.runners import Runner

#: Where crop files lie, in the folder of the records.
FOLDER = ".faces"


def add_detector(add: Callable[..., object]) -> None:
    """Adds `--detector`."""
    add(
        "--detector",
        choices=tuple(detection.DETECTORS),
        help="what finds the faces: default, small (also looks for small faces, and "
        "takes longer), mtcnn (needs its package), or none (every frame is an aligned "
        "face already)",
    )


class _Nobody:
    """Does no work."""

    def map(
        self, function: Callable[[Work], int], items: Sequence[Work]
    ) -> Iterator[int]:
        """Raises: to look for faces takes as long as the build itself."""
        names = [each.footage[0].name for each in items]
        films = report_lib.counted(len(names), "film")
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise UserError(
            "A dry run must not look through films, which is most of the work. "
            f"Received: --dry_run with {films} that nobody has looked through yet, or "
            f"batches of photographs: {some}. Leave out --dry_run; what is "
            "found is kept."
        )


def folder(flags: argparse.Namespace) -> str:
    """Returns the folder of the crop files."""
    return os.path.join(flags.out, FOLDER)


def runner(flags: argparse.Namespace) -> Runner:
    """Returns who works: what the command has made, or this machine.

    In a dry run nobody does: films that were looked through before are read, and one
    that was not is an error.
    """
    if getattr(flags, "dry_run", False):
        return _Nobody()
    given = getattr(flags, "runner", None)
    return given if hasattr(given, "map") else Local(flags.workers)


@contextlib.contextmanager
def progress(flags: argparse.Namespace) -> Iterator[ExtractionReport | None]:
    """Shows how far an extraction is, where the command has a console."""
    console = getattr(flags, "console", None)
    if console is None:
        yield None
        return
    with ExtractionReport(console) as report:
        yield report


def rejects(
    footage: Sequence[Footage], problems: Sequence[Problem], kept: bool = False
) -> tuple[Reject, ...]:
    """Returns a reject for each film or photograph that is damaged, or is none.

    Args:
      footage: Everything that was looked at.
      problems: What was wrong.
      kept: Whether the frames that can be decoded are used all the same.
    """
    of = {each.name: each for each in footage}
    found = []
    for problem in problems:
        each = of[problem.name]
        field = "film" if each.is_film else "photograph"
        if problem.frames:
            frames = report_lib.counted(problem.frames, "frame")
            used = "these are used" if kept else "none of it is used"
            reason = f"breaks off after {frames} ({problem.seconds:.2f} s); {used}"
        else:
            reason = f"cannot be read{_cause(problem.reason, each.file)}"
        found.append(Reject(each.path, 0, field, each.file, reason))
    return tuple(found)


def _cause(reason: str, file: str) -> str:
    """Returns what a decoder has received, as " (...)": a clause within a sentence.

    Args:
      reason: "<rule>. Received: <file>: <cause>. <advice>."
      file: The name of the film in it.
    """
    received = reason.partition("Received: ")[2]
    cause = re.split(r"\.(?= [A-Z]|$)", received.removeprefix(file).lstrip(":, "))[0]
    cause = cause.replace(file, "").strip(" .:'\"").removeprefix("which ")
    return f" ({cause})" if cause else ""
