"""The networks below a model of time as a run of their own, which nobody trained."""

from __future__ import annotations

import dataclasses
import pathlib

from affect_tf import files
from affect_tf.commands import new_models
from affect_tf.commands import run_folder
from affect_tf.commands import run_lock
from affect_tf.commands.session import Session
from affect_tf.config import ExperimentConfig
from affect_tf.training import checkpoints

#: Name of the run.
_NAME = "towers"


def are_named(config: ExperimentConfig) -> bool:
    """Whether a config says which weights the networks below its model start from."""
    return config.architecture.temporal is not None and bool(_named(config))


def run_of(session: Session, overwrite: bool = False) -> pathlib.Path:
    """Returns the run of the networks that the session's config names.

    As a run they are found again by what is trained above them, wherever their own
    runs or files are by then.

    Args:
      session: With the config that names them.
      overwrite: Whether other ones in the folder give way.

    Raises:
      UserError: If they do not fit, or the folder holds other ones.
    """
    config, run = session.config, session.run(_NAME)
    manifest = session.faces.manifest
    config = dataclasses.replace(config, student=None, precision="float32")

    def waiting() -> None:
        session.say(f"Another process writes {run}; waiting for it to end")

    with run_lock.alone(run.with_name(f".{run.name}.lock"), waiting):
        model = None
        if overwrite or not checkpoints.has_best(run):
            # Before anything is written or taken away: they may not fit.
            seed, features = config.seed, manifest.features
            model = new_models.new_model(config, "float32", seed, features)
        if overwrite:
            run_folder.discard(run)
        run_folder.claim(run, config, digests(config), manifest)
        if model is not None:
            checkpoints.save_weights(model, run)
    return run


def digests(config: ExperimentConfig) -> dict[str, str]:
    """Returns checksums of the weights that a config starts from, by its fields."""
    return {name: _digest(value) for name, value in _named(config).items()}


def _named(config: ExperimentConfig) -> dict[str, str]:
    names = ("cnn", "sound", "pretrained")
    values = {name: getattr(config, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _digest(place: str) -> str:
    """Returns a checksum of a run's weights, or of a file."""
    if checkpoints.has_best(pathlib.Path(place)):
        return checkpoints.digest(pathlib.Path(place))
    return files.sha256(pathlib.Path(place))
