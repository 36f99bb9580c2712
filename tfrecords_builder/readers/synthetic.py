"""The embedded sample data set: drawn faces, labelled by what they were drawn from.

Nothing is read from disk; see `rendering.samples` for what is drawn.

Labels:
    expression   the class that the units were drawn for
    AUs          1 where a unit's intensity is `PRESENT` (0.3) or more
    VA           `valence_arousal` of all units, plus an annotator's error

In training most samples carry one task only, by `samples.LABEL_SHARES`; in
validation all carry the three.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable
from collections.abc import Collection

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW2
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import sound_flags
from tfrecords_builder import sound_source
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import places as places_lib
from tfrecords_builder.rendering import samples
from tfrecords_builder.rendering import voice
from tfrecords_builder.rendering.units import PRESENT
from tfrecords_builder.rendering.units import UNITS
from tfrecords_builder.sound_source import Soundtracks

#: Value of the `source` column.
SOURCE = "synthetic"
HELP = "Drawn faces, for trying things out; no --root."

_KEY = re.compile(rf"({'|'.join(SPLITS)})-(\d{{6,}})(?:-(\d{{3,}}))?")
_CLIP = re.compile(rf"({'|'.join(SPLITS)})-(\d{{6,}})")
_FLAGS = ("num_train", "num_validation", "frames_per_clip", "places")


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags of this reader."""
    add("--num_train", type=int, metavar="N", help="training samples (default 3200)")
    add("--num_validation", type=int, metavar="N", help="others (default 800)")
    add("--frames_per_clip", type=int, metavar="N", help="1 (default) gives stills")
    add(
        "--places",
        action="store_const",
        const=True,
        help="give each task's set a light of its own, as sets from elsewhere have",
    )


def read(flags: argparse.Namespace) -> Annotations:
    """Returns the data set that a command line asks for."""
    sounds = sound_flags.read(flags)
    given = {n: getattr(flags, n) for n in _FLAGS if getattr(flags, n) is not None}
    try:
        return annotations(
            seed=flags.seed,
            size=flags.size,
            source=flags.source or SOURCE,
            sound_channels=sounds.channels,
            sound_seconds=sounds.seconds,
            **given,
        )
    except ValueError as error:
        raise UserError(f"--{error}", exit_code=2) from error


@dataclasses.dataclass(frozen=True)
class DrawnPictures:
    """Draws the picture of a key.

    Attributes:
      seed: That of the data set.
      size: Side of a picture in pixels.
      frames_per_clip: Frames of each sample.
      places: Whether each task's set has a light of its own.
    """

    seed: int
    size: int
    frames_per_clip: int
    places: bool = False

    def read(self, key: str) -> bytes:
        """Draws a picture and returns it as JPEG (quality 95).

        Raises:
          FileNotFoundError: If the data set has no such key.
        """
        match = _KEY.fullmatch(key)
        frame = int(match[3] or 0) if match else 0
        still = self.frames_per_clip == 1
        if not match or frame >= self.frames_per_clip or still != (match[3] is None):
            raise FileNotFoundError(
                f"A key must name a drawn picture. Received: {key!r}. "
                "Take it from the table."
            )
        which = (self.seed, match[1], int(match[2]), self.frames_per_clip)
        picture = samples.draw(*which, frame, self.size)
        if self.places:
            picture = places_lib.lit(picture, samples.perform(*which).label_set)
        return face.encode(picture)

    def only(self, keys: Collection[str]) -> DrawnPictures:
        """Returns this source: it is as small for one picture as for all."""
        return self

    def stamp(self, key: str) -> str:
        """Returns what a drawn picture follows from besides its key."""
        return "places" if self.places else ""


@dataclasses.dataclass(frozen=True)
class DrawnSounds:
    """Makes the sound of a drawn film.

    Attributes:
      seed: That of the data set.
      frames_per_clip: Frames of each sample.
      channels: 1 or 2.
      rate: Samples a second, Hz.
    """

    seed: int
    frames_per_clip: int
    channels: int
    rate: int = voice.RATE

    def read(self, video: str) -> np.ndarray | None:
        """Returns a film's sound, int16 [N, channels]; None where it has none."""
        match = _CLIP.fullmatch(video)
        if not match:
            return None
        sound = voice.speech(self.seed, match[1], int(match[2]), self.frames_per_clip)
        if sound is None or self.channels == 2:
            return sound
        return np.rint(sound.mean(axis=1, keepdims=True)).astype(np.int16)

    def only(self, videos: Collection[str]) -> DrawnSounds:
        """Returns this source: it is as small for one film as for all."""
        return self

    def stamp(self, video: str) -> str:
        """Returns nothing: a made sound follows from the film's name."""
        return ""


def annotations(
    num_train: int = 3200,
    num_validation: int = 800,
    seed: int = 0,
    size: int = 112,
    frames_per_clip: int = 1,
    source: str = SOURCE,
    sound_channels: int = 0,
    sound_seconds: float = sound_source.SECONDS,
    places: bool = False,
) -> Annotations:
    """Returns the sample data set.

    Args:
      num_train: Samples of the training split: stills or clips.
      num_validation: Samples of the validation split.
      seed: Another seed gives other people and other expressions; 0 or more.
      size: Side of a picture in pixels, at least 16.
      frames_per_clip: Frames of each sample; 1 gives stills at the apex.
      source: Value of the `source` column.
      sound_channels: 1 or 2 gives clips sound, and people a mood that only the sound
        tells, which moves the labels of valence and arousal; 0 gives none.
      sound_seconds: Sound that a clip keeps before its first frame.
      places: Whether each task's set has a light of its own.

    Returns:
      The table, taxonomy `ABAW2`, and pictures that are drawn when they are read.

    Raises:
      ValueError: If a number is too small, or stills are to have sound.
    """
    for name, value, least in (
        ("num_train", num_train, 0),
        ("num_validation", num_validation, 0),
        ("seed", seed, 0),
        ("size", size, 16),
        ("frames_per_clip", frames_per_clip, 1),
    ):
        if value < least:
            raise ValueError(
                f"{name} must be at least {least}. Received: {name}={value}. "
                "Ask for more."
            )
    if sound_channels and frames_per_clip == 1:
        raise ValueError(
            "frames_per_clip must be at least 2 where there is sound. Received: "
            "frames_per_clip=1. A still has none."
        )
    rows, heard = [], bool(sound_channels)
    for split, count in (("train", num_train), ("validation", num_validation)):
        for index in range(count):
            rows.extend(_rows(seed, split, index, frames_per_clip, heard))
    columns = ["key", "clip", "split", "subject", "video", "frame", "time"]
    columns += ["expression", "valence", "arousal"]
    table = pd.DataFrame(rows, columns=[*columns, *UNITS])
    origin = f"the sample data set, seed {seed}"
    sounds = DrawnSounds(seed, frames_per_clip, sound_channels)
    return Annotations(
        table=annotations_lib.complete(table, ABAW2, source, origin),
        taxonomy=ABAW2,
        pictures=DrawnPictures(seed, size, frames_per_clip, places),
        origin=origin,
        reader="synthetic",
        sounds=Soundtracks({source: sounds}, sound_seconds) if heard else None,
        notes=(
            "Drawn faces: nobody is shown, and scores on them say nothing of people.",
        ),
    )


def _rows(
    seed: int, split: str, index: int, num_frames: int, heard: bool
) -> list[tuple]:
    shown = samples.perform(seed, split, index, num_frames)
    felt = voice.affect(seed, split, index, num_frames) if heard else shown.affect
    times = [np.nan] if num_frames == 1 else voice.frame_times(num_frames).tolist()
    name = f"{split}-{index:06d}"
    nothing = np.full(len(UNITS), np.nan)
    rows = []
    for frame in range(num_frames):
        present = (shown.units[frame] >= PRESENT).astype(np.float64)
        affect = felt[frame] if "va" in shown.label_set else (np.nan, np.nan)
        rows.append(
            (
                name if num_frames == 1 else f"{name}-{frame:03d}",
                name,
                split,
                shown.subject,
                "" if num_frames == 1 else name,
                frame,
                times[frame],
                shown.expressions[frame] if "expr" in shown.label_set else None,
                *affect,
                *(present if "au" in shown.label_set else nothing),
            )
        )
    return rows
