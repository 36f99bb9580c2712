"""One small model and one running server for the tests of the server."""

import pathlib
import shutil

import pytest

from affect_tf.serving.server.settings import Settings
from tests.serving.server.live_server import LiveServer

#: Short enough for tests that wait for them to pass.
SETTINGS = Settings(
    max_batch=32,
    max_bytes=2**20,
    max_pixels=2**20,
    max_instances=64,
    max_queue=256,
    idle_s=1.0,
    request_s=1.5,
    stop_s=5.0,
    watch_s=0.05,
)


@pytest.fixture(scope="session")
def server(small_export):
    """A server that tests share; they leave it as it was."""
    with LiveServer(small_export, SETTINGS) as live:
        live.wait_ready()
        yield live


@pytest.fixture
def own_folder(small_export, tmp_path) -> pathlib.Path:
    """A folder of versions to change."""
    return pathlib.Path(shutil.copytree(small_export, tmp_path / "export"))
