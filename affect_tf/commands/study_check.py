"""What would stop a study hours after its start, looked for before it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from affect_tf.commands import new_models
from affect_tf.commands import run_folder
from affect_tf.commands.session import check_inputs
from affect_tf.commands.session import fit_to
from affect_tf.config import ExperimentConfig
from affect_tf.data.manifest import Manifest
from affect_tf.data.sources import Source
from affect_tf.data.streams import Streams
from affect_tf.errors import UserError
from affect_tf.studies.definition import Arm
from affect_tf.training import checkpoints


def check(arms: Sequence[Arm], manifest: Manifest, data: pathlib.Path) -> None:
    """Checks arms against the records, by what their manifest says: at once.

    What takes a pass over the records stays with the runs: whether a window has the
    labels of several tasks at once, and whether all sampling numbers are 0.

    Args:
      arms: Those of a study.
      manifest: Of the records.
      data: Their folder.

    Raises:
      UserError: If an arm, which it names, could not be trained or scored.
    """
    problems = manifest.file_problems(data)
    if problems:
        raise UserError(problems[0])
    if "validation" not in manifest.splits:
        raise UserError(
            "A study must have a validation split, which is scored. "
            f"Received: {data} with splits={manifest.splits}. Build the data with one.",
            exit_code=2,
        )
    for arm in arms:
        if arm.cnn is not None:
            check([arm.cnn], manifest, data)
        try:
            _check_arm(arm, manifest, data)
        except (ValueError, UserError) as error:
            raise UserError(f"In arm {arm.name!r}: {error}", exit_code=2) from error


def _check_arm(arm: Arm, manifest: Manifest, data: pathlib.Path) -> None:
    config = arm.config
    if arm.cnn is not None and config.train_cnn:
        config = dataclasses.replace(config, cnn="a run that is still to come")
    config = fit_to(config, manifest)
    if config.pretrained is not None and not pathlib.Path(config.pretrained).is_file():
        raise UserError(
            "pretrained must be a file of weights. "
            f"Received: {config.pretrained!r}, which is not there. Check the path."
        )
    check_inputs(config, manifest, data)
    if config.architecture.temporal is not None:
        _check_time(arm, config, manifest, data)
    config.batching.rows(config.sources, config.batch_size)
    streams = Streams(data, manifest, config.taxonomy, shuffle_buffer=1)
    for source in config.sources:
        streams.shards("train", source)
        if source.balanced:
            _check_balanced(source, config, manifest, data)


def _check_time(
    arm: Arm, config: ExperimentConfig, manifest: Manifest, data: pathlib.Path
) -> None:
    """Checks what a model of time reads, and the network below it."""
    if manifest.frames_per_sample["max"] == 1:
        raise UserError(
            f"A model of time must be given clips. Received: {data}, which holds "
            "single pictures. Choose data that were built as clips."
        )
    if manifest.features:
        return
    if arm.cnn is not None:
        below = fit_to(arm.cnn.config, manifest)
    elif config.cnn is not None:
        run = pathlib.Path(config.cnn)
        below = run_folder.stored_config(run)
        if not checkpoints.has_best(run):
            raise UserError(
                "cnn must be a trained run. "
                f"Received: {run}, which has no weights. Train it first."
            )
    else:
        raise UserError(
            "A model of time must be given features, or a network that sees pictures. "
            f"Received: cnn=None, and {data}, which holds pictures. Name the arm whose "
            "network it is: Arm(..., cnn=...)."
        )
    tasks = {task.name for task in below.tasks}
    if not tasks.issuperset(task.name for task in config.tasks):
        raise UserError(
            "A network must have the tasks of the model of time above it. Received: "
            f"{sorted(tasks)} for {[task.name for task in config.tasks]}. Leave a task "
            "out above, or add it below."
        )
    if arm.cnn is None or config.train_cnn:
        new_models.check_alike(below, config)


def _check_balanced(
    source: Source, config: ExperimentConfig, manifest: Manifest, data: pathlib.Path
) -> None:
    if config.windows is not None or manifest.frames_per_sample["max"] > 1:
        raise UserError(
            "A balanced source must read single pictures. Received: balanced=True of "
            f"source {source.name!r} for clips in {data}. Set balanced=False."
        )
    if source.task not in manifest.sampling:
        raise UserError(
            "A balanced source must read records with sampling numbers for its task. "
            f"Received: task={source.task!r} of source {source.name!r} in {data}, "
            f"which has them for {', '.join(manifest.sampling) or 'no task'}. Build "
            f"the data with --balance={source.task}=... --balance_as=weights, or set "
            "balanced=False."
        )
