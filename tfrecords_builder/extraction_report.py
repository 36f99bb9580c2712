"""What a person sees while films are looked through."""

from __future__ import annotations

import time
from types import TracebackType

import rich.console
import rich.progress

from tfrecords_builder.extraction_progress import Done

#: Seconds between the lines where the output is no terminal.
_SECONDS = 10.0


class ExtractionReport:
    """A bar on a terminal, and a line now and then elsewhere; see `Progress`.

    The bar's length is a share of the bytes, since a film of an hour is not a
    photograph.
    """

    def __init__(self, console: rich.console.Console) -> None:
        self._console = console
        self._last = time.monotonic()
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> ExtractionReport:
        """Shows nothing yet: there may be nothing to do."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: Done) -> None:
        """Takes how far it is."""
        if self._console.is_terminal:
            self._show(done)
        elif time.monotonic() - self._last >= _SECONDS:
            self._last = time.monotonic()
            self._console.print(f"Finding faces: {described(done)}", markup=False)

    def _show(self, done: Done) -> None:
        if self._bar is None:
            self._bar = rich.progress.Progress(
                rich.progress.TextColumn("Finding faces"),
                rich.progress.BarColumn(),
                rich.progress.TextColumn("{task.fields[text]}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=1.0, text="")
        self._bar.update(self._task, completed=done.share, text=described(done))


def described(done: Done) -> str:
    """Returns "3 of 12 files, 4,021 frames, 0:12:30 left"."""
    text = f"{done.items:,} of {done.num_items:,} files, {done.frames:,} frames"
    if done.seconds_left is None:
        return text
    minutes, seconds = divmod(round(done.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{text}, {hours}:{minutes:02d}:{seconds:02d} left"
