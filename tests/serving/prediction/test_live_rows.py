"""Rows of a camera or an iterator come with their frames, not with the next ones."""

import threading
import types

import pytest

from affect_tf.serving import Predictor
from affect_tf.serving.prediction import overlapping
from affect_tf.serving.prediction import predictor as predictor_lib
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.sightings import Sighting
from affect_tf.serving.prediction.table import Place
from tests.serving.prediction.bright_faces import picture


class Waiting:
    """Gives a frame only once the row of the one before has come."""

    def __init__(self, people):
        self.row_came = threading.Semaphore(1)
        self.too_late = 0
        self._people = people

    def __iter__(self):
        for number, people in enumerate(self._people):
            self.too_late += not self.row_came.acquire(timeout=5)
            if self.too_late:
                return
            yield picture(people, number)


@pytest.mark.parametrize("people", [[1] * 6, [1, 0, 1, 0, 0, 1]])
def test_a_row_comes_before_the_next_frame_is_there(small_export, bright, people):
    source = Waiting(people)
    count = 0
    for row in Predictor(small_export, batch_size=32).rows(iter(source)):
        assert row["frame"] == count
        count += 1
        source.row_came.release()
    assert (count, source.too_late) == (len(people), 0)


def test_a_result_does_not_wait_for_the_next_item():
    came = threading.Event()

    def items():
        yield 1
        yield from overlapping.ahead(late(), 1, 0.01)

    def late():
        yield 2
        assert came.wait(10), "the result of 2 waits for 3"
        yield 3

    results = overlapping.mapped(items(), lambda item: item, 4)
    some = (result for result in results if result is not None)
    assert [next(some), next(some)] == [1, 2]
    came.set()
    assert list(some) == [3]


def test_nothing_is_said_while_nothing_comes():
    came = threading.Event()

    def items():
        came.wait(10)
        yield 1

    stream = overlapping.ahead(items(), 1, 0.01)
    assert next(stream) is None
    came.set()
    assert [item for item in stream if item is not None] == [1]


@pytest.mark.parametrize("is_live", [True, False])
def test_a_camera_that_never_pauses_has_its_faces_scored_in_time(monkeypatch, is_live):
    monkeypatch.setattr(predictor_lib, "_LIVE_WAIT", 0.0)
    material = Material("camera", frames=list, is_live=is_live)
    seen = [Sighting(0, material, Place("camera", index)) for index in range(3)]
    timely = predictor_lib._timely(iter(seen), threading.Event())
    assert [is_due for _, is_due in timely] == [is_live] * 3


def test_a_slow_call_of_the_model_is_no_silence_of_the_source(monkeypatch):
    """What was seen before a stop comes, however long it takes to be scored."""
    now = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(predictor_lib, "time", clock)
    material = Material("camera", frames=list, is_live=True)
    seen = [Sighting(0, material, Place("camera", index)) for index in range(3)]
    coming = [seen[0], None, seen[1], None, None, seen[2]]
    stopped = threading.Event()
    stopped.set()
    got = []
    for sighting, _ in predictor_lib._timely(iter(coming), stopped):
        got.append(sighting)
        now[0] += 60.0
    assert got == coming

    def silent():
        yield seen[0]
        now[0] += 60.0
        yield None
        pytest.fail("it hangs, and is asked again")

    assert [s for s, _ in predictor_lib._timely(silent(), stopped)] == seen[:1]
