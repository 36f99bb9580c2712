"""A predictor on the small model, with the detector that needs no network."""

import pytest
from absl.testing import flagsaver

import main
from affect_tf.serving import Predictor
from tests.serving.prediction import bright_faces

if not main.FLAGS.is_parsed():
    main.FLAGS(["main.py"])


@pytest.fixture(scope="session")
def predictor(small_export):
    with bright_faces.as_default():
        return Predictor(small_export, batch_size=3)


@pytest.fixture
def bright():
    with bright_faces.as_default():
        yield


@pytest.fixture
def run(small_export, capsys, tmp_path, monkeypatch):
    """Predicts in an empty folder; returns the exit code and the output."""
    monkeypatch.chdir(tmp_path)

    def call(model=small_export, **flags):
        flags = {"mode": "predict", "model": str(model), **flags}
        with bright_faces.as_default(), flagsaver.flagsaver(**flags):
            code = main.main(["main.py"])
        output = capsys.readouterr().out
        assert "Traceback" not in output
        return code, output

    return call
