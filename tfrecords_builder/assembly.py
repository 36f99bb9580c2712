"""From the data sets of a command line to the one table that is written."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

import rich.console

from affect_tf import files
from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from tfrecords_builder import balance
from tfrecords_builder import balance_flags
from tfrecords_builder import balance_report
from tfrecords_builder import checks
from tfrecords_builder import command_line
from tfrecords_builder import merge
from tfrecords_builder import report
from tfrecords_builder import runners
from tfrecords_builder import sound_flags
from tfrecords_builder import splits
from tfrecords_builder import writer
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import SOURCE_NAME
from tfrecords_builder.annotations import sum_of_dropped
from tfrecords_builder.folder import Folder


def check(flags: argparse.Namespace, parts: Sequence[command_line.Part]) -> None:
    """Checks all that can be checked before anything is read, which may take hours.

    Raises:
      UserError: If a flag is wrong, or the folder cannot be built into.
    """
    writer.check_options(
        flags.size, flags.frames_per_shard, flags.workers, flags.max_rejects
    )
    _taxonomy(flags.taxonomy)
    _check_clip_frames(flags.clip_frames)
    splits.check_leakage(flags.leakage)
    heard = [name for name, of in command_line.READERS.items() if of.heard]
    sound_flags.check(flags, [part.dataset for part in parts], heard)
    plan = balance_flags.read(flags)
    if flags.balance_plot is not None:
        _check_plot(flags.balance_plot, bool(plan.keeps or plan.methods))
    if plan.as_weights and not plan.methods:
        raise UserError(
            "--balance_as must come with --balance. Received: "
            f"--balance_as={flags.balance_as} alone. Say what is to be balanced.",
            exit_code=2,
        )
    for part in parts:
        if part.flags.source and not SOURCE_NAME.fullmatch(part.flags.source):
            raise UserError(
                "--source must consist of letters, digits, '_' and '-'. Received: "
                f"--source={part.flags.source!r}. Correct the name.",
                exit_code=2,
            )
    Folder(flags.out).check(flags.overwrite or flags.dry_run)


def assemble(
    flags: argparse.Namespace,
    parts: Sequence[command_line.Part],
    runner: runners.Runner,
    console: rich.console.Console,
) -> Annotations:
    """Reads the data sets, joins them, settles their splits and balances them.

    Args:
      flags: Of the build.
      parts: The data sets.
      runner: Who looks for faces in films.
      console: Told what was read and what balancing did.

    Raises:
      UserError: If a flag or a data set is wrong.
    """
    wanted, plan = _taxonomy(flags.taxonomy), balance_flags.read(flags)
    read = {}
    for part in parts:
        part.flags.runner, part.flags.console = runner, console
        read[part.name] = command_line.read(part)
    annotations = merge.merge(read)
    if wanted is not None:
        annotations = merge.restrict(annotations, wanted)
    annotations = splits.settle(annotations, flags.leakage)
    if flags.clip_frames is not None:
        table = merge.cut_clips(annotations.table, flags.clip_frames)
        annotations = dataclasses.replace(annotations, table=table)
    console.print(
        f"{annotations.origin}: {report.counted(annotations.num_rows, 'row')}, "
        f"taxonomy {annotations.taxonomy.name}.",
        markup=False,
    )
    for note in annotations.notes:
        console.print(f"note: {note}", markup=False)
    if not (plan.keeps or plan.methods):
        return annotations
    # What is wrong with the data is said before anything is made of them.
    checks.check(annotations)
    return _balanced(annotations, plan, flags, console)


def _balanced(
    annotations: Annotations,
    plan: balance.Plan,
    flags: argparse.Namespace,
    console: rich.console.Console,
) -> Annotations:
    balanced = balance.apply(annotations.table, annotations.taxonomy, plan, flags.seed)
    balance_report.show(balanced, console)
    if flags.balance_plot:
        files.write_bytes(flags.balance_plot, balance_report.png(balanced))
    return dataclasses.replace(
        annotations,
        table=balanced.table,
        dropped=sum_of_dropped([annotations.dropped, balanced.dropped]),
    )


def _check_plot(path: str, wanted: bool) -> None:
    """Raises where a plot cannot go there, or nothing is to be drawn."""
    if not wanted:
        raise UserError(
            f"--balance_plot must come with --balance or --keep. Received: {path!r} "
            "alone. Say what is to be balanced.",
            exit_code=2,
        )
    file = pathlib.Path(path)
    mine = not file.exists() or file.is_file() and file.read_bytes()[:4] == b"\x89PNG"
    if file.suffix.lower() != ".png" or not mine:
        raise UserError(
            "--balance_plot must be a new file that ends in .png, or an old plot. "
            f"Received: {path!r}. Name another file.",
            exit_code=2,
        )


def _check_clip_frames(frames: int | None) -> None:
    if frames is not None and frames < 1:
        raise UserError(
            "--clip_frames must be positive. "
            f"Received: --clip_frames={frames}. Use 1 for stills.",
            exit_code=2,
        )


def _taxonomy(name: str | None) -> taxonomy_lib.Taxonomy | None:
    """Returns the vocabulary of --taxonomy; None keeps what the data sets have."""
    if name in (None, "auto"):
        return None
    if name not in taxonomy_lib.TAXONOMIES:
        allowed = ("auto", *taxonomy_lib.TAXONOMIES)
        near = taxonomy_lib.closest(name.lower(), allowed)
        raise UserError(
            "--taxonomy must be one of those known. "
            f"Received: --taxonomy={name!r}. {near}",
            exit_code=2,
        )
    return taxonomy_lib.TAXONOMIES[name]
