"""A predictor on the small model, with the detector that needs no network."""

import pytest

from affect_tf.serving import Predictor
from tests.serving.prediction import bright_faces


@pytest.fixture(scope="session")
def predictor(small_export):
    with bright_faces.as_default():
        return Predictor(small_export, batch_size=3)


@pytest.fixture
def bright():
    with bright_faces.as_default():
        yield
