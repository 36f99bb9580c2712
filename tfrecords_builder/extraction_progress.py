"""How far an extraction is, inside of films too, and how long it will still take."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple
from typing import Protocol

#: Seconds between two looks at the notes of the workers.
_SECONDS = 0.5


class Done(NamedTuple):
    """How far an extraction is.

    Attributes:
      items: Films and photographs that are done.
      num_items: Of how many.
      frames: Frames that this run has looked at.
      share: Of the bytes of all films and photographs, those that are done, 0 to 1.
      seconds_left: At the speed so far; None before anything is known of it.
    """

    items: int
    num_items: int
    frames: int
    share: float
    seconds_left: float | None


class Progress(Protocol):
    """Told how far an extraction is; called from another thread."""

    def __call__(self, done: Done) -> None:
        """Takes the state, now and then and at the end."""


class Watch:
    """Adds up what is finished and what the workers' notes say.

    What an earlier run did counts as done, but not for the speed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        work: Mapping[str, tuple[int, int]],
        kept: tuple[int, int],
        progress: Progress | None,
    ) -> None:
        """Takes the work.

        Args:
          folder: Where the notes are.
          work: For each piece of work that is to be done, the name of its note -> its
            bytes and the number of its films and photographs.
          kept: Bytes and number of those that an earlier run did.
          progress: Told of it; None needs no watch.
        """
        self._folder = folder
        self._work = dict(work)
        self._kept = kept
        self._progress = progress
        self._total = kept[0] + sum(size for size, _ in work.values())
        self._num_items = kept[1] + sum(count for _, count in work.values())
        self._bytes, self._items, self._frames = 0, 0, 0
        # When the first work was seen, and how much: loading a detector is no speed.
        self._began: tuple[float, float] | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        """Begins to look."""
        if self._progress is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Looks a last time."""
        self._over.set()
        if self._progress is not None:
            self._thread.join()
            if error is None:
                self._progress(self.done())

    def finish(self, note: str, frames: int) -> None:
        """Takes the note of a piece of work that is finished, and its frames."""
        with self._lock:
            size, count = self._work.pop(note)
            self._bytes += size
            self._items += count
            self._frames += frames
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self._folder, note))

    def done(self) -> Done:
        """Returns how far it is now."""
        with self._lock:
            frames, new = self._frames, float(self._bytes)
            items = self._items + self._kept[1]
            for note in self._work.keys() & _names(self._folder):
                of_note, share = _read(os.path.join(self._folder, note))
                size, count = self._work[note]
                frames += of_note
                new += share * size
                items += count if share == 1 else 0
            left = self._seconds_left(new)
        share = (self._kept[0] + new) / self._total if self._total else 1.0
        return Done(items, self._num_items, frames, share, left)

    def _seconds_left(self, new: float) -> float | None:
        """Returns how long the rest takes at the speed so far."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, new) if new > 0 else None
            return None
        began, first = self._began
        if new <= first:
            return None
        rest = max(self._total - self._kept[0] - new, 0)
        return rest * (now - began) / (new - first)

    def _look(self) -> None:
        while not self._over.wait(_SECONDS):
            self._progress(self.done())


def _names(folder: str | os.PathLike[str]) -> set[str]:
    """Returns what is in a folder; nothing where somebody has cleaned it away."""
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _read(note: str) -> tuple[int, float]:
    """Returns the frames and the share of a note; nothing where there is none yet."""
    try:
        with open(note, encoding="ascii") as stream:
            frames, share = stream.read().split()
        return int(frames), float(share)
    except (OSError, ValueError):
        return 0, 0.0
