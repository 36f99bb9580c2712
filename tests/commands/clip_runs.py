"""Clips whose grey level follows valence, and a small recurrent config."""

import dataclasses

import numpy as np

from affect_tf.config import ExperimentConfig
from affect_tf.data.sample import Sample
from affect_tf.data.windows import Windows
from affect_tf.models.temporal import BidirectionalGru
from tests.commands.conftest import tiny
from tests.record_folder import labelled_frame
from tests.record_folder import write_records

#: Frames of the validation clips: one frame, less than a window, several windows.
LENGTHS = (1, 3, 9, 14)
WINDOWS = Windows(length=4, stride=2)


def write_clips(folder):
    """12 training clips of one task, or all, each and 4 validation clips."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(16):
        is_train = number < 12
        length = 10 if is_train else LENGTHS[number - 12]
        kind = ("expr", "au", "va", "all")[number % 4] if is_train else "all"
        numbers = np.arange(length)
        numbers[length // 2 :] += 3  # A face that was out of sight for a while.
        frames = [
            labelled_frame(kind, int(n), float(v))
            for n, v in zip(numbers, rng.uniform(-1, 1, length), strict=True)
        ]
        samples.append(
            Sample(
                f"clip{number}",
                tuple(frames),
                "made",
                f"person{number}",
                f"film{number}",
                "train" if is_train else "validation",
            )
        )
    return write_records(folder, samples)


def tiny_recurrent() -> ExperimentConfig:
    """A recurrent config on the network of `tiny`, of one task to save time."""
    config = tiny()
    return dataclasses.replace(
        config,
        name="recurrent",
        tasks=tuple(task for task in config.tasks if task.name == "va"),
        architecture=dataclasses.replace(
            config.architecture, temporal=BidirectionalGru(8)
        ),
        windows=WINDOWS,
        batch_size=6,
    )


def brief_recurrent() -> ExperimentConfig:
    """The same of one epoch: for what is not about how well it learns."""
    config = tiny_recurrent()
    stages = {
        name: dataclasses.replace(getattr(config, name), epochs=1)
        for name in ("teacher", "student")
    }
    return dataclasses.replace(config, **stages)
