"""The sample data set."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from affect_tf.labels.taxonomy import ABAW2
from tfrecords_builder import checks
from tfrecords_builder.readers import synthetic
from tfrecords_builder.rendering import expressions
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import samples


@pytest.fixture(scope="module")
def table():
    made = synthetic.annotations(num_train=3000, num_validation=600, seed=3)
    checks.check(made)
    return made.table


# The data set.


def test_a_sample_does_not_depend_on_how_many_there_are(table) -> None:
    small = synthetic.annotations(num_train=8, num_validation=2, seed=3).table
    same = table[table["key"].isin(small["key"])].reset_index(drop=True)
    assert same.equals(small)


def test_bytes_repeat_in_any_order_and_differ_between_samples() -> None:
    made = synthetic.annotations(num_train=6, num_validation=0, seed=4, size=64)
    keys = list(made.table["key"])
    first = {key: made.pictures.read(key) for key in keys}
    again = {key: made.pictures.read(key) for key in reversed(keys)}
    assert first == again
    assert len({hashlib.sha256(data).digest() for data in first.values()}) == 6


def test_another_seed_gives_other_people_and_labels() -> None:
    one, two = (synthetic.annotations(40, 0, seed).table for seed in (0, 1))
    assert not one.drop(columns="key").equals(two.drop(columns="key"))
    assert samples.person(0, "train", 0) != samples.person(1, "train", 0)


def test_pictures_are_jpeg_of_the_asked_size() -> None:
    made = synthetic.annotations(num_train=1, num_validation=0, size=96)
    data = np.frombuffer(made.pictures.read("train-000000"), np.uint8)
    assert data[:3].tobytes() == b"\xff\xd8\xff"
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (96, 96, 3)


def test_label_sets_have_their_shares(table) -> None:
    train = table[table["split"] == "train"]
    carried = zip(
        train["expression"].notna(),
        train["AU1"].notna(),
        train["valence"].notna(),
        strict=True,
    )
    found = [
        tuple(t for t, there in zip(("expr", "au", "va"), row, strict=True) if there)
        for row in carried
    ]
    for label_set, share in samples.LABEL_SHARES.items():
        assert found.count(label_set) / len(found) == pytest.approx(share, abs=0.03)


def test_validation_carries_every_label(table) -> None:
    validation = table[table["split"] == "validation"]
    assert validation["expression"].notna().all()
    assert validation[["valence", *ABAW2.action_units]].notna().all(axis=None)


def test_classes_have_their_shares(table) -> None:
    shares = table["expression"].value_counts(normalize=True)
    for name, share in expressions.CLASS_SHARES.items():
        assert shares[name] == pytest.approx(share, abs=0.035)


def test_labels_are_in_range(table) -> None:
    affect = table[["valence", "arousal"]].dropna().to_numpy()
    assert np.abs(affect).max() <= 1
    units = table[list(ABAW2.action_units)].dropna().to_numpy()
    assert set(np.unique(units)) == {0.0, 1.0}
    assert (units.mean(axis=0) > 0.01).all()
    assert set(table["expression"].dropna()) <= set(ABAW2.expressions)


def test_nobody_is_in_two_splits_and_everybody_has_several_pictures(table) -> None:
    assert (table.groupby("subject")["split"].nunique() == 1).all()
    assert (table.groupby("subject").size() == samples.SAMPLES_PER_SUBJECT).all()
    first, second = (samples.person(3, split, 0) for split in ("train", "validation"))
    assert first != second


def test_numbers_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: frames_per_clip=0"):
        synthetic.annotations(frames_per_clip=0)
    with pytest.raises(ValueError, match="Received: seed=-1"):
        synthetic.annotations(seed=-1)


@pytest.mark.parametrize("key", ["train-000000-001", "test", "other-000001"])
def test_a_key_that_is_not_in_the_table_is_refused(key) -> None:
    made = synthetic.annotations(num_train=1, num_validation=0)
    with pytest.raises(FileNotFoundError, match=key):
        made.pictures.read(key)


# Clips.


def test_units_of_a_clip_are_smooth_and_start_and_end_at_zero() -> None:
    for index in range(60):
        curves = samples.perform(0, "train", index, 64).units
        assert np.abs(curves[[0, -1]]).max() < 1e-6
        # Of 64 frames an expression needs eleven to unfold, and a blink five.
        assert np.abs(np.diff(curves, axis=0))[:, :-1].max() < 0.2
        assert np.abs(np.diff(curves, 2, axis=0))[:, :-1].max() < 0.06


def test_a_clip_shows_its_class_at_the_apex_and_neutral_outside() -> None:
    for index in range(40):
        shown = samples.perform(0, "validation", index, 32)
        clear = [name for name in shown.expressions if name is not None]
        assert shown.expressions[0] == shown.expressions[-1] == "neutral"
        assert set(clear) == {"neutral", shown.expression}
        assert shown.expressions[int(shown.unfolded.argmax())] == shown.expression
        if shown.expression != "neutral":
            assert None in shown.expressions


def test_a_clip_of_one_frame_is_the_still() -> None:
    clip = samples.render_clip(0, 7, 1, "validation", 64)
    still = samples.render_still(0, 7, "validation", 64)
    assert np.array_equal(clip.pictures[0], still)


def test_neighbouring_frames_differ_little_and_the_apex_much() -> None:
    index = next(
        i
        for i in range(100)
        if samples.perform(0, "train", i, 12).expression == "surprise"
    )
    frames = samples.render_clip(0, index, 12, size=64).pictures.astype(np.float32)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert steps.max() < 15
    assert steps.min() > 0


def test_clips_fill_the_table_frame_by_frame() -> None:
    made = synthetic.annotations(5, 3, seed=2, size=64, frames_per_clip=4)
    checks.check(made)
    assert len(made.table) == 8 * 4
    assert list(made.table["frame"][:4]) == [0, 1, 2, 3]
    assert made.table["clip"].nunique() == 8
    clip = samples.render_clip(2, 1, 4, "validation", 64)
    key = made.table[made.table["split"] == "validation"]["key"].iloc[6]
    assert made.pictures.read(key) == face.encode(clip.pictures[2])


def test_circumstances_drift_and_the_backdrop_stays() -> None:
    frames = samples.surroundings(0, "train", 0, 8)
    assert all(np.array_equal(f.backdrop, frames[0].backdrop) for f in frames)
    yaws = np.array([frame.yaw for frame in frames])
    assert 0 < np.abs(np.diff(yaws)).max() < 0.15
