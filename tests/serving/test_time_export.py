"""Exported models of time, as they are loaded."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.past import Past
from affect_tf.errors import UserError
from affect_tf.evaluation import calibration
from affect_tf.serving import time_file
from affect_tf.serving import warm_up
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.served_version import ServedVersion
from affect_tf.serving.server.settings import Settings
from tests.serving import small_sequences
from tests.serving.small_sequences import HEARING

EXPR, VA = "expression_scores", "valence_arousal"


@pytest.fixture(scope="module")
def windows(window_export):
    return LoadedModel(window_export)


@pytest.fixture(scope="module")
def past(past_export):
    return LoadedModel(past_export)


def sounds(count):
    rng = np.random.default_rng(1)
    shape = [count, small_sequences.PAST.num_samples, 2]
    heard = np.int32([shape[1], 0, 9000][:count])
    return {"sound": rng.integers(-9000, 9000, shape, np.int16), "heard": heard}


def assert_ensemble(outputs, members, present):
    """Compares outputs with the members' scores, calibrated, zeros where not valid."""
    mean = members["expr"].mean(0)
    tempered = calibration.tempered(mean.reshape(-1, 3), 0.8).reshape(mean.shape)
    wanted = {EXPR: tempered, VA: members["va"].mean(0), f"{VA}_spread": None}
    wanted[f"{VA}_spread"] = members["va"].std(0)
    np.testing.assert_array_equal(outputs["valid"], present)
    for name, values in wanted.items():
        values = values * present[..., np.newaxis]
        np.testing.assert_allclose(outputs[name], values, atol=1e-5, err_msg=name)
    assert np.ptp(outputs[VA][present], axis=0).min() > 1e-3


def test_what_a_model_looks_at_travels_with_it(windows, past, tmp_path):
    assert windows.time == small_sequences.WINDOWS
    assert past.time == small_sequences.PAST
    assert time_file.read(tmp_path) is None
    (tmp_path / "time.json").write_text('{"kind": "Past", "frame": 3}')
    with pytest.raises(ValueError, match="must hold the fields of Past"):
        time_file.read(tmp_path)
    (tmp_path / "time.json").write_text("[]")
    with pytest.raises(ValueError, match="Windows or Past"):
        time_file.read(tmp_path)


def test_windows_of_pixels_have_the_scores_of_the_models(windows, window_models):
    image = small_sequences.faces(3, 5)
    present = np.ones((3, 5), bool)
    present[1, 3:] = present[2, 2] = False
    outputs = windows.step("serving_image", image=image, present=present)
    members = small_sequences.scores(
        window_models, {"image": image, "present": present}, (3, 5)
    )
    assert_ensemble(outputs, members, present)


def test_files_of_a_window_may_be_absent_or_damaged(windows):
    image = small_sequences.faces(2, 4)
    files = np.array([[tf.io.encode_png(f).numpy() for f in row] for row in image])
    files[0, 1], files[1, 3] = b"no picture", b""
    present = np.array([[1, 0, 1, 1], [1, 1, 1, 0]], bool)
    by_bytes = windows.step("serving_default", image_bytes=files)
    by_pixels = windows.step("serving_image", image=image, present=present)
    for name, values in by_pixels.items():
        np.testing.assert_allclose(by_bytes[name], values, atol=1e-6)


def test_the_steps_give_the_scores_of_the_whole(windows):
    image, present = small_sequences.faces(2, 5), np.ones((2, 5), bool)
    present[1, 4] = False
    vectors = windows.step("embed", image=image.reshape(10, 32, 32, 3))
    assert set(vectors) == {f"{t}_embedding_{n}" for t in ("expr", "va") for n in "012"}
    # Two of the members stand on one network, which is called, and stored, once.
    np.testing.assert_array_equal(vectors["va_embedding_0"], vectors["va_embedding_1"])
    assert not np.allclose(vectors["va_embedding_0"], vectors["va_embedding_2"])
    given = {name: each.reshape(2, 5, -1) for name, each in vectors.items()}
    steps = windows.step("sequence", present=present, **given)
    whole = windows.step("serving_image", image=image, present=present)
    for name, values in whole.items():
        np.testing.assert_allclose(steps[name], values, atol=1e-5)
    flat = {n: steps[n].reshape(10, -1) for n in windows.member_outputs}
    combined = windows.step("combine", **flat)
    assert set(combined) == set(windows.score_outputs)
    for name, values in combined.items():
        wanted = whole[name].reshape(10, -1)[:9]
        np.testing.assert_allclose(values[:9], wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 5), (2, 0), (0, 0)])
def test_no_window_and_no_frame_give_no_scores(windows, shape):
    files = tf.zeros(shape, tf.string)
    outputs = windows.step("serving_default", image_bytes=files)
    assert outputs[VA].shape == (*shape, 2)
    assert windows.step("embed", image=np.zeros((0, 9, 9, 3), np.uint8))[
        "va_embedding_0"
    ].shape == (0, 128)


def test_past_faces_and_sound_have_the_scores_of_the_models(past, past_models):
    image, present = small_sequences.faces(3, 3), np.ones((3, 3), bool)
    present[0, 0] = present[1, :2] = False
    given = {"image": image, "present": present, **sounds(3)}
    outputs = past.step("serving_image", **given)
    members = small_sequences.scores(past_models, given, (3,))
    assert_ensemble(outputs, members, np.ones(3, bool))
    vectors = past.step("embed", image=image.reshape(9, 32, 32, 3))
    faces = {name: each.reshape(3, 3, -1) for name, each in vectors.items()}
    heard = past.step("embed_sound", **sounds(3))
    assert not heard["sound_embedding_0"][1].any()
    steps = past.step("sequence", present=present, **faces, **heard)
    for name in past.score_outputs:
        np.testing.assert_allclose(steps[name], outputs[name], atol=1e-5)


def test_a_row_whose_own_face_is_absent_is_not_valid(past):
    image, present = small_sequences.faces(2, 3), np.ones((2, 3), bool)
    present[1, 2] = False
    outputs = past.step("serving_image", image=image, present=present, **sounds(2))
    assert outputs["valid"].tolist() == [True, False]
    assert not outputs[VA][1].any()


def test_no_discriminator_leaves_with_a_model(tmp_path, past):
    with_one = small_sequences.model(0, HEARING, num_sources=2)
    assert "discriminator" in with_one.output
    with pytest.raises(ValueError, match="without its discriminator"):
        small_sequences.exported(tmp_path, [with_one], HEARING)
    assert list(tmp_path.iterdir()) == []


def test_warm_up_requests_can_be_answered(past, windows):
    for model in (past, windows):
        files = warm_up.pictures(2, small_sequences.SIZE)
        inputs = warm_up.inputs(files, model.time)
        assert model.step("serving_default", **inputs)["valid"].all()
        stored = (model.folder / warm_up.FILE).read_bytes()
        records = tf.data.TFRecordDataset(str(model.folder / warm_up.FILE))
        assert len(list(records)) == len(warm_up.SEQUENCE_BATCH_SIZES)
        assert (b"heard" in stored) == isinstance(model.time, Past)


def test_a_recurrent_layer_is_stored_without_the_kernels_of_other_devices(windows):
    graph = (windows.folder / "saved_model.pb").read_bytes()
    assert b"gpu_gru" not in graph and b"CudnnRNN" not in graph


def test_time_is_stored_field_by_field(tmp_path):
    time = dataclasses.replace(small_sequences.PAST, stride=7)
    (tmp_path / "time.json").write_text(time_file.text(time))
    assert time_file.read(tmp_path) == time


def test_the_server_refuses_a_model_of_time(windows):
    with pytest.raises(UserError, match="single pictures to be served.*Windows"):
        ServedVersion(windows.folder, Settings(), Metrics())
