"""How far a pass over frames is: frames, frames a second, and the time left."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator

import rich.console
import rich.progress

#: Seconds between two lines of progress where there is no terminal.
_LINE_EVERY = 30.0


class _Rate(rich.progress.ProgressColumn):
    """Frames a second."""

    def render(self, task: rich.progress.Task) -> str:
        speed = task.finished_speed or task.speed
        return "" if speed is None else f"{speed:.1f} frames/s"


@contextlib.contextmanager
def shown(
    console: rich.console.Console, name: str, total: int | Callable[[], int | None]
) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told of frames that are done: a bar, or a line at times.

    Args:
      console: Where a person reads.
      name: What is being done.
      total: How many frames there are; or finds it out, in a thread of its own, as it
        opens each file, and gives None where nobody knows.
    """
    bar = rich.progress.Progress(
        rich.progress.TextColumn(name),
        rich.progress.BarColumn(bar_width=24),
        rich.progress.MofNCompleteColumn(),
        _Rate(),
        rich.progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task(name, total=None if callable(total) else total)
    if callable(total):
        threading.Thread(
            target=lambda: bar.update(task, total=total()), daemon=True
        ).start()
    start = last = time.monotonic()
    done = 0

    def advance(frames: int) -> None:
        nonlocal done, last
        done += frames
        bar.update(task, advance=frames)
        now = time.monotonic()
        if not console.is_terminal and now - last > _LINE_EVERY:
            last = now
            console.print(
                _line(name, done, bar.tasks[0].total, done / (now - start)),
                highlight=False,
            )

    with bar:
        yield advance


def _line(name: str, done: int, total: float | None, rate: float) -> str:
    if total is None or total < done or rate <= 0:
        return f"{name}: {done:,} frames, {rate:.1f} a second"
    left = round((total - done) / rate)
    return (
        f"{name}: {done:,} of {int(total):,} frames, {rate:.1f} a second, "
        f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left"
    )
