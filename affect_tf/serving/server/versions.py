"""The versions of a model on the disk, and the one that answers.

A thread of its own looks into the folder. It loads a new version beside the one that
answers, warms it up, and only then lets it answer. The old one finishes what it was
asked, and goes. A version that cannot be loaded changes nothing; it is tried again when
its files change, as they do while somebody copies them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import pathlib
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator

from affect_tf.errors import UserError
from affect_tf.serving import version_folder
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.served_version import ServedVersion
from affect_tf.serving.server.served_version import Stopped
from affect_tf.serving.server.settings import Settings

#: States of a version, as TensorFlow Serving names them.
LOADING = "LOADING"
AVAILABLE = "AVAILABLE"
UNLOADING = "UNLOADING"
END = "END"


@dataclasses.dataclass(frozen=True)
class Status:
    """What is known of one version.

    Attributes:
      number: The version's.
      state: One of the states above.
      problem: Why it does not answer; "" where nothing is wrong.
    """

    number: int
    state: str
    problem: str = ""


class Versions:
    """Loads, changes and ends the versions of one model."""

    def __init__(
        self,
        folder: pathlib.Path,
        settings: Settings,
        metrics: Metrics,
        say: Callable[[str], None],
    ) -> None:
        """Prepares; loads nothing yet.

        Args:
          folder: Of versions, which is watched; or one version, which stays.
          settings: Of the server.
          metrics: Where loads are counted.
          say: Gets a line when a version comes, goes, or cannot be loaded.
        """
        self._folder = folder
        self._watches = not (folder / "saved_model.pb").is_file()
        self._settings = settings
        self._metrics = metrics
        self._say = say
        self._lock = threading.Lock()
        self._current: ServedVersion | None = None
        self._statuses: dict[int, Status] = {}
        self._failed: dict[pathlib.Path, tuple[object, ...]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="versions", daemon=True)
        #: Why the first version could not be loaded.
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begins to load and to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stops to load and to watch; ends the current version when nobody needs it."""
        self._stopping.set()
        self._thread.join()
        if self._current is not None:
            self._current.close()

    @property
    def is_ready(self) -> bool:
        """Whether a version answers."""
        current = self._current
        return current is not None and current.batcher.is_alive

    def statuses(self) -> list[Status]:
        """Returns what is known of each version, newest first."""
        with self._lock:
            return [self._statuses[n] for n in sorted(self._statuses, reverse=True)]

    @contextlib.contextmanager
    def lease(self, number: int | None = None) -> Iterator[ServedVersion]:
        """Gives the version that answers, for as long as a request needs it.

        Args:
          number: The version that the request names; None for whichever answers.

        Raises:
          Refusal: If none is ready, or the named one does not answer.
        """
        with self._lock:
            current = self._current
            if current is None:
                raise Refusal(503, "The model is being loaded.", retry_after=2)
            current.batcher.check()
            if number is not None and number != current.number:
                raise Refusal(
                    404,
                    f"Version {number} is not served; version {current.number} is.",
                )
            lease = current.lease()
            version = lease.__enter__()
        try:
            yield version
        finally:
            lease.__exit__(None, None, None)

    def _work(self) -> None:
        said = ""
        while True:
            try:
                self._look()
            except Exception as error:  # The next look may go well.
                problem = f"{type(error).__name__}: {error}".splitlines()[0]
                if problem != said:
                    self._say(f"versions cannot be looked at: {problem}")
                said = problem
                if not self._watches:
                    self.failure = error
            else:
                said = ""
            if not self._watches or self._stopping.wait(self._settings.watch_s):
                return

    def _look(self) -> None:
        """Makes the newest version that can be loaded answer, if it does not."""
        try:
            folders = self._candidates()
        except OSError:  # The disk is away for a moment: keep what is loaded.
            folders = []
        failure: Exception = UserError(
            "A model must be a folder that --mode=export wrote. "
            f"Received: {self._folder}, which holds no version."
        )
        for place, folder in enumerate(folders):
            current = self._current
            if current is not None and folder == current.model.folder:
                return
            files = version_folder.files(folder)
            if self._failed.get(folder) == files:
                continue
            if self._stopping.is_set():
                return
            problem = self._load(folder, files)
            if problem is None:
                return
            failure = problem if place == 0 else failure
        if self._current is None and self.failure is None:
            self.failure = failure

    def _candidates(self) -> list[pathlib.Path]:
        """Returns what could answer, the best first."""
        if not self._watches:
            return [self._folder]
        return version_folder.numbered(self._folder)

    def _load(
        self, folder: pathlib.Path, files: tuple[object, ...]
    ) -> Exception | None:
        """Makes a version answer, unless the server stops; returns why it cannot."""
        number = int(folder.name) if version_folder.is_number(folder) else 0
        self._set(Status(number, LOADING))
        begin = time.monotonic()
        try:
            new = ServedVersion(folder, self._settings, self._metrics, self._stopping)
        except Stopped:
            self._set(Status(number, END))
            return None
        except Exception as error:  # Whatever is wrong with it, the old one answers.
            problem = str(error).splitlines()[0] if str(error) else repr(error)
            self._failed[folder] = files
            self._set(Status(number, END, problem))
            self._metrics.loads.labels("failed").inc()
            self._say(f"version {number} cannot be served: {problem}")
            return error
        seconds = time.monotonic() - begin
        with self._lock:
            old, self._current = self._current, new
            self._statuses[number] = Status(number, AVAILABLE)
            if old is not None:
                self._statuses[old.number] = Status(old.number, UNLOADING)
        self._metrics.version.set(number)
        self._metrics.loads.labels("loaded").inc()
        self._say(
            f"version {number} is ready (loaded and warmed up in {seconds:.1f} s)"
        )
        if old is not None:
            old.close()
            self._set(Status(old.number, END))
            self._say(f"version {old.number} is unloaded")
            del old
            gc.collect()
        return None

    def _set(self, status: Status) -> None:
        with self._lock:
            self._statuses[status.number] = status
