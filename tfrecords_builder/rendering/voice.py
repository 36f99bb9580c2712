"""What a drawn clip sounds like: a voice that tells how the person has felt.

The film of a clip begins `LEAD` seconds before its first picture, as if the face came
into view late, so that a clip of a few frames has sound behind it. In such a film the
person has a mood: a slow part of valence and arousal that no picture shows. The voice
follows mood and face together:

    arousal    pitch, loudness and speed of the syllables
    valence    share of the upper formants, melody, and how clear the voice is

beside the pitch and the throat of the speaker, the microphone and the room, which are
the same in the whole film and tell nothing.

The sound is a train of pulses, each of which sets off four damped formants, with breath
and background noise. A function of seed, split and index, as the pictures are.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from tfrecords_builder.rendering import samples
from tfrecords_builder.rendering.units import valence_arousal

#: Samples a second, Hz.
RATE = 22_050
#: Sound before the first picture, seconds.
LEAD = 10.0
#: Pictures a second.
FRAME_RATE = 30
#: Standard deviation of the mood, in valence and in arousal.
MOOD = 0.25
#: Share of the films without a sound track.
SILENT = 0.1

# After those of `samples`.
_MOOD, _SPEAKER, _SPEECH = range(3, 6)
#: Periods of the mood's two waves are drawn from here, seconds: long, so that the last
#: ten seconds of a voice tell how somebody feels now.
_PERIODS = (40.0, 120.0)
#: Formants of five vowels, Hz, for a throat of middling length.
_VOWELS = np.array(
    [
        (730, 1150, 2500, 3600),
        (520, 1850, 2550, 3650),
        (300, 2250, 2950, 3700),
        (540, 880, 2450, 3500),
        (340, 900, 2300, 3450),
    ],
    np.float64,
)
_BANDWIDTHS = np.array((80.0, 100.0, 140.0, 220.0))
#: Amplitudes of the formants at neutral valence.
_LEVELS = np.array((1.0, 0.45, 0.22, 0.12))
#: What 1 of valence adds to them, dB.
_TILT = np.array((-3.0, 6.0, 10.0, 13.0))
#: Samples of a pulse's response; what comes later is inaudible.
_RESPONSE = 480
#: Distance of the points at which feelings and pitch are worked out, seconds.
_STEP = 0.01


@dataclasses.dataclass(frozen=True)
class Speaker:
    """The voice of one person.

    Attributes:
      pitch: In a neutral voice, Hz.
      formants: Factor of the formants; a higher voice has a shorter throat.
      speed: Syllables a second.
    """

    pitch: float
    formants: float
    speed: float


class Syllables(NamedTuple):
    """What is said, float64 [S] each but for `vowel`.

    Attributes:
      start: Seconds.
      length: Seconds.
      level: Amplitude, about 1.
      melody: Pitch above that of the voice, in parts of its range.
      vowel: int64 [S]. Row of the table of vowels.
    """

    start: np.ndarray
    length: np.ndarray
    level: np.ndarray
    melody: np.ndarray
    vowel: np.ndarray


def frame_times(num_frames: int) -> np.ndarray:
    """Returns when a clip shows its pictures, float64 [T], seconds of its film."""
    return LEAD + np.arange(num_frames) / FRAME_RATE


def is_silent(seed: int, split: str, index: int) -> bool:
    """Returns whether the film of a clip has no sound track."""
    return bool(samples.stream(seed, split, index, _SPEECH).random() < SILENT)


def mood(seed: int, split: str, index: int, time: np.ndarray) -> np.ndarray:
    """Returns the part of valence and arousal that only the voice tells.

    Args:
      seed: Seed of the data set.
      split: "train", "validation" or "test".
      index: Which sample of the split, from 0.
      time: float [T]. Seconds of the film.

    Returns:
      float64 [T, 2], over all samples of mean 0 and deviation `MOOD`; it takes
      seconds to change.
    """
    rng = samples.stream(seed, split, index, _MOOD)
    periods = rng.uniform(*_PERIODS, (2, 2))
    weights = rng.normal(size=(2, 2, 2)) / np.sqrt(2.0)
    angle = 2 * np.pi * np.asarray(time)[:, None, None] / periods
    waves = weights[0] * np.cos(angle) + weights[1] * np.sin(angle)
    return MOOD * waves.sum(axis=1)


def affect(seed: int, split: str, index: int, num_frames: int) -> np.ndarray:
    """Returns valence and arousal of a clip with sound, as annotated.

    Returns:
      float64 [T, 2] in [-1, 1]: what the face alone is labelled with, and the mood.
    """
    seen = samples.perform(seed, split, index, num_frames).affect
    heard = mood(seed, split, index, frame_times(num_frames))
    return np.clip(seen + heard, -1.0, 1.0)


def speaker(seed: int, split: str, index: int) -> Speaker:
    """Returns the voice of the person in sample `index` of a split."""
    person = index // samples.SAMPLES_PER_SUBJECT
    rng = samples.stream(seed, split, person, _SPEAKER)
    height = rng.uniform(-0.5, 0.5)
    return Speaker(
        pitch=150.0 * 2.0**height,
        formants=1.0 + 0.2 * height + 0.03 * float(rng.normal()),
        speed=4.2 * 2.0 ** float(0.12 * rng.normal()),
    )


def speech(seed: int, split: str, index: int, num_frames: int) -> np.ndarray | None:
    """Returns the sound of a clip's film.

    Args:
      seed: Seed of the data set.
      split: "train", "validation" or "test".
      index: Which sample of the split, from 0.
      num_frames: Pictures of the clip; the film ends with the last one.

    Returns:
      int16 [N, 2] at `RATE`, left and right, from the zero of the film on; None
      where it has no sound track.
    """
    rng = samples.stream(seed, split, index, _SPEECH)
    if rng.random() < SILENT:
        return None
    voice = speaker(seed, split, index)
    seconds = LEAD + num_frames / FRAME_RATE
    time = np.arange(0.0, seconds + _STEP, _STEP)
    felt = _felt(seed, split, index, num_frames, time)
    said = _syllables(rng, voice, felt, seconds)
    length = round(seconds * RATE)
    spoken = _voiced(rng, voice, felt, said, length) + _breath(rng, felt, said, length)
    return _recorded(rng, spoken)


def _felt(
    seed: int, split: str, index: int, num_frames: int, time: np.ndarray
) -> np.ndarray:
    """Returns valence and arousal at some times, float64 [len(time), 2] in [-1, 1].

    Before the first picture the face is as it is there.
    """
    shown = valence_arousal(samples.perform(seed, split, index, num_frames).units)
    at = frame_times(num_frames)
    face = np.stack([np.interp(time, at, column) for column in shown.T], axis=1)
    return np.clip(face + mood(seed, split, index, time), -1.0, 1.0)


def _syllables(
    rng: np.random.Generator, voice: Speaker, felt: np.ndarray, seconds: float
) -> Syllables:
    """Draws phrases of syllables with pauses between them."""
    rows, time = [], rng.uniform(0.0, 0.4)
    while time < seconds:
        count = int(rng.integers(4, 11))
        for place in range(count):
            arousal = felt[min(int(time / _STEP), len(felt) - 1), 1]
            length = rng.uniform(0.75, 1.25) / (voice.speed * 2.0 ** (0.6 * arousal))
            # A phrase falls, and its syllables go up and down around that.
            melody = 0.5 - place / count + 0.8 * rng.choice((-1.0, 1.0))
            level = 10.0 ** (rng.normal(0.0, 1.5) / 20)
            rows.append((time, length, level, melody, rng.integers(len(_VOWELS))))
            time += length
        time += rng.uniform(0.25, 0.7)
    start, length, level, melody, vowel = np.array(rows, np.float64).T
    return Syllables(start, length, level, melody, vowel.astype(np.int64))


def _voiced(
    rng: np.random.Generator,
    voice: Speaker,
    felt: np.ndarray,
    said: Syllables,
    length: int,
) -> np.ndarray:
    """Returns the sound of the throat, float64 [length]."""
    time = np.arange(len(felt)) * _STEP
    valence, arousal = felt.T
    melody = np.interp(time, said.start + said.length / 2, said.melody)
    swing = 0.10 * 2.0 ** (1.6 * valence)
    pitch = voice.pitch * 2.0 ** (0.7 * arousal + swing * melody)
    cycles = np.cumsum(pitch) * _STEP
    pulses = np.interp(np.arange(1.0, cycles[-1]), cycles, time)
    clarity = np.interp(pulses, time, valence)
    # The unsteadiness of a voice, as a part of the period.
    jitter = 0.012 * 2.0 ** (-1.5 * clarity) * rng.normal(size=len(pulses))
    pulses = pulses + jitter / np.interp(pulses, time, pitch)
    number, loud = _place(said, pulses)
    kept = (loud > 0) & (pulses >= 0)
    pulses, number, loud = pulses[kept], number[kept], loud[kept]
    loud = loud * _loudness(np.interp(pulses, time, arousal))
    first = np.ceil(pulses * RATE).astype(np.int64)
    # Seconds since the pulse, [P, L].
    since = (first[:, None] + np.arange(_RESPONSE)) / RATE - pulses[:, None]
    tilt = _TILT * np.interp(pulses, time, valence)[:, None]
    levels = loud[:, None] * _LEVELS * 10.0 ** (tilt / 20)
    formants = _VOWELS[said.vowel[number]] * voice.formants
    sound = np.zeros(len(pulses) * _RESPONSE).reshape(-1, _RESPONSE)
    for k, width in enumerate(_BANDWIDTHS):
        ringing = np.sin(2 * np.pi * formants[:, k, None] * since)
        sound += levels[:, k, None] * np.exp(-np.pi * width * since) * ringing
    places = (first[:, None] + np.arange(_RESPONSE)).ravel()
    return np.bincount(places, sound.ravel(), length + 2 * _RESPONSE)[:length]


def _breath(
    rng: np.random.Generator, felt: np.ndarray, said: Syllables, length: int
) -> np.ndarray:
    """Returns the noise in the voice, float64 [length]; a glad one has less of it."""
    time = np.arange(length) / RATE
    grid = np.arange(len(felt)) * _STEP
    rough = 0.05 * 2.0 ** (-1.5 * felt[:, 0]) * _loudness(felt[:, 1])
    rough = rough * _place(said, grid)[1]
    return np.interp(time, grid, rough) * rng.normal(size=length)


def _loudness(arousal: np.ndarray) -> np.ndarray:
    """Returns the amplitude of a voice: 12 dB more for 1 of arousal."""
    return 10.0 ** (12.0 * arousal / 20)


def _place(said: Syllables, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the syllable of each moment, int64, and its amplitude, 0 in pauses."""
    number = np.clip(
        np.searchsorted(said.start, time, "right") - 1, 0, len(said.start) - 1
    )
    share = (time - said.start[number]) / said.length[number]
    inside = (share > 0) & (share < 1)
    swell = np.sqrt(np.sin(np.pi * np.clip(share, 0.0, 1.0)))
    return number, np.where(inside, swell * said.level[number], 0.0)


def _recorded(rng: np.random.Generator, spoken: np.ndarray) -> np.ndarray:
    """Returns a sound as a microphone in a room takes it, int16 [N, 2]."""
    gain = 1_500.0 * 10.0 ** (rng.normal(0.0, 1.5) / 20)
    balance = 10.0 ** (rng.normal(0.0, 1.0) / 20)
    room = 30.0 * 10.0 ** (rng.normal(0.0, 6.0) / 20)
    dull = np.ones(int(rng.integers(1, 6)))
    channels = []
    for side in (balance, 1 / balance):
        noise = np.convolve(rng.normal(size=len(spoken)), dull, "same")
        noise *= room / np.sqrt(len(dull))
        channels.append(gain * side * spoken + noise)
    sound = np.rint(np.stack(channels, axis=1))
    return np.clip(sound, -32_768, 32_767).astype(np.int16)
