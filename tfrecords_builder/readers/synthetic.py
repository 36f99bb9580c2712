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
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import samples
from tfrecords_builder.rendering.units import PRESENT
from tfrecords_builder.rendering.units import UNITS

#: Value of the `source` column.
SOURCE = "synthetic"
HELP = "Drawn faces, for trying things out; no --root."

_KEY = re.compile(rf"({'|'.join(SPLITS)})-(\d{{6,}})(?:-(\d{{3,}}))?")
_FLAGS = ("num_train", "num_validation", "frames_per_clip")


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags of this reader."""
    add("--num_train", type=int, metavar="N", help="training samples (default 3200)")
    add("--num_validation", type=int, metavar="N", help="others (default 800)")
    add("--frames_per_clip", type=int, metavar="N", help="1 (default) gives stills")


def read(flags: argparse.Namespace) -> Annotations:
    """Returns the data set that a command line asks for."""
    given = {n: getattr(flags, n) for n in _FLAGS if getattr(flags, n) is not None}
    try:
        return annotations(
            seed=flags.seed, size=flags.size, source=flags.source or SOURCE, **given
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
    """

    seed: int
    size: int
    frames_per_clip: int

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
        return face.encode(
            samples.draw(
                self.seed,
                match[1],
                int(match[2]),
                self.frames_per_clip,
                frame,
                self.size,
            )
        )

    def only(self, keys: Collection[str]) -> DrawnPictures:
        """Returns this source: it is as small for one picture as for all."""
        return self

    def stamp(self, key: str) -> str:
        """Returns nothing: a drawn picture follows from its key."""
        return ""


def annotations(
    num_train: int = 3200,
    num_validation: int = 800,
    seed: int = 0,
    size: int = 112,
    frames_per_clip: int = 1,
    source: str = SOURCE,
) -> Annotations:
    """Returns the sample data set.

    Args:
      num_train: Samples of the training split: stills or clips.
      num_validation: Samples of the validation split.
      seed: Another seed gives other people and other expressions; 0 or more.
      size: Side of a picture in pixels, at least 16.
      frames_per_clip: Frames of each sample; 1 gives stills at the apex.
      source: Value of the `source` column.

    Returns:
      The table, taxonomy `ABAW2`, and pictures that are drawn when they are read.

    Raises:
      ValueError: If a number is too small.
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
    rows = []
    for split, count in (("train", num_train), ("validation", num_validation)):
        for index in range(count):
            rows.extend(_rows(seed, split, index, frames_per_clip))
    columns = ["key", "clip", "split", "subject", "video", "frame", "expression"]
    table = pd.DataFrame(rows, columns=[*columns, "valence", "arousal", *UNITS])
    origin = f"the sample data set, seed {seed}"
    return Annotations(
        table=annotations_lib.complete(table, ABAW2, source, origin),
        taxonomy=ABAW2,
        pictures=DrawnPictures(seed, size, frames_per_clip),
        origin=origin,
        reader="synthetic",
        notes=(
            "Drawn faces: nobody is shown, and scores on them say nothing of people.",
        ),
    )


def _rows(seed: int, split: str, index: int, num_frames: int) -> list[tuple]:
    shown = samples.perform(seed, split, index, num_frames)
    name = f"{split}-{index:06d}"
    nothing = np.full(len(UNITS), np.nan)
    rows = []
    for frame in range(num_frames):
        present = (shown.units[frame] >= PRESENT).astype(np.float64)
        affect = shown.affect[frame] if "va" in shown.label_set else (np.nan, np.nan)
        rows.append(
            (
                name if num_frames == 1 else f"{name}-{frame:03d}",
                name,
                split,
                shown.subject,
                "" if num_frames == 1 else name,
                frame,
                shown.expressions[frame] if "expr" in shown.label_set else None,
                *affect,
                *(present if "au" in shown.label_set else nothing),
            )
        )
    return rows
