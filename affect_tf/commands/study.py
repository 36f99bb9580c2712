"""`--mode=study`: systems compared over several seeds, as the tables of papers are."""

from __future__ import annotations

import gc
import pathlib
import statistics
import time
from collections.abc import Sequence

import rich.console
import tensorflow as tf

from affect_tf import files
from affect_tf.commands.study_runs import Job
from affect_tf.commands.study_runs import Runs
from affect_tf.errors import UserError
from affect_tf.evaluation.plots import figure_to_png
from affect_tf.studies import documents
from affect_tf.studies import plots
from affect_tf.studies.definition import Study
from affect_tf.studies.table import Table
from affect_tf.training.interrupts import Interrupts

_FOLDER = "studies"


def run_study(
    study: Study,
    name: str,
    data: pathlib.Path,
    workdir: pathlib.Path,
    console: rich.console.Console,
    seeds: int | None = None,
    overwrite: bool = False,
    changes: Sequence[str] = (),
) -> Table:
    """Does all runs of a study that are not there yet; shows and writes its table.

    The table is written in any case: after an interruption or an error with what there
    is so far, and marked as incomplete.

    Args:
      study: What to compare.
      name: As `--study` says it; names the folder of the results.
      data: Folder of the records.
      workdir: Folder of all runs.
      console: Where a person reads.
      seeds: How many, in place of the study's own.
      overwrite: Whether to train anew what is there. That is noted at the start: if it
        is interrupted, the same command without it goes on.
      changes: What --set has changed of its configs, for the record.

    Returns:
      The complete table.

    Raises:
      UserError: If there are no records, an arm does not fit them, or a run fails; it
        names the arm and seed.
      KeyboardInterrupt: On Ctrl-C or a termination signal; nothing is lost.
    """
    runs = Runs(workdir / _FOLDER, data, console)
    runs.check(study.arms)
    numbers = tuple(range(1, (seeds or study.seeds) + 1))
    origin = documents.Origin(name, str(data), tuple(changes))
    try:
        with Interrupts():
            _do_all(_plan(study, runs, numbers), runs, console, overwrite)
    except BaseException:
        try:
            _finish(_table(study, runs, numbers), runs, origin, console)
        except Exception as error:
            # Whatever stopped the study is what a person has to hear of.
            text = f"The table could not be made: {type(error).__name__}: {error}"
            _say(console, text)
        raise
    table = _table(study, runs, numbers)
    _finish(table, runs, origin, console)
    return table


def _plan(study: Study, runs: Runs, seeds: tuple[int, ...]) -> list[Job]:
    """Returns every job once; seed by seed, so that a part of them is paired."""
    unique: dict[str, Job] = {}
    for seed in seeds:
        for arm in study.arms:
            for job in runs.jobs(arm, seed):
                unique.setdefault(runs.key(job), job)
    return list(unique.values())


def _do_all(
    jobs: list[Job], runs: Runs, console: rich.console.Console, overwrite: bool
) -> None:
    if overwrite:
        runs.redo(jobs)
    there = [job for job in jobs if runs.is_done(job)]
    _say(console, f"{len(jobs)} runs, {len(there)} of them finished before")
    known = [(runs.kind(job), runs.seconds(job)) for job in there]
    lengths = [(kind, length) for kind, length in known if length is not None]
    for number, job in enumerate(jobs, 1):
        # Once more: a run before it may have been made anew.
        if job in there and runs.is_done(job):
            continue
        what = f"{job.arm.name}, seed {job.seed}"
        pending = [runs.kind(each) for each in jobs[number - 1 :] if each not in there]
        clock = _clock(pending, lengths)
        text = f"run {number} of {len(jobs)}: {what} ({job.name}){clock}"
        _say(console, text, style="bold")
        began = time.monotonic()
        try:
            runs.do(job)
        except UserError as error:
            text = f"A run failed: {what} ({job.name}). {error}"
            raise UserError(text, error.exit_code) from error
        finally:
            # Keras keeps all that it has built until it is told not to.
            tf.keras.backend.clear_session()
            gc.collect()
        lengths.append((runs.kind(job), runs.seconds(job) or time.monotonic() - began))


def _clock(pending: list[str], lengths: list[tuple[str, float]]) -> str:
    """Returns ", about 5 min left", or "" before there is anything to go by.

    Args:
      pending: The kinds of the jobs that are to be done.
      lengths: Kind and seconds of those that have been done.
    """
    if not lengths:
        return ""
    total = 0.0
    for kind in pending:
        alike = [length for each, length in lengths if each == kind]
        total += statistics.mean(alike or [length for _, length in lengths])
    minutes = max(1, round(total / 60))
    hours = f"{minutes // 60} h {minutes % 60:02} min"
    return f", about {f'{minutes} min' if minutes < 60 else hours} left"


def _table(study: Study, runs: Runs, seeds: tuple[int, ...]) -> Table:
    found = (runs.result(arm, seed) for arm in study.arms for seed in seeds)
    return Table(study, tuple(each for each in found if each is not None), seeds)


def _finish(
    table: Table,
    runs: Runs,
    origin: documents.Origin,
    console: rich.console.Console,
) -> None:
    """Shows and writes a table; one without any number is left out."""
    if not table.results:
        _say(console, "There is no result yet.")
        return
    for shown in documents.console_tables(table):
        console.print(shown)
    folder = runs.folder / origin.name
    facts = {"data_digest": runs.data_digest}
    files.write_text(folder / "results.md", documents.markdown(table, origin))
    files.write_text(folder / "results.json", documents.to_json(table, origin, facts))
    files.write_text(folder / "results.csv", documents.to_csv(table))
    for stem, figure in plots.figures(table).items():
        files.write_bytes(folder / f"{stem}.png", figure_to_png(figure))
    _say(console, f"results: {folder}")


def _say(console: rich.console.Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, highlight=False, soft_wrap=True, markup=False)
