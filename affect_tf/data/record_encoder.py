"""A sample to the bytes of its record; `records` has the schema."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data.sample import check
from affect_tf.data.sample import FEATURE
from affect_tf.data.sample import microseconds
from affect_tf.data.sample import Sample
from affect_tf.labels.taxonomy import Taxonomy

_CLIP_FEATURES = ("key", "source", "subject", "video", "split")


def encode(sample: Sample, taxonomy: Taxonomy) -> bytes:
    """Serializes a sample; equal samples give equal bytes.

    Args:
      sample: What to store. Expressions in any accepted spelling ("Happy"), units
        as in `taxonomy` ("AU4").
      taxonomy: The vocabulary of the data set.

    Returns:
      A serialized `tf.train.Example`.

    Raises:
      ValueError: If a label is out of range or missing from `taxonomy`, valence
        comes without arousal, a number of `sampling` is none, the sample has no
        frame or key, a frame has neither picture nor features, both, or other
        features than the first one, times do not rise or only some frames have one,
        or the sound is none.
    """
    check(sample, taxonomy)
    frames = sample.frames
    features = {
        name: _bytes([getattr(sample, name).encode()]) for name in _CLIP_FEATURES
    }
    for name in frames[0].features:
        features[FEATURE + name] = _bytes([frame.features[name] for frame in frames])
    if frames[0].image:
        features["image"] = _bytes([frame.image for frame in frames])
    features["frame"] = _integers([frame.number for frame in frames])
    if taxonomy.expressions:
        names = [frame.expression for frame in frames]
        features["expr"] = _integers(
            [0 if name is None else taxonomy.expression_index(name) for name in names]
        )
        features["expr_mask"] = _integers([int(name is not None) for name in names])
    if taxonomy.action_units:
        units = [
            (f.action_units, name) for f in frames for name in taxonomy.action_units
        ]
        features["au"] = _integers([int(known.get(name, 0)) for known, name in units])
        features["au_mask"] = _integers([int(name in known) for known, name in units])
    if taxonomy.has_va:
        pairs = [(f.valence or 0.0, f.arousal or 0.0) for f in frames]
        features["va"] = _floats([value for pair in pairs for value in pair])
        features["va_mask"] = _integers([int(f.valence is not None) for f in frames])
    if sample.sampling:
        numbers = [sample.sampling.get(task, 1.0) for task in taxonomy.tasks]
        features["sampling"] = _floats(numbers)
    if frames[0].time is not None:
        times = [microseconds(frame.time) for frame in frames]
        features["time"] = _integers(times)
    if sample.sound is not None:
        features["sound"] = _bytes([sample.sound.pcm])
        features["sound_start"] = _integers([sample.sound.start])
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _bytes(values: Sequence[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integers(values: Sequence[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: Sequence[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
