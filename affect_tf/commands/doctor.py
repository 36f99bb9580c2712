"""`--mode=doctor`: what this machine and these data can do, and what is wrong."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Iterator

import rich.console
import rich.table
import tensorflow as tf

import affect_tf
from affect_tf.commands.session import fit_to
from affect_tf.config import ExperimentConfig
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.training import checkpoints
from affect_tf.training import precision

_EXTRAS = ("tensorflow-addons", "tensorflow-io")

#: Samples per class below which a score says little.
_FEW = 10


def examine(
    config: ExperimentConfig,
    data: pathlib.Path | None,
    workdir: pathlib.Path,
    console: rich.console.Console,
) -> None:
    """Shows the report.

    Raises:
      UserError: If something is wrong, after showing what.
    """
    facts, problems = _machine(config)
    if data is None:
        facts.append(("data", "none given: --data names a folder of records"))
    else:
        try:
            more_facts, more_problems = _records(config, data)
            facts, problems = facts + more_facts, problems + more_problems
        except (UserError, ValueError) as error:
            problems.append(str(error))
    facts.append(("runs", ", ".join(_runs(workdir / config.name)) or "none yet"))
    table = rich.table.Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value)
    console.print(table, highlight=False)
    if problems:
        listing = "\n".join(f"  {i}. {text}" for i, text in enumerate(problems, 1))
        noun = "problem" if len(problems) == 1 else "problems"
        raise UserError(f"{len(problems)} {noun} found.\n{listing}")
    console.print("Nothing is wrong.")


def _machine(config: ExperimentConfig) -> tuple[list[tuple[str, str]], list[str]]:
    """Returns the facts and the problems of the machine."""
    problems = []
    full = tf.__version__.startswith("2.15.")
    lane = "full stack" if full else "core (addons and io need Python < 3.12)"
    # The Keras 2 API has no version of its own in either lane; Keras 3 does.
    if getattr(tf.keras, "__version__", "2").startswith("3"):
        problems.append(
            "TensorFlow must offer the Keras 2 API. Received: TensorFlow "
            f"{tf.__version__} with Keras 3. Install tf-keras and leave "
            "TF_USE_LEGACY_KERAS at 1."
        )
    gpus = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in gpus
    ]
    chosen = precision.choose(config.precision)
    return [
        ("affect_tf", affect_tf.__version__),
        ("Python", f"{platform.python_version()} on {platform.platform(terse=True)}"),
        ("TensorFlow", f"{tf.__version__}: {lane}"),
        ("extras", ", ".join(_versions())),
        ("devices", f"{os.cpu_count()} CPU cores; GPU: {', '.join(names) or 'none'}"),
        ("precision", f"{chosen.policy}: {chosen.reason}"),
    ], problems


def _versions() -> Iterator[str]:
    for name in _EXTRAS:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} not installed"


def _records(
    config: ExperimentConfig, data: pathlib.Path
) -> tuple[list[tuple[str, str]], list[str]]:
    """Returns the facts and the problems of the data folder."""
    manifest = Manifest.load(data)
    train = manifest.counts.get("train", {})
    known = fit_to(config, manifest, trains=bool(train))
    taxonomy = known.taxonomy
    kind = (
        f"pictures of {manifest.image_size} pixels, seen at "
        f"{config.architecture.image_size}"
    )
    if manifest.features:
        kind = f"features by {manifest.features_from.get('run', 'an unknown run')}"
    facts = [
        ("data", f"{data}: {len(manifest.shards)} shards, {kind}"),
        ("expressions", ", ".join(taxonomy.expressions) or "none"),
        ("action units", ", ".join(taxonomy.action_units) or "none"),
    ]
    problems = manifest.file_problems(data)
    for split, counts in manifest.counts.items():
        sets = ", ".join(f"{n} {name}" for name, n in counts["label_sets"].items())
        facts.append(
            (split, f"{counts['frames']} faces of {counts['subjects']} people: {sets}")
        )
    for split in ("train", "validation"):
        if split not in manifest.splits:
            problems.append(
                f"A data folder must have a {split} split. Received: splits="
                f"{manifest.splits}. Build the data with one."
            )
    few = {
        name: count
        for name, count in train.get("classes", {}).items()
        if name in taxonomy.expressions and count < _FEW
    }
    if few:
        listing = ", ".join(f"{name} {count}" for name, count in few.items())
        facts.append(("rare classes", f"{listing}: their F1 will say little"))
    for source in known.sources:
        chosen = (source.task, source.origins, source.also)
        if not manifest.select("train", *chosen):
            problems.append(
                f"Source {source.name!r} must have training samples. Received: none "
                f"for tasks {source.tasks}, origins={source.origins}. Remove it from "
                "the config, or build the data with such labels."
            )
    return facts, problems


def _runs(folder: pathlib.Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.glob("*")
        if path.is_dir() and checkpoints.has_best(path)
    )
