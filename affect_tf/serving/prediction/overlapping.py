"""Steps of one stream that run at the same time, in threads and in order.

Decoding (FFmpeg), detecting (LiteRT) and scoring (TensorFlow) release Python's lock, so
that threads use all cores. All queues are short: a fast step waits for a slow one, and
memory does not grow with the length of the stream.
"""

from __future__ import annotations

import collections
import contextlib
import queue
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent import futures
from typing import Any
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

#: How often a thread that waits looks whether it is still wanted, seconds.
_LOOK_EVERY = 0.1
#: How long to wait for a thread that was told to stop, seconds.
_PATIENCE = 5.0


class _End:
    """The last thing of a queue: the error that ended the stream, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(
    items: Iterable[_T | None], size: int, idle: float | None = None
) -> Iterator[_T | None]:
    """Takes items in a thread of their own, up to `size` ahead of who asks for them.

    Args:
      items: Is closed, where it can be, in that thread; also where the caller stops
        before the end. A None is no item, but a chance to see that nobody asks.
      size: How many are held, 1 or more.
      idle: Seconds after which a None says that there is nothing just now, and again
        after as many more; None to wait for the next item however long it takes.

    Raises:
      Whatever `items` raises, after the items before.
    """
    held: queue.Queue[Any] = queue.Queue(size)
    stopped = threading.Event()

    def put(item: object) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                held.put(item, timeout=_LOOK_EVERY)
                return

    def take() -> None:
        error = None
        try:
            with _closed(items):
                for item in items:
                    if item is not None:
                        put(item)
                    if stopped.is_set():
                        return
        except BaseException as caught:
            error = caught
        put(_End(error))

    thread = threading.Thread(target=take, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = held.get(timeout=idle)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, _End):
                break
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join(_PATIENCE)


def mapped(
    items: Iterable[_T | None], function: Callable[[_T], _R], workers: int
) -> Iterator[_R | None]:
    """Calls a function on several items at a time; results come in order.

    Args:
      items: Asked for in the caller's thread, and closed where it can be. A None is no
        item, but a chance to give what is ready while the next one takes its time; it
        is handed on.
      function: Called in `workers` threads.
      workers: 1 or more; twice as many items are held.

    Raises:
      What `items` or `function` raises, after the results before.
    """
    pending: collections.deque[futures.Future[_R]] = collections.deque()
    with futures.ThreadPoolExecutor(workers, "mapped") as pool, _closed(items):
        try:
            error, source = None, iter(items)
            while error is None:
                try:
                    item = next(source)
                except Exception as caught:  # The end too; what came before is first.
                    error = caught
                else:
                    if item is not None:
                        pending.append(pool.submit(function, item))
                while pending and (
                    error or pending[0].done() or len(pending) >= 2 * workers
                ):
                    yield pending.popleft().result()
                if error is None and item is None:
                    yield None
            if not isinstance(error, StopIteration):
                raise error
        finally:
            for each in pending:
                each.cancel()


@contextlib.contextmanager
def _closed(items: Iterable[Any]) -> Iterator[None]:
    """Closes a generator at the end, so that it lets go of its files."""
    try:
        yield
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
