"""Times and sound on their way through a record."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.data.records import Frame
from affect_tf.data.records import Sample
from affect_tf.data.records import Sound
from affect_tf.data.sample import microseconds
from affect_tf.data.sample import sound_end
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy

SMALL = Taxonomy("small", ("neutral", "anger"), ("AU1",))
PCM = np.array([[1, -2], [32767, -32768]], "<i2").tobytes()


def clip(*times, sound=None, key="a", **fields):
    frames = [Frame(b"x", number=n, time=time) for n, time in enumerate(times)]
    return Sample(key, tuple(frames), "s", "p", sound=sound, **fields)


HEARD = clip(0.1, 0.133333, 1.5, sound=Sound(PCM, 7))


def encoded(*samples):
    return tf.constant([records.encode(item, SMALL) for item in samples], tf.string)


def changed(sample, **features):
    """A record of which some features hold something else; None takes one away."""
    example = tf.train.Example.FromString(records.encode(sample, SMALL))
    for name, value in features.items():
        del example.features.feature[name]
        if value is not None:
            example.features.feature[name].CopyFrom(value)
    return example.SerializeToString()


def integers(*values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def test_a_record_with_sound_decodes_to_its_sample():
    for sample in (HEARD, clip(0.0, 0.04), clip(None, None)):
        assert record_decoder.decode(records.encode(sample, SMALL), SMALL) == sample


def test_a_record_without_times_and_sound_has_no_such_features():
    example = tf.train.Example.FromString(records.encode(clip(None), SMALL))
    assert not {"time", "sound", "sound_start"} & set(example.features.feature)


def test_times_are_stored_in_whole_microseconds():
    example = tf.train.Example.FromString(records.encode(HEARD, SMALL))
    times = example.features.feature["time"].int64_list.value
    assert list(times) == [100_000, 133_333, 1_500_000]
    assert microseconds(1001 / 30000) == 33_367


@pytest.mark.parametrize("parse", [records.parse, records.parse_labels])
def test_records_with_and_without_times_are_parsed_together(parse):
    batch = encoded(clip(None), HEARD, clip(None, None), clip(0.04))
    rows = parse(batch, SMALL, SMALL)
    assert rows._fields[-1] == "time" and rows.time.dtype == tf.int64
    assert rows.time.numpy().tolist() == [0, 100000, 133333, 1500000, 0, 0, 40000]
    assert parse(encoded(), SMALL, SMALL).time.shape == [0]


def test_sound_is_parsed_one_entry_a_sample():
    batch = encoded(clip(None), HEARD, clip(0.0))
    for parse in (records.parse_sounds, tf.function(records.parse_sounds)):
        sounds = parse(batch)
        assert sounds.pcm.numpy().tolist() == [b"", PCM, b""]
        assert sounds.start.numpy().tolist() == [0, 7, 0]
        assert (sounds.pcm.dtype, sounds.start.dtype) == (tf.string, tf.int64)
    numbers = tf.io.decode_raw(sounds.pcm[1], tf.int16).numpy()
    assert numbers.tolist() == [1, -2, 32767, -32768]
    assert records.parse_sounds(encoded()).pcm.shape == [0]


def test_parsing_pictures_and_labels_steps_over_the_sound():
    # Integers where strings belong: whoever reads them finds out.
    batch = tf.constant([changed(HEARD, sound=integers(1), sound_start=None)])
    assert records.parse(batch, SMALL, SMALL).image.shape == [3]
    assert records.parse_labels(batch, SMALL, SMALL).inputs == {}
    with pytest.raises(tf.errors.InvalidArgumentError):
        records.parse_sounds(batch)


@pytest.mark.parametrize("times", [(1, 2), (1, 2, 3, 4)])
def test_times_for_other_frames_are_an_error(times):
    serialized = changed(HEARD, time=integers(*times))
    with pytest.raises(tf.errors.InvalidArgumentError):
        records.parse(tf.constant([serialized]), SMALL, SMALL)
    with pytest.raises(ValueError, match="'time' of a record must hold 1 number"):
        record_decoder.decode(serialized, SMALL)


@pytest.mark.parametrize("lost", ["sound", "sound_start"])
def test_half_a_sound_is_an_error(lost):
    with pytest.raises(ValueError, match="sound of a record must be one string"):
        record_decoder.decode(changed(HEARD, **{lost: None}), SMALL)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (clip(0.1, None), "must have a time, or none of them. Received: 1 of 2"),
        (clip(-0.1), r"must lie in \[0, 1e\+09\] seconds. Received: time=-0.1"),
        (clip(math.nan), "Received: time=nan"),
        (clip(math.inf), "Received: time=inf"),
        (clip(0.2, 0.1), "must rise. Received: 0.2 and then 0.1"),
        (clip(0.1, 0.1 + 1e-8), "must rise"),
        (clip(0.1, sound=Sound(b"")), "Received: bytes of length 0"),
        (clip(0.1, sound=Sound(b"abc")), "Received: bytes of length 3"),
        (clip(0.1, sound=Sound("ab")), "Received: str of length 2"),
        (clip(0.1, sound=Sound(PCM, -1)), "Received: start=-1"),
        (clip(0.1, sound=Sound(PCM, 0.5)), "Received: start=0.5"),
        (clip(None, sound=Sound(PCM)), "must have a time where there is sound"),
    ],
)
def test_times_and_sounds_that_are_none_are_refused(broken, message):
    with pytest.raises(ValueError, match=message):
        records.encode(broken, SMALL)


def test_no_sample_that_a_frame_hears_reaches_to_the_frame():
    rate = 22_050
    for time in (0, 1, 45, 46, 33_367, 999_999, 1_000_000, 3_600_000_001):
        end = sound_end(time, rate)
        assert end * 1_000_000 <= time * rate < (end + 1) * 1_000_000
    times = np.array([0, 33_367], np.int64)
    np.testing.assert_array_equal(sound_end(times, rate), [0, 735])
    np.testing.assert_array_equal(sound_end(tf.constant(times), rate), [0, 735])


MANIFEST = Manifest(SMALL, (), {}, 3, {"min": 1, "max": 1}, 112)


def test_a_manifest_says_what_sound_there_is(tmp_path):
    sound = {"rate": 22_050, "channels": 2}
    made = dataclasses.replace(MANIFEST, sound=sound, timed=True)
    made.save(tmp_path)
    assert Manifest.load(tmp_path) == made


def test_a_manifest_from_before_there_was_sound_loads(tmp_path):
    MANIFEST.save(tmp_path)
    path = tmp_path / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["sound"], fields["timed"]
    path.write_text(json.dumps(fields))
    assert Manifest.load(tmp_path) == MANIFEST
    assert (MANIFEST.sound, MANIFEST.timed) == ({}, False)


@pytest.mark.parametrize(
    "sound",
    [3, {"rate": 22_050}, {"rate": 0, "channels": 1}, {"rate": 8, "channels": 3}],
)
def test_sound_of_no_rate_or_channels_is_damage(tmp_path, sound):
    MANIFEST.save(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sound": sound}))
    with pytest.raises(UserError, match="which is damaged"):
        Manifest.load(tmp_path)
