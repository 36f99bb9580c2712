"""`--sound`: whether the records of a build keep what is heard in its films."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from collections.abc import Collection
from typing import NamedTuple

from affect_tf.errors import UserError
from tfrecords_builder import sound_source

TITLE = "sound"

_CHANNELS = {"none": 0, "mono": 1, "stereo": 2}


class SoundFlags(NamedTuple):
    """What the flags say.

    Attributes:
      channels: 1 or 2; 0 stores no sound.
      seconds: Sound that a clip keeps before its first frame.
    """

    channels: int
    seconds: float


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags of this group with `add`, as `add_argument`."""
    add(
        "--sound",
        choices=tuple(_CHANNELS),
        help=f"store the sound of films, as PCM of {sound_source.RATE} Hz: none "
        "(default), mono or stereo",
    )
    add(
        "--sound_seconds",
        type=float,
        metavar="SECONDS",
        help="how much sound a clip keeps before its first frame (default "
        f"{sound_source.SECONDS:g})",
    )


def read(flags: argparse.Namespace) -> SoundFlags:
    """Returns what the flags say; without them, no sound.

    Raises:
      UserError: If they are wrong.
    """
    channels = _CHANNELS[getattr(flags, "sound", None) or "none"]
    seconds = getattr(flags, "sound_seconds", None)
    if seconds is None:
        return SoundFlags(channels, sound_source.SECONDS)
    if not channels:
        raise UserError(
            "--sound_seconds must come with --sound. Received: "
            f"--sound_seconds={seconds:g} alone. Add --sound=mono or --sound=stereo.",
            exit_code=2,
        )
    if not math.isfinite(seconds) or seconds <= 0:
        raise UserError(
            "--sound_seconds must be a positive number. Received: "
            f"--sound_seconds={seconds:g}. Change it.",
            exit_code=2,
        )
    return SoundFlags(channels, seconds)


def check(
    flags: argparse.Namespace, datasets: Collection[str], able: Collection[str]
) -> None:
    """Checks that the data sets of a build have sound, and clips to put it in.

    Args:
      flags: Of the build.
      datasets: The names of its data sets.
      able: Those whose films can be heard.

    Raises:
      UserError: If the flags are wrong, a data set has no sound, or there would be
        stills: each would repeat the seconds before it.
    """
    if not read(flags).channels:
        return
    for dataset in datasets:
        if dataset not in able:
            raise UserError(
                f"--sound must come with data sets of films: {', '.join(able)}. "
                f"Received: --sound={flags.sound} --dataset={dataset}. Leave one out, "
                "or build it into another folder.",
                exit_code=2,
            )
    if flags.clip_frames == 1:
        raise UserError(
            "--sound must come with clips. Received: "
            f"--sound={flags.sound} --clip_frames=1, where each still would repeat the "
            "seconds before it. Give more frames to a clip, as --clip_frames=1024.",
            exit_code=2,
        )
