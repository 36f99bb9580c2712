"""How far a pass over frames is, as a bar or as a line now and then."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterator

import rich.progress

from affect_tf.commands.session import Session

#: Seconds between two lines of progress where there is no terminal.
_LINE_EVERY = 30.0


@contextlib.contextmanager
def shown(session: Session, total: int) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told of frames that are done: a bar, or a line at times."""
    console = session.console
    bar = rich.progress.Progress(
        rich.progress.TextColumn("features"),
        rich.progress.BarColumn(bar_width=24),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TextColumn("frames"),
        rich.progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("features", total=total)
    last = time.monotonic()

    def advance(frames: int) -> None:
        nonlocal last
        bar.update(task, advance=frames)
        if not console.is_terminal and time.monotonic() - last > _LINE_EVERY:
            last = time.monotonic()
            done = int(bar.tasks[0].completed)
            session.say(f"features: {done:,} of {total:,} frames")

    with bar:
        yield advance
