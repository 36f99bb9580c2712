"""A loaded version of a model, with the queue before it."""

from __future__ import annotations

import contextlib
import pathlib
import threading
from collections.abc import Hashable
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.server.batcher import Batcher
from affect_tf.serving.server.batcher import Rows
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.settings import Settings

#: The key of pictures that are files. Pixels have ("pixels", height, width).
FILES = ("files",)


class Stopped(Exception):
    """The server was told to stop before the version was ready; nothing is wrong."""


class ServedVersion:
    """A loaded version, with the queue before it."""

    def __init__(
        self,
        folder: pathlib.Path,
        settings: Settings,
        metrics: Metrics,
        stopping: threading.Event | None = None,
    ) -> None:
        """Loads a version and warms it up.

        Args:
          folder: The version's.
          settings: How many pictures a call takes, and how long they wait.
          metrics: Where calls are counted.
          stopping: Ends the loading when it is set; None loads to the end.

        Raises:
          UserError: If it cannot be loaded, gives no finite scores, or looks at films.
          Stopped: If `stopping` was set meanwhile.
        """
        self._stopping = stopping or threading.Event()
        self.model = LoadedModel(folder)
        if self.model.time is not None:
            raise UserError(
                "--model must look at single pictures to be served here. Received: "
                f"--model={folder}, which looks at {type(self.model.time).__name__}. "
                "TensorFlow Serving serves it, and --mode=predict takes films.",
                exit_code=2,
            )
        self._leases = 0
        self._free = threading.Condition()
        self._warm_up(settings.max_batch)
        self.batcher = Batcher(
            self._call,
            max_batch=settings.max_batch,
            max_latency=settings.max_latency_ms / 1000,
            max_queue=settings.max_queue,
            metrics=metrics,
        )

    @property
    def number(self) -> int:
        """The version's number; 0 where its folder has none."""
        return self.model.version

    @contextlib.contextmanager
    def lease(self) -> Iterator[ServedVersion]:
        """Keeps the version loaded as long as a request needs it."""
        with self._free:
            self._leases += 1
        try:
            yield self
        finally:
            with self._free:
                self._leases -= 1
                self._free.notify_all()

    def close(self) -> None:
        """Ends the version when nobody needs it any more."""
        with self._free:
            self._free.wait_for(lambda: self._leases == 0)
        self.batcher.close()

    def _call(self, key: Hashable, pictures: list[Any]) -> Rows:
        if key == FILES:
            return self.model.from_bytes(pictures)
        return self.model.from_images(np.stack(pictures))

    def _warm_up(self, max_batch: int) -> None:
        """Calls the model with every size that matters; the first calls are slow.

        Raises:
          UserError: If scores are not finite.
          Stopped: If the server was told to stop.
        """
        side = self.model.image_size
        pixels = np.random.default_rng(0).integers(0, 256, [side, side, 3], np.uint8)
        file = tf.io.encode_jpeg(pixels).numpy()
        size = 1
        while True:
            for key, one in ((FILES, file), (("pixels", side, side), pixels)):
                if self._stopping.is_set():
                    raise Stopped
                rows = self._call(key, [one] * size)
                if not all(np.isfinite(value).all() for value in rows.values()):
                    raise UserError(
                        "A model must give finite scores. Received: NaN from "
                        f"{self.model.folder}. Export an earlier checkpoint."
                    )
            if size == max_batch:
                return
            size = min(2 * size, max_batch)
