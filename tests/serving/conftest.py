"""Small models that the tests of exports and of prediction share."""

import pathlib

import pytest

from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.serving import export
from affect_tf.serving import model_card
from tests import plain_recurrence
from tests.serving import small_models
from tests.serving import small_sequences


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


@pytest.fixture(scope="session")
def window_models() -> list:
    """Three models of windows, of which the first two stand on one network."""
    first = small_sequences.model(0)
    second = small_sequences.model(1, below=first)
    with plain_recurrence.fused():
        return [first, second, small_sequences.model(2)]


@pytest.fixture(scope="session")
def window_export(window_models, tmp_path_factory) -> pathlib.Path:
    """Those as one ensemble: a version."""
    folder = tmp_path_factory.mktemp("windows")
    return small_sequences.exported(folder, window_models)


@pytest.fixture(scope="session")
def past_models() -> list:
    """Two models of past faces and sound."""
    return [small_sequences.model(seed, small_sequences.HEARING) for seed in (0, 1)]


@pytest.fixture(scope="session")
def past_export(past_models, tmp_path_factory) -> pathlib.Path:
    """Those as one ensemble: a version."""
    folder = tmp_path_factory.mktemp("past")
    return small_sequences.exported(folder, past_models, small_sequences.HEARING)
