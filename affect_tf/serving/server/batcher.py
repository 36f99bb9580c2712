"""Joins the pictures of many requests into few calls of the model.

A picture never waits for a call that could start: where a request is alone, it goes at
once. Only when several requests were under way, the next call waits for as many
pictures again, and for `max_latency` seconds at the longest since its first picture
came and the model was free. So one client has the latency of the bare model, and many
have its throughput.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import threading
import time
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Sequence
from typing import Any

import numpy as np

from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal

#: What a call gives: {output: array}, one row a picture.
Rows = dict[str, np.ndarray]


@dataclasses.dataclass(eq=False)
class _Waiting:
    """Pictures of one request.

    Attributes:
      key: Requests of the same key may share a call.
      pictures: What the model takes.
      future: Gets the rows of all pictures, on the loop.
      loop: Of the request.
      since: When it came, by `time.monotonic`.
      started: How many of the pictures were put into calls so far.
      parts: The rows of the calls that are done.
    """

    key: Hashable
    pictures: Sequence[Any]
    future: asyncio.Future[Rows]
    loop: asyncio.AbstractEventLoop
    since: float
    started: int = 0
    parts: list[Rows] = dataclasses.field(default_factory=list)


class Batcher:
    """One queue, and the thread that empties it into a model."""

    def __init__(
        self,
        call: Callable[[Hashable, list[Any]], Rows],
        *,
        max_batch: int,
        max_latency: float,
        max_queue: int,
        metrics: Metrics,
    ) -> None:
        """Starts the thread.

        Args:
          call: Of a key and pictures; gives rows in their order. Run in one thread.
          max_batch: Pictures in one call.
          max_latency: Seconds for which a picture waits for others.
          max_queue: Pictures that may wait.
          metrics: Where calls are counted.
        """
        self._call = call
        self._max_batch = max_batch
        self._max_latency = max_latency
        self._max_queue = max_queue
        self._metrics = metrics
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._changed = threading.Condition()
        self._queued = 0
        self._closing = False
        #: Pictures, of several requests, that were under way when the last call ended:
        #: in it, or waiting. 0 where they were of one request.
        self._expected = 0
        self._free_since = 0.0
        self._running: list[tuple[_Waiting, int, int]] = []
        self._is_broken = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether pictures are still scored: the thread has not ended by an error."""
        return not self._is_broken

    def check(self) -> None:
        """Raises Refusal, 503, unless pictures are still scored."""
        if self._is_broken:
            raise Refusal(
                503, "The server can score no pictures any more. Start it again."
            )

    async def scores(self, key: Hashable, pictures: Sequence[Any]) -> Rows:
        """Returns the rows of a request's pictures, in their order.

        Args:
          key: Only requests of the same key share a call.
          pictures: At least one; may be more than one call takes.

        Raises:
          Refusal: If too many pictures wait already, the server stops, or the thread
            has ended by an error.
        """
        loop = asyncio.get_running_loop()
        entry = _Waiting(key, pictures, loop.create_future(), loop, time.monotonic())
        with self._changed:
            if self._closing:
                raise Refusal(503, "The server is stopping.", retry_after=5)
            self.check()
            if self._queued + len(pictures) > self._max_queue:
                raise Refusal(
                    503,
                    f"{self._queued} pictures wait already, and {self._max_queue} may. "
                    "Send the request again later.",
                    retry_after=1,
                )
            self._queue.append(entry)
            self._count(len(pictures))
            self._changed.notify()
        try:
            return await entry.future
        finally:
            self._forget(entry)

    def close(self) -> None:
        """Finishes what waits, and ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _forget(self, entry: _Waiting) -> None:
        """Takes the pictures of a client that left out of the queue."""
        with self._changed:
            if entry in self._queue:
                self._queue.remove(entry)
                self._count(entry.started - len(entry.pictures))

    def _count(self, change: int) -> None:
        self._queued += change
        self._metrics.queued.inc(change)

    def _work(self) -> None:
        try:
            while self._work_once():
                pass
        except BaseException:  # The thread ends, so nobody may go on waiting for it.
            with self._changed:
                self._is_broken = True
                left = [*self._queue, *(entry for entry, _, _ in self._running)]
                self._queue.clear()
                self._count(-self._queued)
            for entry in left:
                _tell(entry, Refusal(503, "The picture could not be scored."))

    def _work_once(self) -> bool:
        """Makes one call; False where none is to be made any more."""
        with self._changed:
            if not self._wait():
                return False
            parts = self._running = self._take()
        outcomes = self._run(parts)
        # Before anybody is told: whoever has an answer may ask again at once, and would
        # be counted twice.
        with self._changed:
            taken = sum(stop - start for _, start, stop in parts)
            several = len(parts) + len(self._queue) > 1
            self._expected = taken + self._queued if several else 0
            self._free_since = time.monotonic()
        for entry, outcome in outcomes:
            _tell(entry, outcome)
        self._running = []
        return True

    def _wait(self) -> bool:
        """Waits until a call should start; False where none ever will."""
        while not self._queue:
            if self._closing:
                return False
            self._changed.wait()
        until = max(self._queue[0].since, self._free_since) + self._max_latency
        goal = min(self._expected, self._max_batch)
        while not self._closing and self._queue and self._queued < goal:
            left = until - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                break
        return bool(self._queue) or self._wait()

    def _take(self) -> list[tuple[_Waiting, int, int]]:
        """Takes the pictures of one call: requests, each with a range of its own."""
        key, room = self._queue[0].key, self._max_batch
        parts, left = [], collections.deque()
        while self._queue and room:
            entry = self._queue.popleft()
            if entry.key != key:
                left.append(entry)
                continue
            stop = min(entry.started + room, len(entry.pictures))
            parts.append((entry, entry.started, stop))
            room -= stop - entry.started
            self._count(entry.started - stop)
            entry.started = stop
            if stop < len(entry.pictures):
                left.append(entry)
        # What is left goes back to the front, so that nothing is overtaken for ever.
        self._queue.extendleft(reversed(left))
        return parts

    def _run(
        self, parts: list[tuple[_Waiting, int, int]]
    ) -> list[tuple[_Waiting, Rows | Exception]]:
        """Makes a call; returns the requests that are done by it, and their rows."""
        pictures = [
            p for entry, start, stop in parts for p in entry.pictures[start:stop]
        ]
        begin = time.monotonic()
        for entry, start, stop in parts:
            for _ in range(start, stop):
                self._metrics.queue_seconds.observe(begin - entry.since)
        self._metrics.batch_size.observe(len(pictures))
        try:
            rows = self._call(parts[0][0].key, pictures)
            self._metrics.model_seconds.observe(time.monotonic() - begin)
            row, done = 0, []
            for entry, start, stop in parts:
                end = row + stop - start
                part = {name: value[row:end] for name, value in rows.items()}
                entry.parts.append(part)
                row = end
                if stop == len(entry.pictures):
                    done.append((entry, _joined(entry.parts)))
            return done
        except Exception as error:  # Whatever it is, the next call may go well.
            return [(entry, error) for entry, _, _ in parts]


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _tell(entry: _Waiting, outcome: Rows | Exception) -> None:
    """Gives a request its outcome, in the thread of its loop."""

    def settle() -> None:
        if entry.future.done():  # The client has left.
            return
        if isinstance(outcome, Exception):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome)

    try:
        entry.loop.call_soon_threadsafe(settle)
    except RuntimeError:  # The loop has ended: nobody waits.
        return
