"""A run's folder: what it was made with, and with which data."""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import shutil

import affect_tf
from affect_tf import config as config_lib
from affect_tf import config_text
from affect_tf import files
from affect_tf.config import ExperimentConfig
from affect_tf.data import augment
from affect_tf.data import batching
from affect_tf.data import input_pipeline
from affect_tf.data import past
from affect_tf.data import windows
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import fusion
from affect_tf.models import layers
from affect_tf.models import resnext
from affect_tf.models import sound
from affect_tf.models import temporal
from affect_tf.objective import distillation
from affect_tf.objective import losses
from affect_tf.objective import mixing
from affect_tf.objective import objective
from affect_tf.objective import tasks as tasks_lib
from affect_tf.objective import weighting
from affect_tf.training import checkpoints
from affect_tf.training import optimizers
from affect_tf.training import schedules

_CONFIG_FILE = "config.txt"
#: Holds a copy of the manifest of the data that the run is trained on.
_DATA_FOLDER = "data"
_VERSION = "# made by affect_tf "

#: Where the parts of a stored config come from.
CONFIG_MODULES = (
    config_lib,
    augment,
    batching,
    backbones,
    build,
    distillation,
    fusion,
    input_pipeline,
    layers,
    losses,
    mixing,
    objective,
    optimizers,
    past,
    resnext,
    schedules,
    sound,
    tasks_lib,
    taxonomy_lib,
    temporal,
    weighting,
    windows,
)


def discard(run: pathlib.Path) -> None:
    """Deletes a run; a kill in between leaves nothing that looks like one."""
    if run.exists():
        doomed = run.with_name(f".{run.name}.deleted")
        shutil.rmtree(doomed, ignore_errors=True)
        run.rename(doomed)
        shutil.rmtree(doomed)


def claim(
    run: pathlib.Path, config: ExperimentConfig, facts: dict[str, str], data: Manifest
) -> None:
    """Makes `run` the folder of a config, some facts and some data, or checks that.

    Until there is a checkpoint, a folder may change hands: nothing would be lost.

    Args:
      run: The folder.
      config: What the run is trained with.
      facts: What else must be the same for the run to go on, such as its seed.
      data: Manifest of the training data.

    Raises:
      UserError: If it holds a run of something else, or the config could not be read
        back later.
    """
    text = "".join(f"# {name}: {value}\n" for name, value in facts.items())
    text += layout(config) + "\n"
    try:
        read_back = config_text.read(_code(text), CONFIG_MODULES)
    except (ValueError, SyntaxError, TypeError) as error:
        raise UserError(
            f"A config must be readable from its record. {error}"
        ) from error
    if read_back != config:
        raise UserError(
            "A config must equal what is read from its record. Received: "
            f"{config.name}, which does not. Make its parts frozen dataclasses."
        )
    path = run / _CONFIG_FILE
    if not checkpoints.has_any(run):
        data.save(run / _DATA_FOLDER)
        files.write_text(path, f"{_VERSION}{affect_tf.__version__}\n{text}")
        return
    if not path.exists():
        raise UserError(
            f"A folder with checkpoints must have a {_CONFIG_FILE}. Received: {run}, "
            "which has none. Use --overwrite, or another --workdir.",
            exit_code=2,
        )
    if training_data(run).shards != data.shards:
        raise UserError(
            "A run must go on with the data that it began with. "
            f"Received: --data with other records than {run} was trained on. Use "
            "--overwrite to start it anew, or another --workdir.",
            exit_code=2,
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    stored = [line for line in lines if not line.startswith(_VERSION)]
    if stored != text.splitlines():
        changes = difflib.unified_diff(stored, text.splitlines(), n=0, lineterm="")
        shown = "\n".join(f"  {line}" for line in list(changes)[2:14])
        raise UserError(
            "A run must go on with what it began with. Received: "
            f"{run}, stored (-) and asked for (+):\n{shown}\nUse --overwrite to start "
            "it anew, or another --workdir.",
            exit_code=2,
        )


def stored_config(run: pathlib.Path) -> ExperimentConfig:
    """Returns the config that a run was made with.

    Raises:
      UserError: If there is none, or it cannot be read.
    """
    path = run / _CONFIG_FILE
    if not path.exists():
        raise UserError(
            f"A run must have a {_CONFIG_FILE}. Received: {run}, which has none. "
            "Train it first, or check the path.",
            exit_code=2,
        )
    try:
        return config_text.read(_code(path.read_text(encoding="utf-8")), CONFIG_MODULES)
    except (ValueError, SyntaxError, TypeError) as error:
        raise UserError(f"{path} must hold a config. {error}") from error


def training_data(run: pathlib.Path) -> Manifest:
    """Returns the manifest of the records that a run was trained on.

    Raises:
      UserError: If the run does not say.
    """
    return Manifest.load(run / _DATA_FOLDER)


def layout(config: ExperimentConfig) -> str:
    """Returns the config's repr with one field of the experiment a line."""
    fields = [
        f"    {field.name}={getattr(config, field.name)!r},"
        for field in dataclasses.fields(config)
    ]
    return "\n".join([f"{type(config).__name__}(", *fields, ")"])


def _code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))
