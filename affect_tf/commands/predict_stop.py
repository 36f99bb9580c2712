"""Ctrl-C while a table is made: the first ends what is read, the second the work."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """Gives an event that the first signal sets; the next one does what it did before.

    For the main thread, as all that handles signals is.
    """
    stopped = threading.Event()

    def receive(_: int, __: FrameType | None) -> None:
        give_back()
        stopped.set()

    def give_back() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, receive)
    try:
        yield stopped
    finally:
        give_back()
