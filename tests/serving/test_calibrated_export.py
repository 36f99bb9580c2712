"""A temperature inside an exported model."""

import json

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.evaluation import calibration
from affect_tf.evaluation.calibration import Calibration
from affect_tf.serving import export
from affect_tf.serving import model_card
from tests.serving import small_models

TEMPERATURE = 2.5
FITTED = Calibration(
    TEMPERATURE,
    "validation",
    60,
    nll={"before": 1.5, "after": 1.25},
    ece={"before": 0.25, "after": 0.125},
    kept="",
)


@pytest.fixture(scope="module")
def models():
    return [small_models.model(seed) for seed in range(2)]


@pytest.fixture(scope="module")
def version(models, tmp_path_factory):
    return export.export(
        models,
        small_models.TASKS,
        small_models.TAXONOMY,
        small_models.SIZE,
        tmp_path_factory.mktemp("calibrated"),
        calibration=FITTED,
        card=model_card.ModelCard("small"),
    )


@pytest.fixture(scope="module")
def signatures(version):
    return tf.saved_model.load(str(version)).signatures


def test_the_mean_of_the_members_is_tempered_and_each_for_the_spread(
    signatures, models
):
    faces = small_models.faces(5)
    task = small_models.TASKS[0]
    members = np.stack(
        [
            task.decode(model({"image": faces}, training=False)["expr"]).numpy()
            for model in models
        ]
    )
    scores = signatures["serving_image"](image=tf.constant(faces))
    expected = calibration.tempered(members.mean(axis=0), TEMPERATURE)
    found = scores["expression_scores"].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - members.mean(axis=0)).max() > 0.05
    each = np.stack([calibration.tempered(one, TEMPERATURE) for one in members])
    spread = scores["expression_scores_spread"]
    np.testing.assert_allclose(spread, each.std(axis=0), atol=1e-6)


def test_the_other_tasks_know_no_temperature(signatures, models):
    faces = small_models.faces(5)
    scores = signatures["serving_image"](image=tf.constant(faces))
    for task, name in zip(
        small_models.TASKS[1:], ("action_unit_scores", "valence_arousal"), strict=True
    ):
        members = [
            task.decode(model({"image": faces}, training=False)[task.name])
            for model in models
        ]
        np.testing.assert_allclose(scores[name], np.mean(members, axis=0), atol=1e-5)


def test_the_temperature_travels_with_the_model(signatures, version):
    names = signatures["taxonomy"]()
    assert float(names["expression_temperature"]) == TEMPERATURE
    stored = json.loads((version / "assets/calibration.json").read_text())
    assert Calibration.from_json(stored) == FITTED
    page = (version / "assets/model_card.md").read_text()
    assert "temperature of 2.500, fitted on 60 faces of 'validation'" in page
    assert "0.250 before and 0.125 after" in page


def test_an_export_without_a_fit_says_so(models, tmp_path):
    folder = export.export(
        models[:1],
        small_models.TASKS,
        small_models.TAXONOMY,
        small_models.SIZE,
        tmp_path,
        card=model_card.ModelCard("small"),
    )
    stored = json.loads((folder / "assets/calibration.json").read_text())
    assert (stored["temperature"], stored["kept"]) == (1.0, "not fitted")
