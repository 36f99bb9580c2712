"""Work that is done by other processes and other machines."""

import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time

import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import build
from tfrecords_builder import runners

#: What can be pickled by name, and needs no module of the tests.
double = str.upper


def refuse(item):
    raise UserError(f"An item must be good. Received: {item}. Mend it.")


def test_processes_give_results_in_the_order_of_the_items():
    items = [f"item {i}" for i in range(9)]
    assert [*runners.Local(2).map(double, items)] == [i.upper() for i in items]


def test_one_worker_starts_no_process():
    assert {*runners.Local(1).map(lambda item: os.getpid(), [1, 2])} == {os.getpid()}
    assert [*runners.Local(4).map(double, [])] == []


def test_a_worker_that_is_killed_is_an_error_with_advice():
    with pytest.raises(UserError, match="smaller --workers"):
        [*runners.Local(2).map(os._exit, [1, 1])]


_KILLED = """
import multiprocessing, os, signal, threading, time
from tfrecords_builder.runners import Local

if __name__ == "__main__":
    work = Local(2).map(time.sleep, [60, 60])
    threading.Thread(target=next, args=(work,), daemon=True).start()
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.01)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    root = pathlib.Path(__file__).parents[2]
    told = tmp_path / "workers.txt"
    # A file, since whoever is left over would keep a pipe open.
    with told.open("w") as stream:
        killed = subprocess.run(
            [sys.executable, script],
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=stream,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    workers = told.read_text().split()
    assert killed.returncode == -signal.SIGKILL and len(workers) == 2
    deadline = time.monotonic() + 10
    while any(_lives(int(pid)) for pid in workers):
        assert time.monotonic() < deadline, "a worker waits for nobody"
        time.sleep(0.05)


def _lives(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    # Where nobody fetches the dead, they stay as zombies.
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_an_error_of_an_item_is_raised_from_processes_too():
    with pytest.raises(FileNotFoundError):
        [*runners.Local(2).map(os.stat, ["/no/such/file", "/"])]


def test_a_beam_pipeline_writes_the_same_bytes(data):
    pytest.importorskip("apache_beam")
    build(data, frames_per_shard=2)
    expected = data.files()
    beam = runners.Beam((), str(data.out))
    build(data, frames_per_shard=2, runner=beam, overwrite=True)
    assert data.files() == expected


def test_a_mistake_in_the_data_comes_out_of_a_pipeline_as_it_is(tmp_path):
    pytest.importorskip("apache_beam")
    beam = runners.Beam((), str(tmp_path))
    with pytest.raises(UserError, match="An item must be good. Received: 2"):
        [*beam.map(refuse, [2])]
    assert [*beam.map(double, ["a", "b", "c"])] == ["A", "B", "C"]
    assert not (tmp_path / ".beam").exists() or not any((tmp_path / ".beam").iterdir())


def test_without_beam_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(UserError, match="pip install apache-beam"):
        [*runners.Beam((), str(tmp_path)).map(double, ["a"])]


def test_a_user_error_keeps_its_status_between_processes():
    error = pickle.loads(pickle.dumps(UserError("wrong", exit_code=2)))
    assert (str(error), error.exit_code) == ("wrong", 2)
