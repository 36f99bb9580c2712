"""What a person sees of a training run: a bar on a terminal, lines in a log."""

from __future__ import annotations

import time
from types import TracebackType

import rich.console
import rich.progress

from affect_tf.evaluation.scores import Scores
from affect_tf.training.trainer import StepLog
from affect_tf.training.trainer import TOTAL

#: Seconds between two lines of progress where there is no terminal.
_LINE_EVERY = 30.0


class Progress:
    """Shows epochs, loss, speed and the time left; use it as a context."""

    def __init__(
        self,
        console: rich.console.Console,
        name: str,
        steps: int,
        steps_per_epoch: int,
        metric: str = "overall",
    ) -> None:
        self._console = console
        self._name = name
        self._metric = metric
        self._steps = steps
        self._steps_per_epoch = steps_per_epoch
        self._began_at_step: int | None = None
        self._began = self._last_line = time.perf_counter()
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=24),
            rich.progress.TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=steps, figures="starting")
        self._loss = float("nan")
        self._speed = 0.0

    def __enter__(self) -> Progress:
        """Starts the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Takes the bar away; the lines stay."""
        self._bar.stop()

    def start(self, step: int) -> None:
        """Marks where this process took the run up."""
        self._began_at_step = step
        self._began = time.perf_counter()
        self._bar.update(self._task, completed=step)

    def update(self, log: StepLog) -> None:
        """Shows the figures of the last steps."""
        self._loss, self._speed = log.losses[TOTAL], log.rows_per_second
        epoch = min((log.step - 1) // self._steps_per_epoch + 1, self._epochs)
        figures = (
            f"loss {self._loss:.3f}  {self._speed:,.0f} frames/s  "
            f"{_clock(self._seconds_left(log.step))} left"
        )
        where = f"{self._name} epoch {epoch}/{self._epochs}"
        self._bar.update(
            self._task, completed=log.step, description=where, figures=figures
        )
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._last_line > _LINE_EVERY:
            self._last_line = now
            share = log.step / self._steps
            self._line(f"{where}  {share:4.0%}  {figures}")

    def epoch(self, epoch: int, scores: Scores, is_best: bool) -> None:
        """Writes the line that stays of an epoch."""
        by_task = scores.by_task(self._metric)
        parts = [f"{task} {value:.3f}" for task, value in by_task.items()]
        self._last_line = time.perf_counter()
        line = f"{self._name} epoch {epoch:>2}/{self._epochs}"
        if self._speed:
            line += f"  loss {self._loss:6.3f}"
        score = scores.sum(self._metric)
        if score is None:
            self._line(f"{line}  no validation labels")
            return
        mark = " best" if is_best else ""
        line += f"  {'  '.join(parts)}  {self._metric} {score:.3f}{mark}"
        self._line(f"{line}  {self._speed:,.0f}/s" if self._speed else line)

    @property
    def _epochs(self) -> int:
        return self._steps // self._steps_per_epoch

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def _seconds_left(self, step: int) -> float:
        done = step - (self._began_at_step or 0)
        spent = time.perf_counter() - self._began
        return spent / max(done, 1) * (self._steps - step)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
