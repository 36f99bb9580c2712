"""Exported models, as they are loaded by TensorFlow alone."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import images
from affect_tf.errors import UserError
from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels import taxonomy
from affect_tf.objective import tasks
from affect_tf.serving import export
from affect_tf.serving import model_card
from affect_tf.serving import score_graphs
from affect_tf.serving.loaded_model import LoadedModel
from tests.serving import small_models

CARD = model_card.ModelCard("small")
THRESHOLDS = Thresholds({"AU1": 0.3}, "validation", {"AU1": 0.6}, {})
NAMES = tuple(score_graphs.OUTPUTS.values())
ONE = (tasks.Expression(),)


def exported(folder, models, **options):
    options = {"tasks": small_models.TASKS, "taxonomy": small_models.TAXONOMY} | options
    return export.export(
        models,
        options.pop("tasks"),
        options.pop("taxonomy"),
        small_models.SIZE,
        folder,
        card=CARD,
        **options,
    )


def in_process(model, faces):
    logits = model({"image": faces}, training=False)
    return {
        score_graphs.OUTPUTS[task.name]: task.decode(logits[task.name]).numpy()
        for task in small_models.TASKS
    }


@pytest.fixture(scope="module")
def models():
    return [small_models.model(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def version(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    result = exported(folder, models[:1], thresholds=THRESHOLDS)
    assert result == folder / "1"
    return result


@pytest.fixture(scope="module")
def single(version):
    return tf.saved_model.load(str(version)).signatures


@pytest.fixture(scope="module")
def ensemble(models, tmp_path_factory):
    folder = exported(tmp_path_factory.mktemp("ensemble"), models)
    return tf.saved_model.load(str(folder)).signatures


def test_tensorflow_alone_gives_the_scores_of_the_training_process(
    version, models, tmp_path
):
    rows = [*small_models.pngs(3), b"no picture", *small_models.pngs(2, 40, 1)]
    pixels = small_models.faces(4, 23, 2)
    np.save(tmp_path / "rows.npy", np.array(rows, object), allow_pickle=True)
    np.save(tmp_path / "pixels.npy", pixels)
    script = pathlib.Path(__file__).with_name("loads_with_plain_tensorflow.py")
    arguments = [version, tmp_path / "rows.npy", tmp_path / "pixels.npy"]
    subprocess.run(
        [sys.executable, str(script), *map(str, arguments), str(tmp_path / "out.npz")],
        check=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    answers = np.load(tmp_path / "out.npz")
    faces, valid = images.decode_batch(tf.constant(rows), small_models.SIZE)
    assert answers["bytes/valid"].tolist() == valid.numpy().tolist()
    assert answers["bytes/valid"].tolist() == [True] * 3 + [False] + [True] * 2
    expected = in_process(models[0], faces)
    resized = images.resize(tf.constant(pixels), small_models.SIZE)
    expected_of_pixels = in_process(models[0], resized)
    for name in NAMES:
        read = expected[name] * valid.numpy()[:, np.newaxis]
        np.testing.assert_allclose(answers[f"bytes/{name}"], read, atol=1e-5)
        of_pixels = answers[f"image/{name}"]
        np.testing.assert_allclose(of_pixels, expected_of_pixels[name], atol=1e-5)
    assert answers["image/valid"].all()
    assert answers["names/expressions"].tolist() == ["neutral", "anger", "fear"]


def test_a_row_alone_has_the_scores_of_the_row_in_a_batch_of_32(single):
    rows = small_models.pngs(16) + small_models.pngs(16, 50, 1)
    together = single["serving_default"](image_bytes=tf.constant(rows))
    for row, item in enumerate(rows):
        alone = single["serving_default"](image_bytes=tf.constant([item]))
        for name in NAMES:
            np.testing.assert_allclose(alone[name][0], together[name][row], atol=1e-5)


def test_both_signatures_agree_on_the_same_picture(single):
    faces = small_models.faces(2, 37)
    rows = [tf.io.encode_png(face).numpy() for face in faces]
    by_bytes = single["serving_default"](image_bytes=tf.constant(rows))
    by_pixels = single["serving_image"](image=tf.constant(faces))
    for name in NAMES:
        np.testing.assert_allclose(by_bytes[name], by_pixels[name], atol=1e-6)


def test_an_unreadable_picture_is_invalid_alone_and_has_zeros(ensemble):
    good = small_models.pngs(2)
    mixed = ensemble["serving_default"](
        image_bytes=tf.constant([good[0], b"", good[1]])
    )
    clean = ensemble["serving_default"](image_bytes=tf.constant(good))
    assert mixed["valid"].numpy().tolist() == [True, False, True]
    for name in clean:
        if name != "valid":
            assert not mixed[name][1].numpy().any()
            kept = mixed[name].numpy()[[0, 2]]
            np.testing.assert_allclose(kept, clean[name], atol=1e-5)


def test_an_empty_batch_gives_empty_scores(single):
    scores = single["serving_default"](image_bytes=tf.zeros([0], tf.string))
    assert scores["expression_scores"].shape == (0, 3)
    assert scores["valid"].shape == (0,)


def test_scores_are_float32_and_expression_scores_sum_to_one(single):
    rows = tf.constant(small_models.pngs(3))
    scores = single["serving_default"](image_bytes=rows)
    assert {scores[name].dtype for name in NAMES} == {tf.float32}
    np.testing.assert_allclose(scores["expression_scores"].numpy().sum(1), 1, atol=1e-6)


def test_an_ensemble_gives_the_mean_and_the_spread_of_its_members(ensemble, models):
    faces = small_models.faces(4)
    scores = ensemble["serving_image"](image=tf.constant(faces))
    members = [in_process(model, faces) for model in models]
    for name in NAMES:
        each = np.stack([member[name] for member in members])
        np.testing.assert_allclose(scores[name], each.mean(0), atol=1e-5)
        np.testing.assert_allclose(scores[f"{name}_spread"], each.std(0), atol=1e-5)
        assert each.std(0).max() > 0.01


def test_a_single_model_has_no_spread(single):
    outputs = single["serving_default"].structured_outputs
    assert set(outputs) == {*NAMES, "valid"}


def test_only_the_exported_tasks_have_outputs_and_names(tmp_path):
    heads = (tasks.Expression(),)
    model = small_models.model(0, heads=heads)
    folder = exported(tmp_path, [model], tasks=heads)
    signatures = tf.saved_model.load(str(folder)).signatures
    outputs = signatures["serving_default"].structured_outputs
    assert set(outputs) == {"expression_scores", "valid"}
    assert signatures["taxonomy"]()["action_units"].shape == (0,)
    written = json.loads((folder / "assets/taxonomy.json").read_text())
    assert written["action_units"] == []
    assert not written["has_va"]


def test_names_and_thresholds_travel_with_the_model(single, version):
    names = single["taxonomy"]()
    assert names["action_units"].numpy().tolist() == [b"AU1", b"AU12"]
    assert names["valence_arousal"].numpy().tolist() == [b"valence", b"arousal"]
    assert names["image_size"] == small_models.SIZE
    np.testing.assert_allclose(names["action_unit_thresholds"], [0.3, 0.5])
    assets = version / "assets"
    stored = taxonomy.Taxonomy.from_json((assets / "taxonomy.json").read_text())
    assert stored == small_models.TAXONOMY
    thresholds = Thresholds.from_json(
        json.loads((assets / "thresholds.json").read_text())
    )
    assert thresholds.values == {"AU1": 0.3, "AU12": 0.5}
    assert thresholds.kept == {"AU12": "not fitted"}
    assert "# Model card: small" in (assets / "model_card.md").read_text()
    assert json.loads((assets / "model_card.json").read_text())["members"] == 1


def test_weights_that_are_not_finite_are_refused(tmp_path):
    broken = small_models.model(0)
    kernel = broken.layers[2].kernel
    kernel.assign(kernel * np.nan)  # A ReLU behind it hides the NaN from the scores.
    with pytest.raises(ValueError, match="finite weights.*kernel.*earlier checkpoint"):
        exported(tmp_path, [broken])


def test_scores_that_are_not_finite_leave_no_version_behind(tmp_path):
    broken = small_models.model(0)
    broken.get_layer("expr").kernel.assign(tf.fill([8, 3], 3e38))
    with pytest.raises(ValueError, match="finite scores.*expression_scores"):
        exported(tmp_path, [broken])
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_computes_in_16_bits_is_refused(tmp_path):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = small_models.model(0)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    with pytest.raises(ValueError, match="float32.*bfloat16.*policy 'float32'"):
        exported(tmp_path, [model])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "at least one model"),
        ({"tasks": ()}, "at least one. Received"),
        ({"tasks": (tasks.Expression(), tasks.Expression())}, "each task once"),
        ({"taxonomy": taxonomy.Taxonomy("va only")}, "must belong to taxonomy"),
        ({"taxonomy": taxonomy.ABAW1}, "must have 7 columns"),
        ({"models": [small_models.model(0, heads=ONE)]}, "without 'au'"),
        ({"thresholds": Thresholds({"AU2": 0.5}, "", {}, {})}, "Did you mean"),
        ({"thresholds": Thresholds({"AU1": 2.0}, "", {}, {})}, "a probability"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path, change, message, models):
    change = dict(change)
    heads = change.pop("heads", None)
    chosen = (
        [small_models.model(0, heads=small_models.TASKS[:heads])] if heads else models
    )
    with pytest.raises(ValueError, match=message):
        exported(tmp_path, change.pop("models", chosen), **change)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["[]", "5", "{}", '{"expressions": 5}', "", "null"])
def test_a_folder_with_broken_assets_is_refused_in_a_sentence(version, tmp_path, text):
    broken = pathlib.Path(shutil.copytree(version, tmp_path / "1"))
    (broken / "assets" / "taxonomy.json").write_text(text)
    with pytest.raises(UserError, match=r"whole folder .*/1: .+\. Export it again"):
        LoadedModel(broken)


def test_names_that_are_not_the_graphs_own_are_refused(version, tmp_path):
    broken = pathlib.Path(shutil.copytree(version, tmp_path / "1"))
    other = taxonomy.Taxonomy("other", action_units=("AU1", "AU2", "AU4"))
    text = json.dumps(other.to_json())
    (broken / "assets" / "taxonomy.json").write_text(text)
    with pytest.raises(UserError, match="whole folder that"):
        LoadedModel(broken)


def test_an_error_without_text_has_its_name_for_a_reason(version, monkeypatch):
    def load(folder):
        raise ValueError

    monkeypatch.setattr(tf.saved_model, "load", load)
    with pytest.raises(UserError, match="/1: ValueError. Export it again"):
        LoadedModel(version)
