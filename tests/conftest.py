"""Fixtures shared by the whole suite."""

import os
import pathlib

# Two workers share the cores: more threads in each would only wait for each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
import pytest

from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.labels.taxonomy import ABAW1
from tests import plain_recurrence
from tests.record_folder import face
from tests.record_folder import write_records

plain_recurrence.install()


def pytest_collection_modifyitems(items):
    """Puts what takes longest first: no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("commands", "training"))


@pytest.fixture(scope="module")
def fused_recurrence():
    """Recurrent layers are what users get, see `plain_recurrence`."""
    with plain_recurrence.fused():
        yield


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """Real pictures beside the checkout; tests that need them skip without."""
    path = pathlib.Path(__file__).resolve().parents[1] / ".." / "shared"
    if not path.exists():
        pytest.skip("needs the real data beside the checkout")
    return path.resolve()


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory) -> pathlib.Path:
    """96 training faces of one task, or all, each and 21 validation faces."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(117):
        valence = float(rng.uniform(-1, 1))
        level = round(127 + 100 * valence)
        kind = ("expr", "au", "va", "all")[number % 4] if number < 96 else "all"
        expression = "happiness" if valence > 0 else "sadness"
        units = {name: int(valence > 0) for name in ABAW1.action_units}
        if number % 8 == 1:
            del units["AU4"]
        frame = Frame(
            face(level),
            expression=expression if kind in ("expr", "all") else None,
            action_units=units if kind in ("au", "all") else {},
            valence=valence if kind in ("va", "all") else None,
            arousal=-valence if kind in ("va", "all") else None,
        )
        split = "train" if number < 96 else "validation"
        samples.append(
            Sample(f"face{number}", (frame,), "made", f"person{number}", split=split)
        )
    return write_records(tmp_path_factory.mktemp("records"), samples)
