"""What one sample is: frames of one subject, and the labels that each has."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping

import numpy as np

from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import Taxonomy

#: Version of the stored records. It goes up when older ones can no longer be read.
SCHEMA_VERSION = 1

#: What the names of features begin with in a record.
FEATURE = "feature/"

#: The largest of a record's sampling numbers; far above what any balancing gives.
MAX_SAMPLING = 1e9

#: In what times are stored: whole microseconds.
TICKS = 1_000_000

#: Seconds that a film cannot last; as microseconds they fit in 53 bits.
_MAX_TIME = 1e9


@dataclasses.dataclass(frozen=True)
class Sound:
    """A stretch of a film's sound.

    Attributes:
      pcm: Little-endian int16 numbers, the channels of a sample one after the other.
        Rate and channels are those of the manifest. Never empty.
      start: The number of its first sample in the film, whose sample 0 is at the time
        0 of the frames: sample n is at n / rate seconds.
    """

    pcm: bytes
    start: int = 0


@dataclasses.dataclass(frozen=True)
class Frame:
    """One aligned face and what is known about it.

    It has a picture, or what a network made of the picture; never both.

    Attributes:
      image: The bytes of a JPEG or PNG file; empty where there are features.
      expression: Class name, or None where nobody labelled it.
      action_units: "AU4" -> 0 or 1; a unit that is absent is unlabelled.
      valence: In [-1, 1], or None; never without `arousal`.
      arousal: In [-1, 1], or None; never without `valence`.
      number: Frame number in the video, 0 in a still.
      features: Name of a layer -> its numbers as little-endian float16.
      time: When the film shows it, seconds from its first frame, 0 or more; None where
        nobody noted it. Stored in whole microseconds.
    """

    image: bytes = b""
    expression: str | None = None
    action_units: Mapping[str, int] = dataclasses.field(default_factory=dict)
    valence: float | None = None
    arousal: float | None = None
    number: int = 0
    features: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    time: float | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that label this frame; `au` where any unit is labelled."""
        labelled = {
            "expr": self.expression is not None,
            "au": bool(self.action_units),
            "va": self.valence is not None,
        }
        return tuple(task for task in taxonomy_lib.TASKS if labelled[task])


@dataclasses.dataclass(frozen=True)
class Sample:
    """A clip: frames of one subject, in order.

    Attributes:
      key: Unique in the data set, for people and for stable hashes.
      frames: At least one.
      source: The data set or subset that it comes from.
      subject: Who is seen; unique within `source`.
      video: The film that it is cut from; empty for a still.
      split: "train", "validation" or "test".
      sampling: task -> how often a balanced stream of that task draws it, where 1 is
        the mean; empty where nothing was balanced, which draws every sample once.
      sound: What is heard up to the last frame, or None where the film has no sound
        track, or none was stored. Only where the frames have their time.
    """

    key: str
    frames: tuple[Frame, ...]
    source: str
    subject: str
    video: str = ""
    split: str = "train"
    sampling: Mapping[str, float] = dataclasses.field(default_factory=dict)
    sound: Sound | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that label at least one frame, in the order of `TASKS`."""
        labelled = {task for frame in self.frames for task in frame.tasks}
        return tuple(task for task in taxonomy_lib.TASKS if task in labelled)


def microseconds(time: float) -> int:
    """Returns a time in seconds as it is stored; the nearest, as `round` has it."""
    return round(time * TICKS)


def sound_end(time: int, rate: int) -> int:
    """Returns where the sound ends that a frame may hear: before this sample.

    Args:
      time: Of the frame, microseconds. An array or a tensor of int64 does as well.
      rate: Samples a second, Hz.

    Returns:
      The number of samples that lie whole before `time`; what `time` is, element by
      element. None of them reaches to the frame or after it.
    """
    return time * rate // TICKS


def check(sample: Sample, taxonomy: Taxonomy) -> None:
    """Checks that a sample can be stored in a vocabulary.

    Args:
      sample: Whatever a reader made.
      taxonomy: The vocabulary of the data set.

    Raises:
      ValueError: If a label is out of range or missing from `taxonomy`, valence
        comes without arousal, a number of `sampling` is none, the sample has no
        frame or key, a frame has neither picture nor features, both, or other
        features than the first one, times do not rise or only some frames have one,
        or the sound is none.
    """
    for field in ("key", "source", "split", "frames"):
        if not getattr(sample, field):
            raise ValueError(
                f"A sample must have a value for {field}. "
                f"Received: {field}={getattr(sample, field)!r} in {sample.key!r}. "
                "Fill it in, or leave the sample out."
            )
    for frame in sample.frames:
        if bool(frame.image) == bool(frame.features):
            raise ValueError(
                "A frame must have the bytes of a picture, or features instead. "
                f"Received: {'both' if frame.image else 'neither'} in {sample.key!r}. "
                "Leave one out, or the frame."
            )
        if frame.expression is not None:
            taxonomy.expression_index(frame.expression)
        _check_action_units(frame, sample.key, taxonomy)
        _check_valence_arousal(frame, sample.key, taxonomy)
    _check_features(sample)
    _check_times(sample)
    _check_sound(sample)
    _check_sampling(sample, taxonomy)


def _check_features(sample: Sample) -> None:
    first = {name: len(numbers) for name, numbers in sample.frames[0].features.items()}
    for frame in sample.frames:
        sizes = {name: len(numbers) for name, numbers in frame.features.items()}
        if sizes != first or any(not size or size % 2 for size in sizes.values()):
            raise ValueError(
                "The frames of a sample must have the same features, of 2 bytes a "
                f"number. Received: {sizes} bytes in frame {frame.number} of "
                f"{sample.key!r}, and {first} in its first. Make the features again."
            )
        for name, numbers in frame.features.items():
            if not np.isfinite(np.frombuffer(numbers, "<f2")).all():
                raise ValueError(
                    "A feature must hold finite float16 numbers. Received: another in "
                    f"{name!r}, frame {frame.number} of {sample.key!r}. Look at the "
                    "network that made it: float16 ends at 65504."
                )


def _check_times(sample: Sample) -> None:
    times = [frame.time for frame in sample.frames]
    known = [time for time in times if time is not None]
    if known and len(known) < len(times):
        raise ValueError(
            "All frames of a sample must have a time, or none of them. "
            f"Received: {len(known)} of {len(times)} in {sample.key!r}. "
            "Fill in the others, or leave all out."
        )
    odd = [time for time in known if not 0 <= time <= _MAX_TIME]
    if odd:
        raise ValueError(
            f"The time of a frame must lie in [0, {_MAX_TIME:g}] seconds. "
            f"Received: time={odd[0]!r} in {sample.key!r}. "
            "Count it from the film's first frame."
        )
    stored = [microseconds(time) for time in known]
    for earlier, later in itertools.pairwise(stored):
        if later <= earlier:
            raise ValueError(
                "The times of a sample's frames must rise. Received: "
                f"{earlier / TICKS} and then {later / TICKS} seconds in "
                f"{sample.key!r}. Put the frames in the order of the film."
            )


def _check_sound(sample: Sample) -> None:
    sound = sample.sound
    if sound is None:
        return
    size = len(sound.pcm) if isinstance(sound.pcm, bytes) else 0
    if not size or size % 2:
        raise ValueError(
            "A sound must be bytes, 2 for each number of 16 bits. "
            f"Received: {type(sound.pcm).__name__} of length {len(sound.pcm)} in "
            f"{sample.key!r}. Use sound=None where there is nothing to hear."
        )
    if not isinstance(sound.start, int | np.integer) or sound.start < 0:
        raise ValueError(
            "A sound must begin with a sample of its film, which has 0, 1, 2, ... "
            f"Received: start={sound.start!r} in {sample.key!r}. "
            "Cut away what comes before the film's first frame."
        )
    if sample.frames[0].time is None:
        raise ValueError(
            "Frames must have a time where there is sound. "
            f"Received: time=None in {sample.key!r}. "
            "Fill in the times, or leave the sound out."
        )


def _check_action_units(frame: Frame, key: str, taxonomy: Taxonomy) -> None:
    for name, value in frame.action_units.items():
        if name not in taxonomy.action_units:
            raise ValueError(
                f"An action unit must be one of taxonomy {taxonomy.name!r}. "
                f"Received: {name!r} in {key!r}. "
                f"{taxonomy_lib.closest(name, taxonomy.action_units)}"
            )
        if value not in (0, 1):
            raise ValueError(
                "An action unit must be 0 or 1. "
                f"Received: {name}={value!r} in {key!r}. "
                "Leave an unlabelled unit out."
            )


def _check_valence_arousal(frame: Frame, key: str, taxonomy: Taxonomy) -> None:
    pair = (frame.valence, frame.arousal)
    known = [value for value in pair if value is not None]
    in_range = all(math.isfinite(value) and -1 <= value <= 1 for value in known)
    if len(known) == 1 or not in_range:
        raise ValueError(
            "Valence and arousal must both lie in [-1, 1], or both be None. "
            f"Received: valence={pair[0]}, arousal={pair[1]} in {key!r}. "
            "Correct the label, or leave it out."
        )
    if known and not taxonomy.has_va:
        raise ValueError(
            f"Taxonomy {taxonomy.name!r} must have valence and arousal to store them. "
            f"Received: valence={pair[0]}, arousal={pair[1]} in {key!r}. "
            "Set has_va=True."
        )


def _check_sampling(sample: Sample, taxonomy: Taxonomy) -> None:
    for task, number in sample.sampling.items():
        if task not in taxonomy.tasks:
            raise ValueError(
                f"A sampling number must be of a task of taxonomy {taxonomy.name!r}. "
                f"Received: {task!r} in {sample.key!r}. "
                f"{taxonomy_lib.closest(task, taxonomy.tasks)}"
            )
        if not 0 <= number <= MAX_SAMPLING:
            raise ValueError(
                f"A sampling number must lie in [0, {MAX_SAMPLING:g}]. "
                f"Received: {task}={number!r} in {sample.key!r}. "
                "Balance the data again; 1 draws a sample once."
            )
