import threading

import pytest

from affect_tf.commands import run_lock
from affect_tf.commands.run_lock import alone


@pytest.mark.skipif(run_lock.fcntl is None, reason="the system has no such locks")
def test_the_second_waits_for_the_first_and_says_so(tmp_path):
    path = tmp_path / "new" / ".lock"
    waits, order = threading.Event(), []

    def second():
        with alone(path, waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone(path, lambda: pytest.fail("nobody was there")):
        thread.start()
        assert waits.wait(30)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_a_lock_is_given_back_after_an_error_and_without_one(tmp_path):
    path = tmp_path / ".lock"
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), alone(path, lambda: pytest.fail("is held")):
            raise error
    with alone(path, lambda: pytest.fail("is held")):
        pass


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks available")

    if run_lock.fcntl is not None:
        monkeypatch.setattr(run_lock.fcntl, "flock", refuse)
    entered = []
    with alone(tmp_path / ".lock", lambda: pytest.fail("is held")):
        entered.append(1)
    assert entered
