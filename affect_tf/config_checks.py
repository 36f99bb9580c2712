"""What the fields of a config ask of each other.

Not checked when a config is made, so that overrides can set the fields one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from affect_tf.data.past import Past
from affect_tf.models.fusion import FaceAndSound

#: An `ExperimentConfig`, whose module stands on this one.
_Config = Any


def check_together(config: _Config) -> None:
    """Raises ValueError where two fields of a config do not go together."""
    for rules in (_time, _modalities, _networks, _discriminator):
        for subject, rule, received, advice in rules(config):
            raise ValueError(
                f"ExperimentConfig.{subject} must {rule}. Received: {received}. "
                f"{advice}"
            )


#: The field, what it must do, what it is, and what to do.
_Broken = tuple[str, str, str, str]


def _time(config: _Config) -> Iterator[_Broken]:
    temporal, windows = config.architecture.temporal, config.windows
    received = f"windows={windows}, temporal={temporal}"
    if (windows is None) != (temporal is None):
        yield (
            "windows",
            "come with architecture.temporal: one cuts clips, the other reads what was "
            "cut",
            received,
            "Give both or neither.",
        )
    if isinstance(windows, Past) != isinstance(temporal, FaceAndSound):
        yield (
            "windows",
            "be what architecture.temporal reads: a Past for FaceAndSound, and Windows "
            "for BidirectionalGru",
            received,
            "Change one of the two.",
        )


def _modalities(config: _Config) -> Iterator[_Broken]:
    temporal, past = config.architecture.temporal, config.windows
    if not isinstance(temporal, FaceAndSound):
        return
    hears = temporal.sound is not None
    if temporal.face != bool(past.frames) or hears != bool(past.num_samples):
        yield (
            "windows",
            "give just what architecture.temporal reads",
            f"frames={past.frames}, sound={past.sound} for face={temporal.face}, "
            f"sound={temporal.sound}",
            "Without faces set windows.frames=0 and architecture.temporal.face=False; "
            "without sound windows.sound=0 and architecture.temporal.sound=None.",
        )
    if hears and past.num_samples < temporal.sound.shortest:
        yield (
            "windows.sound",
            f"be at least {temporal.sound.shortest:,} samples, of which the network "
            "that hears makes a vector",
            f"sound={past.sound} seconds of {past.rate} Hz: {past.num_samples:,}",
            "Take 10 seconds at 22,050 Hz.",
        )
    if hears and temporal.sound.channels != past.channels:
        yield (
            "windows.channels",
            "be those of architecture.temporal.sound",
            f"{past.channels} and {temporal.sound.channels}",
            "Set both to those of the records.",
        )


def _networks(config: _Config) -> Iterator[_Broken]:
    temporal = config.architecture.temporal
    sees = temporal is not None and getattr(temporal, "face", True)
    if config.cnn is not None and not sees:
        yield (
            "cnn",
            "come with an architecture.temporal that sees faces, which it stands below",
            f"cnn={config.cnn!r}, temporal={temporal}",
            "Use pretrained=FILE to start a network from weights.",
        )
    if config.cnn is not None and config.pretrained is not None:
        yield (
            "cnn",
            "come without pretrained: both are weights of the network that sees faces",
            f"cnn={config.cnn!r}, pretrained={config.pretrained!r}",
            "Leave one out.",
        )
    if config.sound is not None and getattr(temporal, "sound", None) is None:
        yield (
            "sound",
            "come with an architecture.temporal that hears",
            f"sound={config.sound!r}, temporal={temporal}",
            "Leave it out.",
        )
    if config.train_cnn and temporal is None:
        yield (
            "train_cnn",
            "come with architecture.temporal",
            "train_cnn=True, temporal=None",
            "Without it the network is always trained.",
        )
    if config.pieces > 1 and not config.train_cnn:
        yield (
            "pieces",
            "come with train_cnn=True: it is the training of the networks below that "
            "takes memory",
            f"pieces={config.pieces}, train_cnn=False",
            "Set pieces=1.",
        )
    if config.batch_size % config.pieces:
        yield (
            "pieces",
            "divide the batch",
            f"pieces={config.pieces}, batch_size={config.batch_size}",
            "Choose a divisor.",
        )


def _discriminator(config: _Config) -> Iterator[_Broken]:
    if config.adversarial is None:
        return
    temporal = config.architecture.temporal
    if not isinstance(temporal, FaceAndSound):
        yield (
            "adversarial",
            "come with an architecture.temporal of features that all tasks share",
            f"temporal={temporal}",
            "Use FaceAndSound, or set adversarial=None.",
        )
    if config.separate_optimizers:
        yield (
            "adversarial",
            "come without separate_optimizers: it belongs to no task",
            "separate_optimizers=True",
            "Set one of them otherwise.",
        )


def check_discriminated(config: _Config) -> None:
    """Raises ValueError unless the discriminator has sources to tell apart.

    A row knows its source by its position, so those come first.
    """
    if config.adversarial is None:
        return
    count = config.num_discriminated
    first = [len(source.tasks) for source in config.sources[:count]]
    if count < 2 or not all(0 < tasks < len(config.tasks) for tasks in first):
        raise ValueError(
            "ExperimentConfig.adversarial must have two sources or more that teach "
            "some of the tasks, before those that teach all. Received: sources "
            f"{[source.name for source in config.sources]}. Change their order, or set "
            "adversarial=None."
        )
