"""Start, change of versions under load, and stop, without a dropped request."""

import http.client
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from affect_tf.errors import UserError
from affect_tf.serving.server import running
from affect_tf.serving.server.settings import Settings
from tests.serving.server.conftest import SETTINGS
from tests.serving.server.live_server import LiveServer
from tests.serving.small_models import pngs

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Load:
    """Clients that ask without pause; `statuses` of all answers."""

    def __init__(self, server, clients=4):
        self.statuses = []
        self._server, self._on = server, True
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self):
        while self._on:
            self.statuses.append(self._server.predict(*pngs(2))[0])

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._on = False
        for thread in self._threads:
            thread.join()


def new_version(folder, number, source="1"):
    """Puts a version in place as an export does: whole, by a rename."""
    shutil.copytree(folder / source, folder / f".{number}")
    (folder / f".{number}").rename(folder / str(number))


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_new_version_takes_over_under_load_without_a_dropped_request(own_folder):
    with LiveServer(own_folder, SETTINGS) as server:
        server.wait_ready()
        with Load(server) as load:
            new_version(own_folder, 2)
            server.wait_ready(2)
            wait_for(lambda: "version 1 is unloaded" in server.lines)
        assert set(load.statuses) == {200} and len(load.statuses) > 4
        assert server.get("/v2/models/affect/versions/1/ready")[0] == 404
        states = server.get("/v1/models/affect")[1]["model_version_status"]
        assert [s["state"] for s in states] == ["AVAILABLE", "END"]
        # A version that proved bad is taken away: the one before answers again.
        shutil.rmtree(own_folder / "2")
        server.wait_ready(1)


def test_a_version_that_cannot_be_loaded_changes_nothing_until_it_is_whole(own_folder):
    with LiveServer(own_folder, SETTINGS) as server:
        server.wait_ready()
        half = own_folder / "2"
        half.mkdir()
        (half / "saved_model.pb").write_bytes(b"half")
        wait_for(lambda: any("2 cannot be served" in line for line in server.lines))
        time.sleep(0.3)
        assert sum("cannot" in line for line in server.lines) == 1
        assert server.predict(*pngs(1))[0] == 200
        (status, _) = server.get("/v1/models/affect")[1]["model_version_status"]
        assert status["state"] == "END" and status["status"]["error_message"]
        shutil.copytree(own_folder / "1", half, dirs_exist_ok=True)
        server.wait_ready(2)


def test_a_server_starts_with_the_newest_version_that_can_be_loaded(own_folder):
    half = own_folder / "3"
    half.mkdir()
    (half / "saved_model.pb").write_bytes(b"half")
    (own_folder / "2").mkdir()
    (own_folder / "99").write_text("a file is no version")
    with LiveServer(own_folder, SETTINGS) as server:
        server.wait_ready(1)
        found = server.get("/v1/models/affect")[1]["model_version_status"]
        states = {int(each["version"]): each for each in found}
        assert {n: each["state"] for n, each in states.items()} == {
            3: "END",
            2: "END",
            1: "AVAILABLE",
        }
        assert states[3]["status"]["error_message"]
        assert states[2]["status"]["error_message"]
        # The folder is watched all the same, and what failed is not loaded again.
        time.sleep(0.2)
        assert sum("cannot be served" in line for line in server.lines) == 2
        shutil.copytree(own_folder / "1", half, dirs_exist_ok=True)
        server.wait_ready(3)


def test_a_server_whose_versions_all_fail_ends_with_the_newest_ones_reason(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(UserError, match=r"Received: .*/2[:,]"):
        running.serve(tmp_path, "127.0.0.1", 0, SETTINGS, lambda line: None)


def test_the_watch_goes_on_after_whatever_it_ran_into(own_folder, monkeypatch):
    from affect_tf.serving import version_folder

    look = version_folder.numbered
    broken = threading.Event()

    def numbered(directory):
        if broken.is_set():
            raise RuntimeError("the files have gone")
        return look(directory)

    monkeypatch.setattr(version_folder, "numbered", numbered)
    with LiveServer(own_folder, SETTINGS) as server:
        server.wait_ready()
        broken.set()
        wait_for(lambda: any("have gone" in line for line in server.lines))
        time.sleep(0.2)
        assert sum("have gone" in line for line in server.lines) == 1
        assert server.predict(*pngs(1))[0] == 200
        broken.clear()
        new_version(own_folder, 2)
        server.wait_ready(2)


def test_a_server_that_can_score_nothing_is_not_ready(own_folder, monkeypatch):
    from affect_tf.serving.server.batcher import Batcher

    with LiveServer(own_folder, SETTINGS) as server:
        server.wait_ready()

        def end(self):
            raise OverflowError("timestamp too large")

        monkeypatch.setattr(Batcher, "_take", end)
        assert server.predict(*pngs(1))[0] == 503
        assert server.get("/v2/health/ready") == (503, {"ready": False})
        assert server.get("/v2/models/affect/ready")[0] == 503
        assert server.get("/v2/health/live")[0] == 200


def test_a_server_is_live_before_its_model_and_ready_after(own_folder, monkeypatch):
    from affect_tf.serving.server import versions

    go_on = threading.Event()
    warm_up = versions.ServedVersion._warm_up

    def slow(self, max_batch):
        go_on.wait(20)
        warm_up(self, max_batch)

    monkeypatch.setattr(versions.ServedVersion, "_warm_up", slow)
    with LiveServer(own_folder, SETTINGS) as server:
        assert server.get("/v2/health/live")[0] == 200
        assert server.get("/v2/health/ready") == (503, {"ready": False})
        status, headers, _ = server.request("GET", "/v2/models/affect/ready")
        assert status == 503 and headers["retry-after"]
        assert server.predict(*pngs(1))[0] == 503
        go_on.set()
        server.wait_ready()


def test_a_server_that_stops_finishes_what_is_under_way(own_folder, monkeypatch):
    from affect_tf.serving.loaded_model import LoadedModel

    begun = threading.Event()
    answers = []
    with LiveServer(own_folder, SETTINGS) as server:
        server.wait_ready()
        scored = LoadedModel.from_bytes

        def slow(self, image_bytes):
            begun.set()
            time.sleep(0.5)
            return scored(self, image_bytes)

        monkeypatch.setattr(LoadedModel, "from_bytes", slow)
        asking = threading.Thread(
            target=lambda: answers.append(server.predict(*pngs(1))[0])
        )
        asking.start()
        assert begun.wait(10)
        server.stop()
        asking.join()
        server.join()
    assert answers == [200]


def test_sigterm_ends_the_process_with_code_0(own_folder):
    command = [
        sys.executable,
        "main.py",
        "--mode=serve",
        "--port=0",
        f"--model={own_folder}",
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            lines = iter(process.stdout.readline, "")
            port = next(
                int(line.split("127.0.0.1:")[1].split(";")[0])
                for line in lines
                if "listening" in line
            )
            assert any("is ready" in line for line in lines)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/v2/health/ready")
            assert connection.getresponse().status == 200
            # The connection stays open, and does not hold the server up.
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert "stopped" in "".join(lines)


def test_a_folder_without_a_model_ends_the_server_with_a_reason(tmp_path):
    with pytest.raises(UserError, match="holds no version"):
        running.serve(tmp_path, "127.0.0.1", 0, SETTINGS, lambda line: None)


def test_a_port_that_is_taken_is_the_users_to_correct(server):
    with pytest.raises(UserError, match="must be free") as error:
        running.listening("127.0.0.1", server.port)
    assert error.value.exit_code == 2


def test_limits_that_cannot_work_are_refused():
    with pytest.raises(UserError, match="--max_batch must be"):
        Settings(max_batch=0)
    with pytest.raises(UserError, match="--max_pixels must be .* at most"):
        Settings(max_pixels=2**40)
    with pytest.raises(UserError, match="queue"):
        Settings(max_instances=10**6)
    for wrong in (float("inf"), float("nan"), -1):
        with pytest.raises(UserError, match="--max_latency_ms must be"):
            Settings(max_latency_ms=wrong)
    with pytest.raises(UserError, match="--allowed_hosts must be"):
        Settings(allowed_hosts=("http://example.org",))


def test_one_version_can_be_served_without_its_folder(own_folder):
    with LiveServer(own_folder / "1", SETTINGS) as server:
        server.wait_ready(1)
        new_version(own_folder, 2)
        time.sleep(0.3)
        assert server.get("/v2/models/affect/versions/2/ready")[0] == 404
