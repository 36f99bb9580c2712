"""Who does the work: processes of this machine, or workers of an Apache Beam cluster.

Work is a list of independent items and one function that can be pickled. What an item
leaves behind lies in files; what it returns is small.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
from concurrent.futures import process as process_pool
from typing import Any
from typing import Protocol
from typing import TypeVar

import cv2

from affect_tf import files
from affect_tf.errors import UserError

#: Where Beam's workers leave their results, inside the shared folder.
_SCRATCH = ".beam"

Item = TypeVar("Item")
Result = TypeVar("Result")


class Runner(Protocol):
    """Applies a function to items, each somewhere."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yields the results in the order of the items.

        The first exception of an item is raised; what others have finished by then
        lies in their files.
        """


@dataclasses.dataclass(frozen=True)
class Local:
    """Processes of this machine.

    Attributes:
      workers: How many at once; None is one a core. With one, or for a single item,
        no other process is started.
    """

    workers: int | None = None

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yields the results in the order of the items; see `Runner`."""
        workers = min(self.workers or os.cpu_count() or 1, len(items))
        if workers <= 1:
            yield from map(function, items)
            return
        # A forked process would inherit the locks of TensorFlow's threads.
        context = multiprocessing.get_context("spawn")
        others = {*multiprocessing.active_children()}
        pool = futures.ProcessPoolExecutor(workers, context, _begin_worker)
        waiting: collections.deque[futures.Future[Result]] = collections.deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except process_pool.BrokenProcessPool as error:
            raise UserError(
                "A worker process must live until its work is done. Received: one "
                "that was killed, perhaps for want of memory. Give the same command "
                "again with a smaller --workers: finished files are kept."
            ) from error
        except BaseException:
            # Nobody waits for an hour of film after Ctrl-C.
            for process in {*multiprocessing.active_children()} - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@dataclasses.dataclass(frozen=True)
class Beam:
    """An Apache Beam pipeline, one element an item.

    Attributes:
      options: Beam's own flags ("--runner=FlinkRunner", ...); none of them is the
        direct runner, on this machine.
      shared: A folder that this machine and every worker see under this path: the
        results lie there until they are fetched.
    """

    options: tuple[str, ...]
    shared: str

    def check(self) -> None:
        """Raises a UserError where Apache Beam or one of the flags is not there."""
        self._pipeline()

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yields the results in the order of the items; see `Runner`.

        Raises:
          UserError: If Apache Beam is not installed, or an item failed with one.
        """
        if not items:
            return
        pipeline = self._pipeline()
        import apache_beam as beam

        shared = pathlib.Path(self.shared, _SCRATCH)
        shared.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shared) as scratch:
            work = _Work(function, os.path.abspath(scratch))
            with pipeline:
                _ = (
                    pipeline
                    | "items" >> beam.Create(list(enumerate(items)))
                    # Keeps the runner from fusing all items into one bundle.
                    | "spread" >> beam.Reshuffle()
                    | "work" >> beam.Map(work)
                )
            for index in range(len(items)):
                outcome = pickle.loads(work.path(index).read_bytes())
                if isinstance(outcome, UserError):
                    raise outcome
                yield outcome
        with contextlib.suppress(OSError):  # Another pipeline may be using it.
            shared.rmdir()

    def _pipeline(self) -> Any:
        """Returns an empty pipeline."""
        try:
            import apache_beam
            from apache_beam.options.pipeline_options import PipelineOptions
        except ImportError as error:
            raise UserError(
                "--runner=beam must have Apache Beam installed. Received: none. "
                "Run 'pip install apache-beam'.",
                exit_code=2,
            ) from error
        flags = list(self.options)
        # Beam itself would go on without a flag that it does not know, here.
        parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
        for group in PipelineOptions.__subclasses__():
            if "_add_argparse_args" in vars(group):
                group._add_argparse_args(parser)
        try:
            _, unknown = parser.parse_known_args(flags)
            if unknown:
                raise ValueError(f"unknown: {' '.join(unknown)}")
            return apache_beam.Pipeline(options=PipelineOptions(flags))
        except (SystemExit, ValueError, AttributeError, ImportError) as error:
            raise UserError(
                "--beam_flags must be flags of Apache Beam. Received: "
                f"{' '.join(flags)} ({error}). See Beam's list of pipeline options.",
                exit_code=2,
            ) from error


@dataclasses.dataclass(frozen=True)
class _Work:
    """Does one item and leaves its result in a file.

    A user's mistake is a result too: as an exception it would be tried again, and
    come back inside a trace of the runner's own.
    """

    function: Callable[[Any], Any]
    scratch: str

    def __call__(self, numbered: tuple[int, Any]) -> None:
        index, item = numbered
        try:
            outcome = self.function(item)
        except UserError as error:
            outcome = error
        files.write_bytes(self.path(index), pickle.dumps(outcome))

    def path(self, index: int) -> pathlib.Path:
        return pathlib.Path(self.scratch, f"{index}.pickle")


def _begin_worker() -> None:
    """Ties a worker's end to that of its parent.

    Ctrl-C ends it through the parent, without a trace of its own. A parent that is
    killed tells nobody: without a watch the worker would wait for work for ever, or
    write into a folder that the next run holds.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # There is a process for each core.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
