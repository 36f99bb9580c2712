"""The model of a run: built anew from its config, with the weights that it found."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from affect_tf.commands import run_folder
from affect_tf.commands.session import reading
from affect_tf.config import ExperimentConfig
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.models import build
from affect_tf.models import pretrained
from affect_tf.models import temporal
from affect_tf.training import checkpoints


def new_model(
    config: ExperimentConfig, policy: str, seed: int, features: Mapping[str, int]
) -> tf.keras.Model:
    """Builds the model of a config with fresh weights, or those that it starts from.

    Args:
      config: With the tasks and the taxonomy of the data.
      policy: Precision policy.
      seed: Of the fresh weights.
      features: Name and width of the vectors that the data hold; empty where they hold
        pictures.

    Raises:
      UserError: If the pretrained file or the CNN does not fit.
    """
    tf.keras.utils.set_random_seed(seed)
    model = _blank(config, policy, features)
    if config.architecture.temporal is None:
        if config.pretrained is not None:
            pretrained.load_backbone(model, config.pretrained)
    elif not features:
        _start_from_cnn(model, config)
    return model


def trained_model(
    run: pathlib.Path,
    policy: str = "float32",
    data: Manifest | None = None,
    cnn: str | None = None,
) -> tf.keras.Model:
    """Returns the best model of a run, built anew under a precision policy.

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
    model = _blank(config, policy, trained_on.features)
    checkpoints.load_best(model, run)
    if data is not None and data.features:
        _check_same_network(run, trained_on, data)
        return model
    if not trained_on.features:
        return model
    below = trained_model(_cnn_of(run, cnn), policy)
    network = temporal.embedder(below, [task.name for task in config.tasks])
    return temporal.end_to_end(network, model, train_cnn=False)


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


def as_seen_by(
    run: pathlib.Path,
    faces: Faces,
    cnn: str | None = None,
    evaluation_stride: int | None = None,
) -> Faces:
    """Returns the records of `faces` as a run's model is to be given them.

    Args:
      run: Its folder.
      faces: The records.
      cnn: As for `trained_model`.
      evaluation_stride: Frames from one window to the next; None for the run's own.
    """
    config = run_folder.stored_config(run)
    windows = config.windows
    if windows is not None and evaluation_stride is not None:
        windows = dataclasses.replace(windows, evaluation_stride=evaluation_stride)
    size = config.architecture.image_size
    if run_folder.training_data(run).features and not faces.manifest.features:
        below = run_folder.stored_config(_cnn_of(run, cnn))
        size = below.architecture.image_size
    return dataclasses.replace(
        faces,
        manifest=reading(faces.manifest, config),
        image_size=size,
        windows=windows,
    )


def _blank(
    config: ExperimentConfig, policy: str, features: Mapping[str, int]
) -> tf.keras.Model:
    """Builds the model of a config for pictures or features."""
    tf.keras.mixed_precision.set_global_policy(policy)
    logits = {task.name: task.num_logits(config.taxonomy) for task in config.tasks}
    architecture = config.architecture
    if architecture.temporal is None:
        return build.build(architecture, logits)
    if features:
        widths = {task: features[f"{task}_embedding"] for task in logits}
        return temporal.build_sequence(architecture.temporal, widths, logits)
    network = temporal.embedder(build.build(architecture, logits), [*logits])
    shapes = network.output_shape
    widths = {task: shapes[f"{task}_embedding"][-1] for task in logits}
    sequence = temporal.build_sequence(architecture.temporal, widths, logits)
    return temporal.end_to_end(network, sequence, train_cnn=config.train_cnn)


def _start_from_cnn(model: tf.keras.Model, config: ExperimentConfig) -> None:
    """Fills the network inside a model of time with the weights of another run."""
    if config.cnn is None:
        raise UserError(
            "A model of time must be given features, or the run whose network sees its "
            f"pictures. Received: cnn=None for --config={config.name}, and pictures. "
            "Extract features with --mode=features and give them as --data, or name "
            "the run by --set cnn=RUN.",
            exit_code=2,
        )
    run = pathlib.Path(config.cnn)
    check_alike(run_folder.stored_config(run), config)
    below = trained_model(run, tf.keras.mixed_precision.global_policy().name)
    network = temporal.embedder(below, [task.name for task in config.tasks])
    model.get_layer(network.name).set_weights(network.get_weights())


def check_alike(below: ExperimentConfig, config: ExperimentConfig) -> None:
    """Raises UserError unless a model of time can start from a network of `below`."""
    wanted = dataclasses.replace(config.architecture, temporal=None)
    for what, theirs, ours in (
        ("labels", below.taxonomy, config.taxonomy),
        ("architecture", below.architecture, wanted),
    ):
        if theirs != ours:
            raise UserError(
                f"A CNN must have the {what} of the model of time that starts from it. "
                f"Received: {theirs} for {ours}. Train one with this config less "
                "architecture.temporal, or choose another `cnn`.",
                exit_code=2,
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
