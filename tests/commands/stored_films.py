"""Records as films, so that what is predicted on both can be compared."""

import numpy as np
import tensorflow as tf

from affect_tf.data import record_decoder
from affect_tf.data.manifest import Manifest
from affect_tf.faces.films import FilmFrame
from affect_tf.faces.sound import FilmSound
from affect_tf.serving.prediction.material import Material


def films(folder, split):
    """Gives {key: Material} of the clips of a split: their faces, and their sound."""
    return {
        key: Material(
            key,
            frames=lambda sample=sample: frames(sample),
            sound=lambda *into, sample=sample: _sound(sample, *into),
        )
        for key, sample in samples(folder).items()
        if sample.split == split
    }


def samples(folder):
    """Gives {key: Sample} of a folder."""
    manifest = Manifest.load(folder)
    return {
        sample.key: sample
        for shard in manifest.shards
        for serialized in tf.data.TFRecordDataset(str(folder / shard.file))
        for sample in [record_decoder.decode(serialized.numpy(), manifest.taxonomy)]
    }


def frames(sample):
    """Gives the frames of a clip; those without a time are 25 a second."""
    for frame in sample.frames:
        time = frame.number / 25 if frame.time is None else frame.time
        decoded = tf.io.decode_jpeg(frame.image, 3, dct_method="INTEGER_ACCURATE")
        yield FilmFrame(frame.number, time, decoded.numpy())


def largest_difference(table, predictions):
    """Returns how far the valence and arousal of a table are from predictions."""
    wanted = dict(
        zip(
            zip(predictions.key, predictions.frame, strict=True),
            predictions.scores["va"],
            strict=True,
        )
    )
    assert len(table) == len(wanted)
    rows = zip(table["file"], table["frame"], strict=True)
    stored = np.stack([wanted[row] for row in rows])
    assert np.ptp(stored) > 1e-3
    return np.abs(table[["valence", "arousal"]].to_numpy() - stored).max()


def _sound(sample, file, rate, channels):
    del file, rate
    if sample.sound is None:
        return None
    pcm = np.frombuffer(sample.sound.pcm, "<i2").reshape(-1, channels)
    before = np.zeros((sample.sound.start, channels), np.int16)
    return FilmSound(np.concatenate([before, pcm]), 0.0)
