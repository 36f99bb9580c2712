"""The model of a run: built anew from its config, with the weights that it found."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from affect_tf.commands import run_folder
from affect_tf.commands.session import check_past
from affect_tf.commands.session import reading
from affect_tf.config import ExperimentConfig
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.errors import UserError
from affect_tf.models import adversary
from affect_tf.models import build
from affect_tf.models import temporal
from affect_tf.training import checkpoints


def blank(
    config: ExperimentConfig, policy: str, features: Mapping[str, int]
) -> tf.keras.Model:
    """Builds the model of a config with fresh weights.

    Args:
      config: With the tasks and the taxonomy of the data.
      policy: Precision policy.
      features: Name and width of the vectors that the data hold; empty where they hold
        pictures.
    """
    tf.keras.mixed_precision.set_global_policy(policy)
    logits = {task.name: task.num_logits(config.taxonomy) for task in config.tasks}
    part = config.architecture.temporal
    if part is None:
        return build.build(config.architecture, logits)
    if features:
        return part.sequence(features, logits, config.num_discriminated)
    network = None
    if sees(config):
        network = build.build(config.architecture, logits)
    below = part.embedder(network, num_samples(config), tasks=[*logits])
    widths = {name: shape[-1] for name, shape in below.output_shape.items()}
    above = part.sequence(widths, logits, config.num_discriminated)
    return part.end_to_end(below, above, config.train_cnn)


def sees(config: ExperimentConfig) -> bool:
    """Whether the model of a config looks at faces."""
    return not isinstance(config.windows, Past) or config.windows.frames > 0


def num_samples(config: ExperimentConfig) -> int:
    """Returns the samples of a sound that the model of a config hears."""
    return config.windows.num_samples if isinstance(config.windows, Past) else 0


def trained_model(
    run: pathlib.Path,
    policy: str = "float32",
    data: Manifest | None = None,
    cnn: str | None = None,
) -> tf.keras.Model:
    """Returns the best model of a run, built anew under a precision policy.

    A discriminator that it was trained with is left out.

    Args:
      run: Its folder.
      policy: Precision policy.
      data: Manifest of the records to be seen; None for pictures.
      cnn: Folder of the run that made the features, where a model that was trained on
        them is to see pictures; None for the place that it had then.

    Raises:
      UserError: If the folder is not a run, its weights cannot be read, or they are of
        a model that cannot see such data.
    """
    config = run_folder.stored_config(run)
    trained_on = run_folder.training_data(run)
    tf.keras.utils.set_random_seed(0)
    model = blank(config, policy, trained_on.features)
    checkpoints.load_best(model, run)
    if data is not None and data.features:
        _check_same_network(run, trained_on, data)
        return adversary.without_discriminator(model)
    part = config.architecture.temporal
    if part is None:
        return model
    if trained_on.features:
        below = embedder(_cnn_of(run, cnn), config, policy)
    else:
        below, model = (
            model.get_layer(name) for name in (temporal.EMBEDDER, temporal.SEQUENCE)
        )
    above = adversary.without_discriminator(model)
    return part.end_to_end(below, above, train_towers=False)


def embedder(
    run: pathlib.Path, config: ExperimentConfig | None = None, policy: str = "float32"
) -> tf.keras.Model:
    """Returns the networks of a run, from pictures and sounds to vectors of a frame.

    Args:
      run: One that was trained on pictures.
      config: Of the model of time that is to read the vectors of a run of single
        pictures; None for a `BidirectionalGru`, and of no meaning for other runs.
      policy: Precision policy.

    Raises:
      UserError: As `trained_model`.
    """
    below = trained_model(run, policy)
    if run_folder.stored_config(run).architecture.temporal is not None:
        return below.get_layer(temporal.EMBEDDER)
    if config is None:
        return temporal.BidirectionalGru().embedder(below)
    tasks = [task.name for task in config.tasks]
    part = config.architecture.temporal
    return part.embedder(below, num_samples(config), tasks=tasks)


def _check_same_network(
    run: pathlib.Path, trained_on: Manifest, data: Manifest
) -> None:
    """Raises UserError unless features are of the network that the run knows.

    Those of another network have the same names and widths, and would only give wrong
    scores.
    """
    theirs, ours = (each.features_from.get("weights") for each in (data, trained_on))
    if theirs != ours:
        raise UserError(
            "A run must be given features of the network that it was trained on. "
            f"Received: features by {data.features_from.get('run', 'another run')} for "
            f"{run}, which saw {trained_on.features_from.get('run', 'pictures')}. "
            "Choose other --data, or train anew.",
            exit_code=2,
        )


def windows_of(
    config: ExperimentConfig, asked: ExperimentConfig
) -> Windows | Past | None:
    """Returns what a sample of a run is, in evaluation.

    Args:
      config: Of the run.
      asked: Of the command, whose `windows.evaluation_stride` has its way.
    """
    windows, wanted = config.windows, asked.windows
    if isinstance(windows, Windows) and isinstance(wanted, Windows):
        stride = wanted.evaluation_stride
        if stride is not None:
            return dataclasses.replace(windows, evaluation_stride=stride)
    return windows


def as_seen_by(
    run: pathlib.Path, faces: Faces, asked: ExperimentConfig | None = None
) -> Faces:
    """Returns the records of `faces` as a run's model is to be given them.

    Args:
      run: Its folder.
      faces: The records.
      asked: The config of the command, whose `cnn` and `windows.evaluation_stride` have
        their way; None for the run's own.
    """
    config = run_folder.stored_config(run)
    if not faces.manifest.features:
        check_past(config, faces.manifest, faces.directory, trains=False)
    size = config.architecture.image_size
    if run_folder.training_data(run).features and not faces.manifest.features:
        below = run_folder.stored_config(_cnn_of(run, asked and asked.cnn))
        size = below.architecture.image_size
    return dataclasses.replace(
        faces,
        manifest=reading(faces.manifest, config),
        image_size=size,
        windows=windows_of(config, asked or config),
    )


def _cnn_of(run: pathlib.Path, cnn: str | None) -> pathlib.Path:
    """Returns the run whose features another was trained on.

    Raises:
      UserError: If it is not there any more, or has other weights by now.
    """
    origin = run_folder.training_data(run).features_from
    folder = pathlib.Path(cnn or origin["run"])
    if not checkpoints.has_best(folder):
        found = "no trained run"
    elif checkpoints.digest(folder) != origin["weights"]:
        found = "a run with other weights"
    else:
        return folder
    raise UserError(
        "A model that was trained on features must have the network that made them, "
        f"to see pictures. Received: {folder}, {found}. Say where it is by --set "
        "cnn=RUN, or give --data=FEATURES.",
        exit_code=2,
    )
