"""What a drawn sample shows, and its picture: functions of seed, split and index.

A sample can be drawn in any order and alone; the same versions of OpenCV and NumPy
give the same bytes. Eight successive samples show one person, and each split has
people of its own.

A clip unfolds an expression from a neutral face and folds it back. Its frames
are labelled with the class where it is at least half unfolded, as neutral where
it is at most a tenth, and have no expression label between.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from affect_tf.data.manifest import SPLITS
from tfrecords_builder.rendering import dynamics
from tfrecords_builder.rendering import expressions
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import nuisance as circumstances
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.identity import sample_identity
from tfrecords_builder.rendering.units import UNITS
from tfrecords_builder.rendering.units import valence_arousal

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


def render_still(
    seed: int, index: int, split: str = "train", size: int = 112
) -> np.ndarray:
    """Draws a sample at the height of its expression, uint8 [size, size, 3]."""
    return draw(seed, split, index, 1, 0, size)


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
        draw(seed, split, index, num_frames, frame, size) for frame in range(num_frames)
    ]
    return Clip(np.stack(pictures), perform(seed, split, index, num_frames))


@functools.lru_cache(maxsize=64)
def perform(seed: int, split: str, index: int, num_frames: int = 1) -> Performance:
    """Returns what a sample shows and how it is labelled, without drawing it."""
    rng = stream(seed, split, index, _SHOWN)
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
    return sample_identity(stream(seed, split, index // SAMPLES_PER_SUBJECT, _PERSON))


@functools.lru_cache(maxsize=16)
def surroundings(
    seed: int, split: str, index: int, num_frames: int
) -> list[circumstances.Nuisance]:
    """Returns pose, light and background of each frame of a sample."""
    rng = stream(seed, split, index, _CIRCUMSTANCES)
    return circumstances.drifting(circumstances.sample_nuisance(rng), rng, num_frames)


def stream(seed: int, split: str, number: int, purpose: int) -> np.random.Generator:
    """Returns the random numbers of one purpose, of a sample or of a person.

    Args:
      seed: Seed of the data set.
      split: "train", "validation" or "test".
      number: Of the sample or the person in the split, from 0.
      purpose: A number of its own; other purposes draw other numbers.

    Raises:
      ValueError: If there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(
            f"A split must be one of {', '.join(SPLITS)}. Received: split={split!r}. "
            "Correct the name."
        )
    return np.random.default_rng([seed, SPLITS.index(split), number, purpose])


def draw(
    seed: int, split: str, index: int, num_frames: int, frame: int, size: int
) -> np.ndarray:
    """Draws one frame of a sample, uint8 [size, size, 3]."""
    units = perform(seed, split, index, num_frames).units[frame]
    return face.render(
        dict(zip(UNITS, units.tolist(), strict=True)),
        person(seed, split, index),
        surroundings(seed, split, index, num_frames)[frame],
        size,
    )
