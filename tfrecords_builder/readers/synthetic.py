"""The embedded sample data set: drawn faces, labelled by what they were drawn from.

Nothing is read from disk. Sample `index` of a split follows from (seed, split,
index) alone, so samples can be drawn in any order and in any number; the same
versions of OpenCV and NumPy give the same bytes.

Labels:
    expression   the class that the units were drawn for; see `CLASS_SHARES`
    AUs          1 where a unit's intensity is `PRESENT` (0.3) or more
    VA           `valence_arousal` of all units, plus an annotator's error

In training most samples carry one task only, by `LABEL_SHARES`; in validation
all carry the three. Eight successive samples show one person, and each split has
people of its own.

A clip unfolds an expression from a neutral face and folds it back. Its frames
are labelled with the class where it is at least half unfolded, as neutral where
it is at most a tenth, and have no expression label between.
"""

from __future__ import annotations

import dataclasses
import functools
import re

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.labels.taxonomy import ABAW2
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.rendering import dynamics
from tfrecords_builder.rendering import expressions
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import nuisance as circumstances
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.identity import sample_identity
from tfrecords_builder.rendering.units import PRESENT
from tfrecords_builder.rendering.units import UNITS
from tfrecords_builder.rendering.units import valence_arousal

#: Value of the `source` column.
SOURCE = "synthetic"
#: Successive samples that show the same person.
SAMPLES_PER_SUBJECT = 8
#: Standard deviation of the annotator's error in valence and in arousal.
ANNOTATOR_ERROR = 0.05
#: Share of each set of labels among training samples.
LABEL_SHARES = {
    ("expr",): 0.27,
    ("au",): 0.27,
    ("va",): 0.27,
    ("expr", "va"): 0.06,
    ("expr", "au"): 0.06,
    ("expr", "au", "va"): 0.07,
}

_LABEL_SETS = tuple(LABEL_SHARES)
_KEY = re.compile(rf"({'|'.join(SPLITS)})-(\d{{6,}})(?:-(\d{{3,}}))?")
_UP_TO = np.cumsum([*LABEL_SHARES.values()])
# What is shown, how it is seen and who shows it are independent random streams.
_SHOWN, _CIRCUMSTANCES, _PERSON = range(3)


@dataclasses.dataclass(frozen=True)
class Performance:
    """What one sample shows, before it is drawn.

    Attributes:
      expression: The class of the sample at its apex.
      subject: Who shows it; unique over all splits.
      label_set: Tasks whose labels the sample carries.
      units: float64 [T, U]. Intensities in the order of `UNITS`.
      unfolded: float64 [T] in [0, 1]. 1 at the apex.
      expressions: Class of each frame, or None where it is not clear.
      affect: float64 [T, 2] in [-1, 1]. Valence and arousal as annotated.
    """

    expression: str
    subject: str
    label_set: tuple[str, ...]
    units: np.ndarray
    unfolded: np.ndarray
    expressions: tuple[str | None, ...]
    affect: np.ndarray


@dataclasses.dataclass(frozen=True)
class Clip:
    """A drawn sample.

    Attributes:
      pictures: uint8 [T, size, size, 3], red first.
      performance: Its labels, all of them, whatever the label set.
    """

    pictures: np.ndarray
    performance: Performance


def annotations(
    num_train: int = 3200,
    num_validation: int = 800,
    seed: int = 0,
    size: int = 112,
    frames_per_clip: int = 1,
) -> Annotations:
    """Returns the sample data set.

    Args:
      num_train: Samples of the training split: stills or clips.
      num_validation: Samples of the validation split.
      seed: Another seed gives other people and other expressions; 0 or more.
      size: Side of a picture in pixels, at least 16.
      frames_per_clip: Frames of each sample; 1 gives stills at the apex.

    Returns:
      The table, taxonomy `ABAW2`. `read_image` draws the picture of a key and
      encodes it as JPEG (quality 95); it may be called from several threads.

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
    return Annotations(
        table=annotations_lib.complete(table, ABAW2, SOURCE),
        taxonomy=ABAW2,
        read_image=functools.partial(
            read_image, seed=seed, size=size, frames_per_clip=frames_per_clip
        ),
        origin=f"the sample data set, seed {seed}",
        reader="synthetic",
        notes=(
            "Drawn faces: nobody is shown, and scores on them say nothing of people.",
        ),
    )


def read_image(key: str, seed: int, size: int, frames_per_clip: int) -> bytes:
    """Draws the picture of a key and returns it as JPEG.

    Raises:
      FileNotFoundError: If the data set has no such key.
    """
    match = _KEY.fullmatch(key)
    frame = int(match[3] or 0) if match else 0
    still = frames_per_clip == 1
    if not match or frame >= frames_per_clip or still != (match[3] is None):
        raise FileNotFoundError(
            f"A key must name a drawn picture. Received: {key!r}. "
            "Take it from the table."
        )
    return face.encode(
        _draw(seed, match[1], int(match[2]), frames_per_clip, frame, size)
    )


def render_still(
    seed: int, index: int, split: str = "train", size: int = 112
) -> np.ndarray:
    """Draws a sample at the height of its expression, uint8 [size, size, 3]."""
    return _draw(seed, split, index, 1, 0, size)


def render_clip(
    seed: int, index: int, num_frames: int, split: str = "train", size: int = 112
) -> Clip:
    """Draws a sample as a clip: onset, apex and offset of its expression.

    The person, light and background stay; pose, gaze and light drift slowly.

    Args:
      seed: Seed of the data set.
      index: Which sample of the split, from 0.
      num_frames: T >= 1; one frame is the still of the same index.
      split: "train", "validation" or "test".
      size: Side in pixels.
    """
    pictures = [
        _draw(seed, split, index, num_frames, frame, size)
        for frame in range(num_frames)
    ]
    return Clip(np.stack(pictures), perform(seed, split, index, num_frames))


@functools.lru_cache(maxsize=64)
def perform(seed: int, split: str, index: int, num_frames: int = 1) -> Performance:
    """Returns what a sample shows and how it is labelled, without drawing it."""
    rng = _stream(seed, split, index, _SHOWN)
    expression = expressions.sample_class(rng)
    label_set = ("expr", "au", "va")
    if split == "train":
        label_set = _LABEL_SETS[np.searchsorted(_UP_TO[:-1], rng.random(), "right")]
    error = ANNOTATOR_ERROR * dynamics.slow_noise(rng, num_frames, 2)
    apex = expressions.sample_units(rng, expression)
    units, unfolded = dynamics.unit_curves(rng, apex, num_frames)
    classes = tuple(
        expression
        if share >= dynamics.VISIBLE
        else "neutral"
        if share <= dynamics.UNSEEN or expression == "neutral"
        else None
        for share in unfolded.tolist()
    )
    affect = np.clip(valence_arousal(units) + error, -1.0, 1.0)
    for shared in (units, unfolded, affect):
        shared.setflags(write=False)  # The cache hands out the same arrays again.
    return Performance(
        expression=expression,
        subject=f"{split}-{index // SAMPLES_PER_SUBJECT:05d}",
        label_set=label_set,
        units=units,
        unfolded=unfolded,
        expressions=classes,
        affect=affect,
    )


@functools.lru_cache(maxsize=64)
def person(seed: int, split: str, index: int) -> Identity:
    """Returns who sample `index` of a split shows."""
    return sample_identity(_stream(seed, split, index // SAMPLES_PER_SUBJECT, _PERSON))


@functools.lru_cache(maxsize=16)
def surroundings(
    seed: int, split: str, index: int, num_frames: int
) -> list[circumstances.Nuisance]:
    """Returns pose, light and background of each frame of a sample."""
    rng = _stream(seed, split, index, _CIRCUMSTANCES)
    return circumstances.drifting(circumstances.sample_nuisance(rng), rng, num_frames)


def _stream(seed: int, split: str, number: int, purpose: int) -> np.random.Generator:
    if split not in SPLITS:
        raise ValueError(
            f"A split must be one of {', '.join(SPLITS)}. Received: split={split!r}. "
            "Correct the name."
        )
    return np.random.default_rng([seed, SPLITS.index(split), number, purpose])


def _draw(
    seed: int, split: str, index: int, num_frames: int, frame: int, size: int
) -> np.ndarray:
    units = perform(seed, split, index, num_frames).units[frame]
    return face.render(
        dict(zip(UNITS, units.tolist(), strict=True)),
        person(seed, split, index),
        surroundings(seed, split, index, num_frames)[frame],
        size,
    )


def _rows(seed: int, split: str, index: int, num_frames: int) -> list[tuple]:
    shown = perform(seed, split, index, num_frames)
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
