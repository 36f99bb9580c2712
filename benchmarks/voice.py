"""How much do the drawn people's voices tell of valence and arousal?

A ridge regression, with folds by speaker, on simple numbers of the ten seconds before a
frame (pitch, loudness, pauses, five bands), one on the true intensities of the frame's
action units, which is about the most that a picture tells, and one on both.

  python -m benchmarks.voice --seed=1

Prints R^2 of each for the labels, and of voice and units for the mood, the part of the
labels that no picture shows.
"""

from __future__ import annotations

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
from absl import app
from absl import flags
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tfrecords_builder.rendering import samples
from tfrecords_builder.rendering import voice

FLAGS = flags.FLAGS
flags.DEFINE_integer("seed", 1, "Of the data set.")
flags.DEFINE_integer("clips", 800, "Drawn clips; one in ten has no sound.")

_FRAMES, _FRAME = 12, 6
_WINDOW, _HOP = 1024, 512
_PITCH = (55, 450)
_BANDS = ((60, 400), (400, 1000), (1000, 2000), (2000, 3200), (3200, 5000))


def described(sound):
    """Returns 13 numbers of a sound, int16 [N, C]."""
    wave = sound.astype(float).mean(1)
    frames = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::_HOP]
    frames = frames * np.hanning(_WINDOW)
    level = 10 * np.log10((frames**2).mean(1) + 1)
    loud = level > np.median(level)
    power = np.abs(np.fft.rfft(frames[loud], 2 * _WINDOW)) ** 2
    correlation = np.fft.irfft(power)
    low, high = voice.RATE // _PITCH[1], voice.RATE // _PITCH[0]
    periods = correlation[:, low:high] / correlation[:, :1]
    pitch = np.log2(voice.RATE / (periods.argmax(1) + low))
    hertz = np.fft.rfftfreq(2 * _WINDOW, 1 / voice.RATE)
    total = 10 * np.log10(power.sum(1) + 1)
    bands = [
        10 * np.log10(power[:, (hertz >= a) & (hertz < b)].sum(1) + 1) - total
        for a, b in _BANDS
    ]
    return [
        np.median(pitch),
        pitch.std(),
        np.ptp(np.percentile(pitch, (10, 90))),
        periods.max(1).mean(),
        np.median(level[loud]),
        level.std(),
        (level < np.percentile(level, 90) - 20).mean(),
        np.abs(np.diff(level)).mean(),
        *(band.mean() for band in bands),
    ]


def clip(index):
    """Returns voice, units, labels, mood and speaker; None without a sound track."""
    which = (FLAGS.seed, "train", index)
    sound = voice.speech(*which, _FRAMES)
    if sound is None:
        return None
    time = voice.frame_times(_FRAMES)[_FRAME]
    end = int(time * voice.RATE)
    return (
        described(sound[end - 10 * voice.RATE : end]),
        samples.perform(*which, _FRAMES).units[_FRAME],
        voice.affect(*which, _FRAMES)[_FRAME],
        voice.mood(*which, np.array([time]))[0],
        index // samples.SAMPLES_PER_SUBJECT,
    )


def explained(features, target, speakers):
    """Returns R^2 of predictions for speakers that were not seen."""
    model = make_pipeline(StandardScaler(), Ridge(3.0))
    folds = GroupKFold(10)
    found = cross_val_predict(model, features, target, groups=speakers, cv=folds)
    return r2_score(target, found)


def main(argv):
    del argv
    clips = [found for found in map(clip, range(FLAGS.clips)) if found is not None]
    heard, units, labels, mood, speakers = map(np.array, zip(*clips, strict=True))
    both = np.concatenate([heard, units], axis=1)
    print(f"{len(clips)} clips with sound, {len(set(speakers))} speakers")
    for column, name in enumerate(("valence", "arousal")):
        for kind, features in (("voice", heard), ("units", units), ("both", both)):
            score = explained(features, labels[:, column], speakers)
            print(f"{name} by {kind}: R2 {score:.2f}")
        for kind, features in (("voice", heard), ("units", units)):
            score = explained(features, mood[:, column], speakers)
            print(f"mood in {name} by {kind}: R2 {score:.2f}")


if __name__ == "__main__":
    app.run(main)
