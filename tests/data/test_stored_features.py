"""Records whose frames have vectors instead of pictures."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import feature_records
from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data.records import Frame
from affect_tf.data.records import Sample
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tests.record_folder import face
from tests.record_folder import vector

SMALL = Taxonomy("small", ("neutral", "anger", "fear"), ("AU1", "AU4"))
WIDTHS = {"expr_embedding": 3, "va_embedding": 1}


def test_a_shard_of_damaged_pictures_is_named(tmp_path):
    frames = tuple(Frame(image=face(n), expression="fear") for n in range(8))
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(3):
            writer.write(records.encode(sample(*frames), SMALL))
    stored = path.read_bytes()
    path.write_bytes(stored[:700] + b"x" * 40 + stored[740:])
    written = feature_records.write_shard(
        path, tmp_path / "b.tfrecord", lambda faces: {"v": faces[:, 0, 0, :1]}, 32, 4
    )
    with pytest.raises(UserError, match=r"a\.tfrecord must be whole.*verify"):
        list(written)
    assert not (tmp_path / "b.tfrecord").exists()


def features(number):
    return {
        "expr_embedding": vector(number, -0.5, 65504),
        "va_embedding": vector(number / 4),
    }


def sample(*frames, **fields):
    return Sample("clip", frames, **{"source": "s", "subject": "p", **fields})


CLIP = sample(
    Frame(expression="fear", number=4, features=features(1)),
    Frame(valence=0.5, arousal=0.25, number=5, features=features(2)),
)


def test_a_feature_record_decodes_to_the_sample_that_was_encoded():
    assert record_decoder.decode(records.encode(CLIP, SMALL), SMALL) == CLIP


def test_vectors_labels_and_numbers_come_back_a_row_a_frame():
    one = sample(Frame(features=features(3)))
    serialized = [records.encode(each, SMALL) for each in (CLIP, one)]
    parse = tf.function(lambda strings: records.parse(strings, SMALL, SMALL, WIDTHS))
    rows = parse(tf.constant(serialized))
    assert {name: value.dtype for name, value in rows.inputs.items()} == {
        "expr_embedding": tf.float16,
        "va_embedding": tf.float16,
    }
    np.testing.assert_array_equal(
        rows.inputs["expr_embedding"], [[n, -0.5, 65504] for n in (1, 2, 3)]
    )
    np.testing.assert_array_equal(rows.inputs["va_embedding"], [[0.25], [0.5], [0.75]])
    np.testing.assert_array_equal(rows.frame, [4, 5, 0])
    np.testing.assert_array_equal(rows.labels["va"], [[0, 0], [0.5, 0.25], [0, 0]])


def test_labels_are_read_without_pictures_or_vectors():
    serialized = tf.constant([records.encode(CLIP, SMALL)])
    rows = records.parse_labels(serialized, SMALL, SMALL)
    assert rows.inputs == {}
    np.testing.assert_array_equal(rows.frame, [4, 5])
    np.testing.assert_array_equal(rows.masks["expr"], [1, 0])


def test_no_record_gives_vectors_of_the_same_width():
    rows = records.parse(tf.constant([], tf.string), SMALL, SMALL, WIDTHS)
    assert rows.inputs["expr_embedding"].shape == (0, 3)


@pytest.mark.parametrize("widths", [{"au_embedding": 3}, {"expr_embedding": 2}, {}])
def test_other_vectors_than_the_manifest_says_are_an_error(widths):
    serialized = tf.constant([records.encode(CLIP, SMALL)])
    with pytest.raises(tf.errors.InvalidArgumentError):
        records.parse(serialized, SMALL, SMALL, widths)


def changed(**fields):
    """CLIP with other fields in its last frame."""
    last = dataclasses.replace(CLIP.frames[1], **fields)
    return dataclasses.replace(CLIP, frames=(CLIP.frames[0], last))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (changed(image=b"x"), "picture, or features instead. Received: both"),
        (changed(features={}), "picture, or features instead. Received: neither"),
        (changed(features={}, image=b"x"), "must have the same features"),
        (changed(features={"expr_embedding": vector(1, 2, 3)}), "the same features"),
        (
            changed(features={**features(1), "va_embedding": vector(1, 2)}),
            "the same features.*frame 5 of 'clip'",
        ),
        (
            sample(Frame(features={"expr_embedding": b"123"})),
            "of 2 bytes a number",
        ),
        (sample(Frame(features={"expr_embedding": b""})), "of 2 bytes a number"),
        (
            changed(features={**features(1), "va_embedding": vector(math.inf)}),
            "finite float16.*'va_embedding', frame 5",
        ),
        (
            changed(features={**features(1), "va_embedding": vector(math.nan)}),
            "must hold finite float16 numbers",
        ),
    ],
)
def test_what_is_no_feature_sample_is_refused(broken, message):
    with pytest.raises(ValueError, match=message):
        records.encode(broken, SMALL)


def test_a_record_that_lacks_a_vector_of_a_frame_is_refused():
    example = tf.train.Example.FromString(records.encode(CLIP, SMALL))
    del example.features.feature["feature/va_embedding"].bytes_list.value[1]
    with pytest.raises(ValueError, match="every vector for each of its frames"):
        record_decoder.decode(example.SerializeToString(), SMALL)
