"""Ctrl-C and termination signals, held back while a run's state is between two."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from types import TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Turns both signals into `KeyboardInterrupt`; use it as a context.

    A scheduler that ends a job says SIGTERM where a person presses Ctrl-C; both mean
    to save and stop. Inside `held()` a signal waits for the end of the block, so that
    what is saved is never half a change.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._is_pending = False
        self._previous = {}

    def __enter__(self) -> Interrupts:
        """Takes over the signals."""
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self._is_held:
            raise KeyboardInterrupt
        self._is_pending = True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds signals back until the block has ended without an error."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt
