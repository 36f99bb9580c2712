"""A server that is told to stop while it loads."""

import dataclasses
import threading
import time

from affect_tf.serving.loaded_model import LoadedModel
from tests.serving.server.conftest import SETTINGS
from tests.serving.server.live_server import LiveServer


def test_a_stop_ends_the_warm_up_and_is_no_failure(small_export, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    sizes = []
    scored = LoadedModel.from_bytes

    def slow(self, files):
        sizes.append(len(files))
        begun.set()
        go_on.wait(20)
        return scored(self, files)

    def never(self, faces):
        sizes.append(-1)

    monkeypatch.setattr(LoadedModel, "from_bytes", slow)
    monkeypatch.setattr(LoadedModel, "from_images", never)
    settings = dataclasses.replace(SETTINGS, max_batch=4096)
    with LiveServer(small_export, settings) as server:
        assert begun.wait(30)
        server.stop()
        time.sleep(0.3)
        go_on.set()
        server.join()
        assert sizes == [1]
        assert server.lines == []
        versions = server.versions
        assert versions.failure is None and not versions.is_ready
        (status,) = versions.statuses()
        assert status.state == "END" and status.problem == ""
