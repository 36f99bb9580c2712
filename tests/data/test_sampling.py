"""Sampling numbers in records, and streams that are drawn by them."""

import collections
import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data import sampling
from affect_tf.data.augment import Augmentation
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.input_pipeline import Source
from affect_tf.data.manifest import Manifest
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import Taxonomy
from tests.record_folder import face
from tests.record_folder import write_records

STILL = Augmentation(translation=0.0, horizontal_flip=False)
PLAIN = Taxonomy("plain", ("neutral", "fear"), (), has_va=True)


def sample(key="a", number=1.0, source="made", **fields):
    frame = Frame(face(0), expression="fear")
    return Sample(
        key, (frame,), source, key, **{"sampling": {"expr": number}, **fields}
    )


def folder_of(path, samples, sampled=("expr",)):
    write_records(path, samples, shards=3)
    manifest = dataclasses.replace(Manifest.load(path), sampling=sampled)
    manifest.save(path)
    return path


def faces_in(folder, **options):
    return Faces(pathlib.Path(folder), Manifest.load(folder), ABAW1, 32, **options)


def stream_of(folder, steps, rows=4, seed=0, first_step=0, origins=("*",), **options):
    """The keys of some batches of a balanced source."""
    source = Source("expr", "expr", origins, balanced=True)
    faces = faces_in(folder, **options)
    batches = faces.training((source,), rows, STILL, seed, first_step).take(steps)
    return [[key.decode() for key in batch.key.numpy()] for batch in batches]


def drawn_from(weights, seed):
    draws = sampling.Draws.of((), (), weights)
    return draws.repeats(tf.constant(seed, tf.int64)).numpy()


# Records.


def test_a_record_carries_a_number_for_each_task():
    numbers = {"expr": 2.5, "au": 1.0, "va": 0.25}
    there = sample(sampling=numbers)
    serialized = records.encode(there, ABAW1)
    assert record_decoder.decode(serialized, ABAW1) == there
    found = records.sampling(tf.constant([serialized]), ABAW1)
    assert found.numpy().tolist() == [[2.5, 1.0, 0.25]]


def test_a_task_without_a_number_is_drawn_once():
    there = records.encode(sample(sampling={"va": 3.0}), PLAIN)
    absent = records.encode(sample(sampling={}), PLAIN)
    found = records.sampling(tf.constant([there, absent]), PLAIN)
    assert found.numpy().tolist() == [[1.0, 3.0], [1.0, 1.0]]
    assert record_decoder.decode(absent, PLAIN).sampling == {}
    assert records.sampling(tf.constant([], tf.string), PLAIN).shape == [0, 2]


def test_a_record_without_numbers_has_the_bytes_it_always_had():
    plain = Sample("a", (Frame(b"x"),), "made", "a")
    assert b"sampling" not in records.encode(plain, ABAW1)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"au": 1.0}, "must be of a task of taxonomy 'plain'"),
        ({"expr": -1.0}, "must lie in"),
        ({"expr": float("nan")}, "must lie in"),
        ({"expr": float("inf")}, "must lie in"),
    ],
)
def test_an_impossible_number_is_not_stored(numbers, message):
    with pytest.raises(ValueError, match=message):
        records.encode(sample(sampling=numbers), PLAIN)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_an_impossible_number_is_not_read(values):
    example = tf.train.Example.FromString(records.encode(sample(), PLAIN))
    example.features.feature["sampling"].float_list.value[:] = values
    with pytest.raises(ValueError, match="'sampling' of a record must hold 2 numbers"):
        record_decoder.decode(example.SerializeToString(), PLAIN)


# Draws of one pass.


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e9, width=32), min_size=1, max_size=50).filter(any),
    st.integers(0, 2**40),
)
@example([1e9, 1e-30, 0.0], 0)
@example([0.1] * 10, 1)
@example([1 / 3] * 3 + [0.0], 2)
@example([0.0, 0.0, 1e-38], 3)
def test_a_pass_has_exactly_as_many_draws_as_records(weights, seed):
    weights = np.asarray(weights, np.float32)
    repeats = drawn_from(weights, seed)
    assert repeats.sum() == len(weights)
    # The floor or the ceiling of what the weight asks for, but for 2^-30.
    expected = len(weights) * weights.astype(float) / weights.sum(dtype=float)
    assert (repeats >= np.floor(expected - 1e-6)).all()
    assert (repeats <= np.ceil(expected + 1e-6)).all()
    assert not repeats[weights == 0].any()


def test_a_long_stream_loses_no_draw_to_rounding():
    weights = np.random.default_rng(0).random(300_001).astype(np.float32) ** 9
    parts = sampling.whole_parts(weights)
    assert parts.sum() == 300_001 * 2**30
    expected = 300_001 * weights.astype(float) / weights.sum(dtype=float)
    np.testing.assert_allclose(parts / 2**30, expected, atol=1e-8)
    assert drawn_from(weights, 5).sum() == 300_001
    # Where N x 2^30 is beyond what a float holds to the last digit.
    weights = np.full(2**23 + 1, 0.1, np.float32)
    assert sampling.whole_parts(weights).sum() == len(weights) * 2**30


def test_equal_numbers_draw_every_record_once():
    for count in (1, 7, 1001):
        assert (drawn_from(np.full(count, 0.3, np.float32), 1) == 1).all()


def test_draws_are_proportional_to_the_numbers_over_many_passes():
    weights = np.array([0.1, 0.4, 0.5, 1.0, 3.0], np.float32)
    drawn = tf.function(sampling.Draws.of((), (), weights).repeats)
    mean = np.mean([drawn(tf.constant(n, tf.int64)) for n in range(600)], axis=0)
    np.testing.assert_allclose(mean, weights, atol=0.07)


def test_which_records_are_drawn_together_changes_from_pass_to_pass():
    # Without a random order, one half or the other: two outcomes in all.
    weights = np.tile([0.5, 0.5, 2.0, 1.0], 4).astype(np.float32)
    passes = {tuple(drawn_from(weights, seed)) for seed in range(20)}
    assert len(passes) > 15


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, np.nan], [1.0, -1.0, 1.0]])
def test_numbers_that_draw_nothing_are_an_error(weights):
    with pytest.raises(UserError, match="Received"):
        sampling.whole_parts(np.asarray(weights, np.float32))


# Streams.


@pytest.fixture(scope="module")
def balanced_folder(tmp_path_factory):
    """Ten samples: four are drawn twice a pass, one once, three at times, two never."""
    numbers = [2, 2, 2, 2, 1, 0.5, 0.25, 0.25, 0, 0]
    samples = [sample(f"s{i}", number) for i, number in enumerate(numbers)]
    return folder_of(tmp_path_factory.mktemp("balanced"), samples)


def small_batches(folder, steps, seed, global_seed, first_step=0):
    """Fewer rows than a pass has, and a buffer as small, under some global seed."""
    tf.keras.utils.set_random_seed(global_seed)
    given = {"first_step": first_step, "shuffle_buffer": 4}
    return stream_of(folder, steps, rows=4, seed=seed, **given)


@pytest.fixture(scope="module")
def thirty_passes(balanced_folder):
    return small_batches(balanced_folder, 75, 3, 0)


def test_a_pass_of_a_stream_is_as_long_as_ever_and_another_each_time(thirty_passes):
    keys = sum(thirty_passes, [])
    passes = [collections.Counter(keys[i : i + 10]) for i in range(0, 300, 10)]
    for one in passes:
        assert [one[f"s{i}"] for i in range(5)] == [2, 2, 2, 2, 1]
        assert sum(one[f"s{i}"] for i in (5, 6, 7)) == 1
        assert one["s8"] == one["s9"] == 0
    assert len({frozenset(one) for one in passes}) == 3
    assert keys[:10] != keys[10:20]


def test_a_balanced_epoch_has_the_steps_of_any_other(balanced_folder):
    source = Source("expr", "expr", balanced=True)
    assert faces_in(balanced_folder).steps_per_epoch((source,), 4) == 3


def test_a_balanced_stream_is_that_of_its_seed_alone_and_takes_up_anywhere(
    balanced_folder, thirty_passes
):
    # In the middle of the fourth pass; whatever the global seed is.
    resumed = small_batches(balanced_folder, 2, 3, 5, first_step=9)
    assert resumed == thirty_passes[9:11]
    assert small_batches(balanced_folder, 3, 4, 0) != thirty_passes[:3]


def test_a_sample_of_many_draws_comes_in_several_readings(tmp_path):
    # s0 is drawn 40 times in a pass of 200: 5 times in each of 8 readings.
    samples = [sample(f"s{i}", 160 / 199 if i else 40.0) for i in range(200)]
    folder = folder_of(tmp_path, samples)
    manifest = Manifest.load(folder)
    draws = sampling.draws(folder, manifest, manifest.shards, "expr")
    assert draws.readings == 8
    one_pass = draws.one_pass(tf.constant(3, tf.int64))
    keys = [record_decoder.decode(x, ABAW1).key for x in one_pass.as_numpy_iterator()]
    assert len(keys) == 200
    assert keys.count("s0") == 40
    runs = "".join("x" if key == "s0" else " " for key in keys).split()
    assert max(len(run) for run in runs) <= 10
    streamed = sum(stream_of(folder, 8, rows=50), [])
    assert [streamed[i : i + 200].count("s0") for i in (0, 200)] == [40, 40]


def test_a_part_of_the_sources_has_passes_of_its_own_length(tmp_path):
    samples = [sample(f"a{i}", 3.0, "one") for i in range(6)]
    samples += [sample(f"b{i}", 0.2 + 0.1 * i, "two") for i in range(7)]
    folder = folder_of(tmp_path, samples)
    keys = sum(stream_of(folder, 3, rows=7, origins=("two",)), [])
    assert set(keys) <= {f"b{i}" for i in range(7)}
    # 7 (0.2 + 0.1 i) / 3.5: the last is drawn 1.6 times, the first 0.4 times.
    for one in (keys[:7], keys[7:14], keys[14:]):
        assert one.count("b6") in (1, 2)
        assert one.count("b0") in (0, 1)


def test_a_balanced_source_beside_a_plain_one_keeps_the_shares(balanced_folder):
    sources = (Source("expr", "expr", balanced=True), Source("all", share=2))
    for batch in faces_in(balanced_folder).training(sources, 6, STILL, 0).take(5):
        assert batch.source.numpy().tolist() == [0, 0, 1, 1, 1, 1]


# What cannot be drawn.


def test_a_balanced_source_needs_a_task():
    with pytest.raises(ValueError, match="balanced=True must come with a primary task"):
        Source("x", balanced=True)


def test_data_without_numbers_are_refused(small_folder):
    with pytest.raises(UserError, match="--balance_as=weights, or set balanced=False"):
        stream_of(small_folder, 1)


def test_clips_are_refused(tmp_path):
    clip = Sample("a", (Frame(face(0), "fear"), Frame(face(1), "fear")), "made", "a")
    with pytest.raises(UserError, match="must read stills.*clips of up to 2 frames"):
        stream_of(folder_of(tmp_path, [clip]), 1)


def test_numbers_that_are_all_zero_are_refused(tmp_path):
    folder = folder_of(tmp_path, [sample("a", 0.0), sample("b", 0.0)])
    with pytest.raises(UserError, match="2 samples whose sampling numbers are all 0"):
        stream_of(folder, 1)


@pytest.mark.parametrize("lost", [1, 40])
def test_a_shard_that_was_cut_short_is_an_error(tmp_path, lost):
    folder = folder_of(tmp_path, [sample(f"s{i}") for i in range(9)])
    shard = folder / Manifest.load(folder).shards[0].file
    shard.write_bytes(shard.read_bytes()[:-lost])
    with pytest.raises(UserError, match="must be readable.*tfrecords_builder verify"):
        stream_of(folder, 1)


def test_a_shard_that_has_fewer_records_than_it_should_is_an_error(tmp_path):
    folder = folder_of(tmp_path, [sample(f"s{i}") for i in range(9)])
    shard = folder / Manifest.load(folder).shards[0].file
    record = shard.stat().st_size // 3
    shard.write_bytes(shard.read_bytes()[:record])
    with pytest.raises(UserError, match="1 of 3 in"):
        stream_of(folder, 1)
