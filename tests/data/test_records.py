"""Samples through encode -> serialize -> parse, and what must not get in."""

import hashlib
import math

import numpy as np
import pytest
import tensorflow as tf

import affect_tf  # noqa: F401
from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data.records import Frame
from affect_tf.data.records import Sample
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.labels.taxonomy import Taxonomy

SMALL = Taxonomy("small", ("neutral", "anger", "fear"), ("AU1", "AU4"))


def sample(*frames, key="a", **fields):
    return Sample(key, frames, **{"source": "s", "subject": "p", **fields})


def parsed(samples, stored=SMALL, wanted=None):
    serialized = [records.encode(item, stored) for item in samples]
    return records.parse(tf.constant(serialized, tf.string), stored, wanted or stored)


def numbers(rows):
    """Labels and masks as nested lists, in the order of the tasks."""
    return {
        task: (rows.labels[task].numpy().tolist(), rows.masks[task].numpy().tolist())
        for task in rows.labels
    }


NOTHING = {"expr": ([0], [0]), "au": ([[0, 0]], [[0, 0]]), "va": ([[0, 0]], [0])}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (Frame(b"x"), {}),
        (Frame(b"x", "fear"), {"expr": ([2], [1])}),
        (Frame(b"x", "Fearful"), {"expr": ([2], [1])}),
        (Frame(b"x", "neutral"), {"expr": ([0], [1])}),
        (Frame(b"x", None, {"AU4": 1}), {"au": ([[0, 1]], [[0, 1]])}),
        (Frame(b"x", None, {"AU1": 0}), {"au": ([[0, 0]], [[1, 0]])}),
        (Frame(b"x", None, {"AU4": 0, "AU1": 1}), {"au": ([[1, 0]], [[1, 1]])}),
        (Frame(b"x", valence=0.5, arousal=-1.0), {"va": ([[0.5, -1]], [1])}),
        (Frame(b"x", valence=0.0, arousal=0.0), {"va": ([[0, 0]], [1])}),
    ],
)
def test_labels_and_masks_survive_the_way_through_a_record(frame, expected):
    assert numbers(parsed([sample(frame)])) == {**NOTHING, **expected}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (sample(), "value for frames"),
        (sample(Frame(b"")), "bytes of a picture"),
        (sample(Frame(b"x"), key=""), "value for key"),
        (sample(Frame(b"x"), source=""), "value for source"),
        (sample(Frame(b"x", "angre")), "Did you mean 'anger'"),
        (sample(Frame(b"x", "surprise")), "one of taxonomy 'small'"),
        (sample(Frame(b"x", None, {"AU2": 1})), "one of taxonomy 'small'"),
        (sample(Frame(b"x", None, {"AU1": -1})), "must be 0 or 1"),
        (sample(Frame(b"x", None, {"AU1": math.nan})), "must be 0 or 1"),
        (sample(Frame(b"x", valence=0.5)), "both be None"),
        (sample(Frame(b"x", arousal=0.5)), "both be None"),
        (sample(Frame(b"x", valence=-5.0, arousal=-5.0)), r"in \[-1, 1\]"),
        (sample(Frame(b"x", valence=math.nan, arousal=0.0)), r"in \[-1, 1\]"),
        (sample(Frame(b"x"), Frame(b"y", valence=1.1, arousal=0.0)), "valence=1.1"),
    ],
)
def test_what_is_no_sample_is_refused(broken, message):
    with pytest.raises(ValueError, match=message):
        records.encode(broken, SMALL)


def test_valence_is_refused_where_the_taxonomy_has_none():
    with pytest.raises(ValueError, match="has_va=True"):
        records.encode(
            sample(Frame(b"x", valence=0.1, arousal=0.1)),
            Taxonomy("plain", ("neutral",), has_va=False),
        )


CLIP = sample(
    Frame(b"1", "anger", number=7),
    Frame(b"2", None, {"AU1": 1, "AU4": 0}, number=8),
    Frame(b"3", valence=0.25, arousal=0.5, number=10),
    key="clip",
    subject="q",
    video="film",
    split="validation",
)


def test_clips_of_different_length_become_one_row_a_frame():
    rows = parsed([sample(Frame(b"0", "fear")), CLIP, sample(Frame(b"4"), key="b")])
    assert rows.image.numpy().tolist() == [b"0", b"1", b"2", b"3", b"4"]
    assert rows.sample.numpy().tolist() == [0, 1, 1, 1, 2]
    assert rows.key.numpy().tolist() == [b"a", b"clip", b"clip", b"clip", b"b"]
    assert rows.subject.numpy().tolist() == [b"p", b"q", b"q", b"q", b"p"]
    assert rows.video.numpy().tolist() == [b"", b"film", b"film", b"film", b""]
    assert rows.frame.numpy().tolist() == [0, 7, 8, 10, 0]
    assert numbers(rows)["expr"] == ([2, 1, 0, 0, 0], [1, 1, 0, 0, 0])
    assert numbers(rows)["au"][1] == [[0, 0], [0, 0], [1, 1], [0, 0], [0, 0]]
    assert numbers(rows)["va"][0] == [[0, 0], [0, 0], [0, 0], [0.25, 0.5], [0, 0]]


def test_a_record_decodes_to_the_sample_that_was_encoded():
    assert record_decoder.decode(records.encode(CLIP, SMALL), SMALL) == CLIP


def test_equal_samples_give_equal_bytes_whatever_the_order_of_their_units():
    one = sample(Frame(b"x", None, {"AU1": 1, "AU4": 0}))
    other = sample(Frame(b"x", None, {"AU4": 0, "AU1": 1}))
    assert records.encode(one, SMALL) == records.encode(other, SMALL)


def test_the_bytes_of_a_record_are_the_same_on_every_machine():
    # A change here is a change of the schema: raise SCHEMA_VERSION if old records
    # can no longer be read.
    checksum = hashlib.sha256(records.encode(CLIP, SMALL)).hexdigest()
    assert checksum == (
        "96806f097e7ff4eb6c6cbd498fed8ebfaa03ce340b5ef575e414252a3a768cf5"
    )


def test_an_empty_batch_has_no_rows():
    rows = parsed([])
    assert rows.image.shape == [0]
    assert rows.labels["au"].shape == [0, 2]


def test_dtypes_are_those_of_the_contract():
    rows = parsed([CLIP])
    assert {task: label.dtype for task, label in rows.labels.items()} == {
        "expr": tf.int32,
        "au": tf.float32,
        "va": tf.float32,
    }
    assert {mask.dtype for mask in rows.masks.values()} == {tf.float32}
    assert rows.frame.dtype == rows.sample.dtype == tf.int64


def test_labels_go_from_one_vocabulary_to_another_by_name():
    wanted = Taxonomy("wanted", ("fear", "other", "neutral"), ("AU4", "AU9", "AU1"))
    frames = [Frame(b"x", name, {"AU1": 1, "AU4": 0}) for name in SMALL.expressions]
    found = numbers(parsed([sample(*frames)], wanted=wanted))
    # neutral, anger (which is not wanted), fear
    assert found["expr"] == ([2, 0, 0], [1, 0, 1])
    assert found["au"] == ([[0, 0, 1]] * 3, [[1, 0, 1]] * 3)


def test_an_absent_class_or_unit_is_never_a_negative_label():
    rows = parsed([sample(Frame(b"x", "other"))], ABAW3, ABAW1)
    assert numbers(rows)["expr"] == ([0], [0])
    assert np.min(rows.labels["au"]) == 0


def test_only_the_tasks_of_the_wanted_taxonomy_come_out():
    rows = parsed([CLIP], wanted=Taxonomy("au", (), ("AU4",), has_va=False))
    assert list(rows.labels) == list(rows.masks) == ["au"]


def test_a_task_that_was_never_stored_is_masked():
    bare = Taxonomy("bare", (), (), has_va=True)
    found = numbers(
        parsed([sample(Frame(b"x", valence=0.5, arousal=0.5))], bare, SMALL)
    )
    assert found == {**NOTHING, "va": ([[0.5, 0.5]], [1])}


def test_parsing_in_a_graph_equals_parsing_eagerly():
    serialized = tf.constant([records.encode(CLIP, SMALL)] * 3)
    graph = tf.function(lambda strings: records.parse(strings, SMALL, ABAW3))
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_array_equal(a.numpy(), b.numpy()),
        graph(serialized),
        records.parse(serialized, SMALL, ABAW3),
    )


def test_a_record_of_another_taxonomy_is_an_error_and_no_shifted_label():
    serialized = records.encode(CLIP, SMALL)
    with pytest.raises(tf.errors.InvalidArgumentError):
        records.parse(tf.constant([serialized]), ABAW1, ABAW1)
    with pytest.raises(ValueError, match="the manifest's taxonomy"):
        record_decoder.decode(serialized, ABAW1)


@pytest.mark.parametrize("serialized", [b"", b"\xff\xff\xff", b"no record"])
def test_other_bytes_are_no_record(serialized):
    with pytest.raises(ValueError, match="record must"):
        record_decoder.decode(serialized, SMALL)


def test_a_sample_has_the_tasks_that_label_any_frame_of_it():
    assert CLIP.tasks == ("expr", "au", "va")
    assert sample(Frame(b"x"), Frame(b"y", None, {"AU1": 0})).tasks == ("au",)
    assert sample(Frame(b"x")).tasks == ()


def garbled(feature, values):
    """A record of which one feature holds something else."""
    frame = Frame(b"x", "fear", {"AU1": 1}, 0.5, 0.5)
    example = tf.train.Example.FromString(records.encode(sample(frame), SMALL))
    stored = example.features.feature[feature]
    kind = stored.WhichOneof("kind")
    getattr(stored, kind).value[:] = values
    return example


@pytest.mark.parametrize(
    ("feature", "values"),
    [("expr", [99]), ("au", [1, 7]), ("va", [math.nan, math.inf])],
)
def test_nothing_below_a_mask_of_zero_comes_out(feature, values):
    example = garbled(feature, values)
    masks = example.features.feature[f"{feature}_mask"].int64_list.value
    masks[:] = [0] * len(masks)
    serialized = example.SerializeToString()
    for wanted in (SMALL, ABAW3):
        rows = records.parse(tf.constant([serialized]), SMALL, wanted)
        assert not rows.labels[feature].numpy().any()
        assert not rows.masks[feature].numpy().any()
    with pytest.raises(ValueError, match="must be 0 where nobody labelled"):
        record_decoder.decode(serialized, SMALL)


@pytest.mark.parametrize(("value", "mask"), [(5, 1), (-1, 0)])
@pytest.mark.parametrize("task", ["expr", "au", "va"])
def test_a_mask_is_zero_or_one(task, value, mask):
    width = 2 if task == "au" else 1
    serialized = garbled(f"{task}_mask", [value] * width).SerializeToString()
    rows = records.parse(tf.constant([serialized]), SMALL, SMALL)
    assert rows.masks[task].numpy().ravel().tolist() == [mask] * width
    with pytest.raises(ValueError, match="must hold 0 and 1"):
        record_decoder.decode(serialized, SMALL)
