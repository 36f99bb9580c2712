import threading

import pytest

from affect_tf.serving.prediction import overlapping


class Counted:
    """Counts what is asked for, and notes where it was closed."""

    def __init__(self, count, error=None):
        self.given, self.closed_in = 0, None
        self._items = self._all(count, error)

    def _all(self, count, error):
        try:
            for item in range(count):
                self.given += 1
                yield item
            if error:
                raise error
        finally:
            self.closed_in = threading.current_thread().name

    def __iter__(self):
        return self._items

    def close(self):
        self._items.close()


STEPS = {
    "ahead": lambda items: overlapping.ahead(items, 3),
    "mapped": lambda items: overlapping.mapped(items, lambda item: item, 3),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_items_come_in_order(step):
    assert list(step(Counted(500))) == list(range(500))


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_an_error_comes_after_the_items_before_it(step):
    stream = step(Counted(7, ValueError("broken")))
    got = []
    with pytest.raises(ValueError, match="broken"):
        got.extend(iter(stream.__next__, None))
    assert got == list(range(7))


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_caller_that_stops_closes_the_source_and_no_thread_is_left(step):
    before = threading.active_count()
    source = Counted(10**9)
    stream = step(source)
    assert [next(stream), next(stream)] == [0, 1]
    stream.close()
    assert source.closed_in is not None
    assert threading.active_count() == before
    assert source.given < 20, "only so many are held"


def test_the_source_is_read_and_closed_in_its_own_thread():
    source = Counted(3)
    assert list(overlapping.ahead(source, 1)) == [0, 1, 2]
    assert source.closed_in == "ahead"


def test_a_function_runs_on_several_items_at_a_time():
    together = threading.Barrier(2, timeout=20)
    assert list(overlapping.mapped(range(4), lambda i: together.wait() * 0 + i, 2)) == [
        *range(4)
    ]


def test_an_error_of_the_function_comes_after_the_results_before_it():
    stream = overlapping.mapped(range(9), lambda item: 1 / (item - 4), 2)
    assert len([next(stream) for _ in range(4)]) == 4
    with pytest.raises(ZeroDivisionError):
        next(stream)
