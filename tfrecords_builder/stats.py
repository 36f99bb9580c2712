"""`python -m tfrecords_builder stats DIR`: what a folder holds, measured."""

from __future__ import annotations

import argparse
import contextlib
import pathlib

import rich.console

from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from tfrecords_builder import charts
from tfrecords_builder import contact_sheet
from tfrecords_builder import distributions
from tfrecords_builder import figures
from tfrecords_builder import removal_journal
from tfrecords_builder import report
from tfrecords_builder import stats_report

DESCRIPTION = """\
Counts what a folder of records holds, split by split: people, films, labels, classes,
action units, valence and arousal, and what was left out."""

_NO_FACES = (
    "\nNo faces are drawn: these records have no pictures. The folder that their "
    "features were made of has them."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command to its parser."""
    add = parser.add_argument
    add("directory", metavar="DIR", help="the folder")
    add("--json", action="store_true", help="print one JSON document and nothing else")
    add(
        "--plots",
        metavar="DIR",
        help="draw the distributions, and some faces of each class, into a folder",
    )
    add(
        "--source",
        action="append",
        metavar="NAME",
        help="count this data set only ('affwild2', 'disfa*'); may be given again",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the choice of faces (default 0)",
    )


def run(flags: argparse.Namespace, console: rich.console.Console) -> int:
    """Runs the command.

    Args:
      flags: As `add_flags` names them.
      console: Where the result goes. With --json everything else goes to the
        standard error.

    Returns:
      0.

    Raises:
      UserError: If the folder cannot be read, or no source matches.
    """
    if flags.seed < 0:
        raise UserError(
            f"--seed must be at least 0. Received: --seed={flags.seed}. Change it.",
            exit_code=2,
        )
    removal_journal.check_none_stopped(flags.directory)
    manifest = Manifest.load(flags.directory)
    sources = tuple(flags.source or ("*",))
    if flags.source:
        _check_sources(manifest, sources)
    aside = rich.console.Console(stderr=True, highlight=False) if flags.json else None
    faces = contact_sheet.FaceChoice(manifest.taxonomy, flags.seed)
    with contextlib.ExitStack() as stack:
        reporter = stack.enter_context(report.Reporter(aside or console, "Reading"))
        splits = distributions.measure(
            flags.directory,
            manifest,
            sources,
            look=faces if flags.plots and not manifest.features else None,
            progress=reporter,
        )
    if flags.json:
        console.out(stats_report.document(splits), highlight=False)
    else:
        taxonomy = manifest.taxonomy.name
        frames = report.counted(reporter.frames, "frame")
        console.print(
            f"{flags.directory}: {frames}, taxonomy {taxonomy}.", markup=False
        )
        if manifest.features:
            console.print(_made_of(manifest), markup=False)
        if manifest.sampling:
            tasks = ", ".join(manifest.sampling)
            console.print(f"Balanced by sampling numbers, not counted here: {tasks}.")
        stats_report.show(splits, console)
    if flags.plots:
        written = draw(splits, faces, pathlib.Path(flags.plots))
        (aside or console).print(
            f"Drew {report.counted(len(written), 'picture')} into {flags.plots}: "
            f"{', '.join(path.name for path in written)}."
            f"{_NO_FACES if manifest.features else ''}",
            markup=False,
        )
    return 0


def draw(
    splits: dict[str, distributions.Distribution],
    faces: contact_sheet.FaceChoice,
    folder: pathlib.Path,
) -> list[pathlib.Path]:
    """Writes every chart, and a sheet of faces for each split that has pictures.

    Args:
      splits: From `distributions.measure`.
      faces: What looked on meanwhile.
      folder: Where they go; files of the same names are replaced.

    Returns:
      The files.
    """
    drawn = charts.draw(splits)
    for name, split in splits.items():
        if split.frames and faces.saw_pictures:
            title = f"Faces drawn from {name}, {split.frames:,} frames"
            rows = faces.faces(name)
            drawn[f"faces-{name}"] = contact_sheet.sheet(title, rows, _counts(split))
    return [figures.save(drawn[name], folder / f"{name}.png") for name in sorted(drawn)]


def _made_of(manifest: Manifest) -> str:
    """Says what the frames have in place of pictures."""
    widths = ", ".join(f"{name} ({width})" for name, width in manifest.features.items())
    run = manifest.features_from.get("run")
    return (
        f"Features in place of pictures: {widths}{f', made by {run}' if run else ''}."
    )


def _counts(split: distributions.Distribution) -> dict[str, int]:
    """Returns the frames of each class and active unit."""
    taxonomy = split.taxonomy
    names = (*taxonomy.expressions, *taxonomy.action_units)
    counts = (*split.expressions, *split.positive_units)
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _check_sources(manifest: Manifest, sources: tuple[str, ...]) -> None:
    """Raises where a pattern names nothing in the folder."""
    known = tuple(sorted({shard.source for shard in manifest.shards}))
    for pattern in sources:
        if not any(
            manifest.select(split, sources=(pattern,)) for split in manifest.splits
        ):
            raise UserError(
                "--source must name a data set of the folder. Received: "
                f"--source={pattern}. {taxonomy_lib.closest(pattern, known)}",
                exit_code=2,
            )
