"""One small model that the tests of prediction share."""

import pathlib

import pytest

from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.serving import export
from affect_tf.serving import model_card
from tests.serving import small_models


@pytest.fixture(scope="session")
def small_export(tmp_path_factory) -> pathlib.Path:
    """A folder of versions, of which 1 is an ensemble of two small models."""
    folder = tmp_path_factory.mktemp("predicted") / "export"
    export.export(
        [small_models.model(seed) for seed in (0, 1)],
        small_models.TASKS,
        small_models.TAXONOMY,
        small_models.SIZE,
        folder,
        thresholds=Thresholds(
            {"AU1": 0.3, "AU12": 0.7}, "validation", {"AU1": 0.6, "AU12": 0.6}, {}
        ),
        card=model_card.ModelCard("small"),
    )
    return folder
