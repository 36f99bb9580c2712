"""Rows of a camera or an iterator come with their frames, not with the next ones."""

import threading

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
