import collections
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.augment import Augmentation
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.input_pipeline import read
from affect_tf.data.input_pipeline import Source
from affect_tf.data.manifest import Manifest
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW1
from tests.record_folder import face
from tests.record_folder import write_records

STILL = Augmentation(translation=0.0, horizontal_flip=False)
SOURCES = tuple(Source(task, task=task) for task in ("expr", "au", "va"))


def faces_in(folder, size=32, **options):
    return Faces(pathlib.Path(folder), Manifest.load(folder), ABAW1, size, **options)


@pytest.fixture(scope="module")
def in_eights(small_folder):
    """The validation split, 8 faces at a time."""
    return list(faces_in(small_folder).evaluation("validation", 8))


def keys(batch):
    return [key.decode() for key in batch.key.numpy()]


def take(dataset, count):
    return list(dataset.take(count))


def test_a_stratified_batch_has_the_share_of_each_source_in_order(small_folder):
    sources = (Source("expr", task="expr", share=2), Source("va", task="va"))
    faces = faces_in(small_folder)
    for batch in take(faces.training(sources, 12, STILL, seed=1), 10):
        np.testing.assert_array_equal(batch.source, [0] * 8 + [1] * 4)
        np.testing.assert_array_equal(batch.masks["expr"][:8], np.ones(8))
        np.testing.assert_array_equal(batch.masks["va"][8:], np.ones(4))
        np.testing.assert_array_equal(batch.weight, np.ones(12))
        assert batch.inputs["image"].shape == (12, 32, 32, 3)
        assert batch.inputs["image"].dtype == tf.uint8


def test_each_pass_of_a_stream_sees_every_sample_of_its_task_once(small_folder):
    faces = faces_in(small_folder, shuffle_buffer=7)
    batches = take(faces.training(SOURCES[:1], 12, STILL, seed=3), 8)
    seen = [key for batch in batches for key in keys(batch)]
    first, second = seen[:48], seen[48:]
    assert len(set(first)) == 48
    assert set(first) == set(second)
    assert first != second


def test_a_stream_takes_up_at_any_step_where_it_would_have_been(small_folder):
    faces = faces_in(small_folder)
    augmentation = Augmentation(brightness=0.3)
    sources, number = SOURCES[:2], 8
    whole = take(faces.training(sources, number, augmentation, seed=5), 25)
    # After 12 batches each source begins its second pass.
    for first in (12, 23):
        resumed = faces.training(sources, number, augmentation, 5, first_step=first)
        for ours, theirs in zip(take(resumed, 2), whole[first:], strict=False):
            tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


def test_streams_differ_by_seed_and_ignore_the_global_one(small_folder):
    faces = faces_in(small_folder)

    def order(seed, global_seed):
        tf.keras.utils.set_random_seed(global_seed)
        return keys(take(faces.training(SOURCES[:1], 24, STILL, seed=seed), 1)[0])

    first = order(1, 0)
    assert first == order(1, 5)
    assert first != order(2, 0)


def test_an_epoch_ends_when_the_longest_stream_has_been_seen(small_folder):
    sources = (Source("all"), Source("va", task="va"))
    assert faces_in(small_folder).steps_per_epoch(sources, 20) == 10
    assert faces_in(small_folder).steps_per_epoch(SOURCES, 30) == 5


def test_without_sharing_a_source_lets_only_its_own_labels_through(small_folder):
    sources = (Source("va", task="va", keep_shared=False),)
    for batch in take(faces_in(small_folder).training(sources, 12, STILL, 0), 8):
        assert batch.masks["va"].numpy().all()
        assert not batch.masks["expr"].numpy().any()
        assert not batch.masks["au"].numpy().any()


def test_a_source_of_two_tasks_holds_the_samples_that_have_both(small_folder):
    source = Source("both", task="expr", also=("va",), keep_shared=False)
    assert faces_in(small_folder).count(source) == 24
    for batch in take(faces_in(small_folder).training([source], 12, STILL, 0), 4):
        assert batch.masks["expr"].numpy().all()
        assert batch.masks["va"].numpy().all()
        assert not batch.masks["au"].numpy().any()


def test_stills_have_the_frame_number_0_and_rows_in_their_order(in_eights):
    rows = np.concatenate([batch.row for batch in in_eights])
    np.testing.assert_array_equal(rows, [*range(21), -1, -1, -1])
    assert not any(batch.frame.numpy().any() for batch in in_eights)


def test_a_partly_labelled_au_row_keeps_its_mask_by_unit(small_folder):
    column = ABAW1.action_units.index("AU4")
    batches = take(faces_in(small_folder).training(SOURCES[1:2], 12, STILL, 0), 4)
    masks = np.concatenate([batch.masks["au"] for batch in batches])
    assert 0 < masks[:, column].sum() < len(masks)
    assert np.delete(masks, column, axis=1).all()


@pytest.mark.parametrize("batch_size", [4, 21, 32])
def test_evaluation_sees_each_row_once_at_any_batch_size(small_folder, batch_size):
    seen = collections.Counter()
    for batch in faces_in(small_folder).evaluation("validation", batch_size):
        assert batch.key.shape == (batch_size,)
        real = batch.weight.numpy() > 0
        assert set(np.array(keys(batch))[~real]) <= {""}
        assert not batch.masks["au"].numpy()[~real].any()
        seen.update(np.array(keys(batch))[real])
    assert len(seen) == 21
    assert set(seen.values()) == {1}


def test_labels_stay_with_their_faces(in_eights):
    for batch in in_eights:
        level = batch.inputs["image"].numpy()[:, 0, 0, 0]
        valence = batch.labels["va"].numpy()[:, 0]
        expected = np.round(127 + 100 * valence)
        np.testing.assert_allclose(level, np.where(batch.weight, expected, 0), atol=1)


def test_the_same_name_in_two_sources_is_two_people(tmp_path):
    samples = [
        Sample(source, (Frame(face(1), "fear"),), source, "1", split="validation")
        for source in ("disfa", "expw")
    ]
    (batch,) = faces_in(write_records(tmp_path, samples)).evaluation("validation", 2)
    assert sorted(batch.subject.numpy()) == [b"disfa/1", b"expw/1"]


def test_clips_are_read_as_single_frames_each_once(tmp_path):
    samples = [
        Sample(
            f"clip{number}",
            tuple(
                Frame(face(10 * number + frame), expression="fear", number=frame)
                for frame in range(number % 3 + 1)
            ),
            "made",
            f"person{number}",
            split=split,
        )
        for split, number in [("train", n) for n in range(9)] + [("validation", 10)]
    ]
    faces = faces_in(write_records(tmp_path, samples))
    sources = (Source("expr", task="expr"),)
    assert faces.steps_per_epoch(sources, 6) == 3
    batches = take(faces.training(sources, 6, STILL, seed=0), 6)
    levels = [int(x) for b in batches for x in b.inputs["image"].numpy()[:, 0, 0, 0]]
    expected = [10 * n + frame for n in range(9) for frame in range(n % 3 + 1)]
    assert sorted(levels[:18]) == sorted(levels[18:]) == expected
    rows = sum(int(b.weight.numpy().sum()) for b in faces.evaluation("validation", 4))
    assert rows == 2


def test_faces_of_another_size_are_resized(small_folder):
    batch = take(faces_in(small_folder, size=48).evaluation("validation", 4), 1)[0]
    assert batch.inputs["image"].shape == (4, 48, 48, 3)


def test_a_batch_that_the_sources_cannot_share_is_refused(small_folder):
    with pytest.raises(ValueError, match="divide into 3 equal parts.*such as 9"):
        faces_in(small_folder).training(SOURCES, 10, STILL, 0)


def test_a_source_without_samples_is_named(small_folder):
    with pytest.raises(ValueError, match="Source 'x' must have samples"):
        faces_in(small_folder).steps_per_epoch([Source("x", origins=("disfa",))], 4)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"task": "aus"}, "must be None or one of"),
        ({"share": 0}, "must be a positive whole number"),
        ({"keep_shared": False}, "must come with a primary task"),
        ({"also": ("va",)}, "must come with a primary task"),
        ({"task": "va", "also": ("va",)}, "further tasks, each once"),
        ({"task": "va", "also": ("au", "au")}, "further tasks, each once"),
        ({"task": "va", "also": ("aus",)}, "further tasks, each once"),
        ({"task": "va", "also": "au"}, "further tasks, each once"),
    ],
)
def test_an_impossible_source_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Source("x", **fields)


def test_a_damaged_picture_stops_training_with_its_name(tmp_path):
    frame = Frame(b"not a picture", expression="fear")
    folder = write_records(tmp_path, [Sample("bad.jpg", (frame,), "made", "p")])
    batches = faces_in(folder).training((Source("all"),), 1, STILL, 0)
    with pytest.raises(UserError, match="^A stored picture must be .* bad.jpg"):
        next(read(batches))
