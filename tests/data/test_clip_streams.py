"""Streams of clips: which samples they have, and how well these are mixed."""

import collections
import dataclasses
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import cutting
from affect_tf.data import images
from affect_tf.data.augment import Augmentation
from affect_tf.data.batching import Sequential
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW1
from tests.record_folder import face
from tests.record_folder import vector
from tests.record_folder import write_records

STILL = Augmentation(translation=0.0, horizontal_flip=False)
SOURCES = (
    Source("all"),
    Source("expr", task="expr"),
    Source("both", task="expr", also=("va",)),
)


def faces_in(folder, windows=None, **options):
    folder = pathlib.Path(folder)
    return Faces(folder, Manifest.load(folder), ABAW1, 32, windows=windows, **options)


def clip(number, length, expression=lambda place: "fear", va=lambda place: False):
    """A clip of features, whose frames have the labels that their place gives them."""
    frames = tuple(
        Frame(
            features={"expr_embedding": vector(number, place)},
            expression=expression(place),
            valence=0.5 if va(place) else None,
            arousal=0.5 if va(place) else None,
            number=place,
        )
        for place in range(length)
    )
    return Sample(f"clip{number}", frames, "made", f"p{number}")


def frames_of(batches, source=None):
    """The (clip, place) of every frame, in order."""
    shown = []
    for batch in batches:
        if source is None or int(batch.source[0]) == source:
            keys = [key.decode() for key in batch.key.numpy()]
            shown += zip(keys, batch.frame.numpy().tolist(), strict=True)
    return shown


@pytest.fixture(scope="module")
def partly_labelled(tmp_path_factory):
    """Ten clips of 1 to 19 frames; every third has EXPR, every second of those VA."""
    samples = [
        clip(n, 2 * n + 1, lambda t: None if t % 3 else "fear", lambda t: not t % 2)
        for n in range(10)
    ]
    return samples, write_records(tmp_path_factory.mktemp("partly"), samples)


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory):
    """Sixty clips of forty frames."""
    samples = [clip(number, 40) for number in range(60)]
    return write_records(tmp_path_factory.mktemp("long"), samples)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_of_clips_a_task_takes_the_frames_with_its_labels_only(partly_labelled, source):
    samples, folder = partly_labelled
    shards = [shard.tasks for shard in Manifest.load(folder).shards]
    assert set(shards) == {("expr", "va")}
    expected = [
        (sample.key, frame.number)
        for sample in samples
        for frame in sample.frames
        if {*source.tasks} <= {*frame.tasks}
    ]
    faces = faces_in(folder, shuffle_buffer=30)
    assert faces.count(source) == len(expected)
    batches = list(faces.training([source], 1, STILL, 3).take(2 * len(expected)))
    for one in (batches[: len(expected)], batches[len(expected) :]):
        assert sorted(frames_of(one)) == sorted(expected)
        for task in source.tasks:
            assert all(batch.masks[task].numpy().all() for batch in one)


@pytest.mark.parametrize("windows", [Windows(4, 2), None], ids=["windows", "frames"])
def test_sources_of_the_same_labels_are_counted_by_one_pass(tmp_path, windows):
    folder = write_records(tmp_path, [clip(n, 9) for n in range(4)])
    faces = faces_in(folder, windows)
    source = SOURCES[1]
    count = faces.count(source)
    for shard in faces.manifest.shards:
        (folder / shard.file).unlink()
    others = {"name": "x", "keep_shared": False, "share": 2, "origins": ("m*",)}
    assert faces.count(dataclasses.replace(source, **others)) == count
    with pytest.raises(UserError):
        faces_in(folder, windows).count(source)


def test_stills_are_counted_without_reading_them(tmp_path):
    stills = [Sample(f"s{n}", (Frame(face(n), "fear"),), "made", "p") for n in range(5)]
    folder = write_records(tmp_path, stills)
    for shard in Manifest.load(folder).shards:
        (folder / shard.file).unlink()
    assert faces_in(folder).count(SOURCES[1]) == 5


@pytest.mark.parametrize(
    "windows, rows", [(None, 20), (Windows(8, 4), 9)], ids=["frames", "windows"]
)
def test_a_buffer_of_two_clips_still_mixes_many_in_a_batch(long_clips, windows, rows):
    faces = faces_in(long_clips, windows, shuffle_buffer=80)
    count = faces.count(SOURCES[0])
    batches = list(faces.training(SOURCES[:1], rows, STILL, 0).take(count // rows))
    clips = np.mean([len(set(batch.key.numpy()) - {b""}) for batch in batches])
    # Of 60 clips, so many are in a batch that is drawn from all of them.
    mixed = 60 * (1 - (59 / 60) ** rows)
    assert clips > 0.8 * mixed
    # Nor are the first batches those of the clips that fill the buffer.
    first = np.mean([len(set(batch.key.numpy()) - {b""}) for batch in batches[:4]])
    assert first > 0.6 * mixed


def test_a_pass_in_several_readings_shows_every_frame_once(long_clips):
    faces = faces_in(long_clips, shuffle_buffer=80)
    batches = list(faces.training(SOURCES[:1], 100, STILL, 2).take(48))
    one, two = frames_of(batches[:24]), frames_of(batches[24:])
    assert len(set(one)) == len(set(two)) == 2400
    assert one != two
    for first in (5, 20, 30):
        resumed = faces.training(SOURCES[:1], 100, STILL, 2, first).take(2)
        assert frames_of(resumed) == frames_of(batches[first : first + 2])


def test_padding_is_not_decoded_and_shows_the_last_picture(tmp_path, monkeypatch):
    samples = [
        Sample(
            f"{split}{n}",
            tuple(Frame(face(9 * n + t), "fear", number=t) for t in range(n + 1)),
            "made",
            f"{split}{n}",
            split=split,
        )
        for split in ("train", "validation")
        for n in range(3)
    ]
    decode = images.decode_batch

    def six_in_all(stored, *rest):
        # Three windows of four frames, of which six are padding.
        with tf.control_dependencies([tf.debugging.assert_equal(tf.size(stored), 6)]):
            return decode(tf.identity(stored), *rest)

    monkeypatch.setattr(images, "decode_batch", six_in_all)
    faces = faces_in(write_records(tmp_path, samples), Windows(4, 4))
    (ours,) = faces.evaluation("validation", 12)
    (theirs,) = faces.training(SOURCES[:1], 3, STILL, 0).take(1)
    for batch in (ours, theirs):
        levels = batch.inputs["image"].numpy()[..., 0, 0, 0].tolist()
        assert sorted(levels) == [[0, 0, 0, 0], [9, 10, 10, 10], [18, 19, 20, 20]]
        assert batch.inputs["present"].numpy().sum() == 6


def test_the_windows_of_a_long_clip_are_cut_piece_by_piece(tmp_path, monkeypatch):
    folder = write_records(tmp_path, [clip(0, 1500)], shards=1)
    gathered = cutting._gathered

    def some(rows, found):
        size = tf.size(found.shown)
        with tf.control_dependencies([tf.debugging.assert_less(size, 513)]):
            return gathered(rows, found._replace(shown=tf.identity(found.shown)))

    monkeypatch.setattr(cutting, "_gathered", some)
    faces = faces_in(folder, Windows(32, 1), shuffle_buffer=64)
    assert faces.count(SOURCES[0]) == 1469
    batches = list(faces.training(SOURCES[:1], 113, STILL, 0).take(13))
    begins = [int(n) for b in batches for n in b.frame.numpy().reshape([-1, 32])[:, 0]]
    assert sorted(begins) == list(range(1469))


def test_over_epochs_of_whole_batches_every_sample_comes_equally_often(partly_labelled):
    _, folder = partly_labelled
    faces, batching = faces_in(folder), Sequential()
    counts = [faces.count(source) for source in SOURCES]
    assert counts[0] == 100 and counts[1] % 8 and counts[2] % 8
    steps = faces.steps_per_epoch(SOURCES, 8, batching)
    stream = faces.training(SOURCES, 8, STILL, 1, batching=batching)
    batches = list(stream.take(3 * steps))
    for epochs in (1, 2, 3):
        for position, count in enumerate(counts):
            shown = frames_of(batches[: epochs * steps], position)
            assert len(shown) == epochs * 8 * math.ceil(count / 8)
            times = collections.Counter(shown)
            assert len(times) == count
            bounds = {len(shown) // count, math.ceil(len(shown) / count)}
            assert set(times.values()) == bounds
    # What a first epoch shows, a later one need not: its passes began before it.
    second = collections.Counter(frames_of(batches[steps : 2 * steps], 2))
    assert len(second) < counts[2]
