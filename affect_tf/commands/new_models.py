"""The model that a run starts from: fresh, or with weights of files or other runs."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.config import ExperimentConfig
from affect_tf.errors import UserError
from affect_tf.models import pretrained
from affect_tf.models import pretrained_sound
from affect_tf.models import temporal
from affect_tf.models.fusion import FaceAndSound
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
      UserError: If the files or runs that it is to start from do not fit.
    """
    tf.keras.utils.set_random_seed(seed)
    model = run_models.blank(config, policy, features)
    if config.architecture.temporal is None:
        if config.pretrained is not None:
            pretrained.load_backbone(model, config.pretrained)
    elif not features:
        _fill(model.get_layer(temporal.EMBEDDER), config)
    return model


def _fill(embedder: tf.keras.Model, config: ExperimentConfig) -> None:
    """Fills the networks below a model of time with what the config names.

    Raises:
      UserError: If one has no weights, and is not to be trained either.
    """
    if config.cnn is not None:
        _take_network(embedder, config)
    elif config.pretrained is not None:
        pretrained.load_backbone(embedder, config.pretrained)
    elif run_models.sees(config) and not config.train_cnn:
        raise _missing("network that sees its pictures", "cnn=RUN", config)
    if config.sound is not None:
        _take_hearing(embedder, config)
    elif run_models.num_samples(config) and not config.train_cnn:
        raise _missing("network that hears its sound", "sound=RUN or FILE", config)


def _missing(what: str, flag: str, config: ExperimentConfig) -> UserError:
    return UserError(
        f"A model of time must be given features, or the {what}. "
        f"Received: neither for --config={config.name}, and pictures. Extract features "
        f"with --mode=features and give them as --data, name a trained one by --set "
        f"{flag}, or train it along by --set train_cnn=True.",
        exit_code=2,
    )


def _take_network(embedder: tf.keras.Model, config: ExperimentConfig) -> None:
    run = pathlib.Path(config.cnn)
    check_alike(run_folder.stored_config(run), config)
    policy = tf.keras.mixed_precision.global_policy().name
    _copy(run_models.embedder(run, config, policy), embedder, hears=False)


def _take_hearing(embedder: tf.keras.Model, config: ExperimentConfig) -> None:
    run = pathlib.Path(config.sound)
    if not checkpoints.has_best(run):
        pretrained_sound.load_soundnet(embedder, config.sound)
        return
    theirs = run_folder.stored_config(run).architecture.temporal
    ours = config.architecture.temporal
    if not isinstance(theirs, FaceAndSound) or theirs.sound != ours.sound:
        raise UserError(
            "The run that a sound network is taken from must have the same one. "
            f"Received: {theirs} for {ours.sound}. Choose another run.",
            exit_code=2,
        )
    _copy(run_models.embedder(run), embedder, hears=True)


def _copy(source: tf.keras.Model, target: tf.keras.Model, hears: bool) -> None:
    """Copies the weights of the network that hears, or of the one that sees."""
    for layer in target.layers:
        if layer.weights and layer.name.startswith("sound_") == hears:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def check_alike(below: ExperimentConfig, config: ExperimentConfig) -> None:
    """Raises UserError unless a model of time can start from a network of `below`."""
    ours, theirs = config.architecture, below.architecture
    if not run_models.sees(below):
        raise UserError(
            "A CNN must see faces. Received: a run that listens alone. Name it as "
            "`sound`, and one that looks at faces as `cnn`.",
            exit_code=2,
        )
    if isinstance(ours.temporal, FaceAndSound):
        # It reads what the backbone gives: heads and labels may be others.
        pairs = [
            (name, getattr(theirs, name), getattr(ours, name))
            for name in ("backbone", "image_size", "normalization")
        ]
    else:
        wanted = dataclasses.replace(ours, temporal=None)
        pairs = [
            ("labels", below.taxonomy, config.taxonomy),
            ("architecture", dataclasses.replace(theirs, temporal=None), wanted),
        ]
    for what, given, needed in pairs:
        if given != needed:
            raise UserError(
                f"A CNN must have the {what} of the model of time that starts from it. "
                f"Received: {given} for {needed}. Train one with this config less "
                "architecture.temporal, or choose another `cnn`.",
                exit_code=2,
            )
