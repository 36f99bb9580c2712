"""Fixtures shared by the whole suite."""

import gc
import os
import pathlib

# Two workers share the cores: more threads in each would only wait for each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
import pytest
from xdist.scheduler import LoadFileScheduling

from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.labels.taxonomy import ABAW1
from tests import plain_recurrence
from tests.record_folder import face
from tests.record_folder import write_records

plain_recurrence.install()
# Graphs are millions of small objects, and to go through all of them again and again
# takes longer than it is worth.
gc.freeze()
gc.set_threshold(200_000, 20, 100)

#: Files whose fixtures take longer than their tests: one worker has them all.
_TOGETHER = (
    "tests/serving/test_time_export.py",
    "tests/serving/prediction/test_window_scoring.py",
    "tests/serving/prediction/test_past_scoring.py",
)
_LONG = ("commands", "training")
#: Does not need the runs that most commands share, for which a worker would wait.
_FIRST = "test_sound_runs.py"


def pytest_collection_modifyitems(items):
    """Puts what takes longest first: no worker is left alone with it at the end."""

    def rank(item):
        is_long = item.path.parent.name in _LONG or in_one(item.nodeid)
        return 0 if item.path.name == _FIRST else 1 if is_long else 2

    items.sort(key=rank)


def in_one(nodeid):
    return nodeid.startswith(_TOGETHER)


class _ByFile(LoadFileScheduling):
    def _split_scope(self, nodeid):
        return _TOGETHER[0] if in_one(nodeid) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    """Gives each file to one worker, and some files to the same."""
    return _ByFile(config, log)


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
