"""What a person sees: progress while it runs, a summary when it is done."""

from __future__ import annotations

import time
from types import TracebackType

import rich.console
import rich.progress
import rich.table

from affect_tf.data.manifest import Manifest

#: Seconds between the lines of a build whose output is no terminal.
_SECONDS = 10.0


class Reporter:
    """A progress bar on a terminal, and a line now and then elsewhere."""

    def __init__(self, console: rich.console.Console, action: str) -> None:
        self._console = console
        self._action = action
        self._began = self._last = time.monotonic()
        self._bar: rich.progress.Progress | None = None
        self._kept = 0
        #: Frames done so far, those of an earlier run included.
        self.frames = 0

    def __enter__(self) -> Reporter:
        """Shows an empty bar on a terminal."""
        if self._console.is_terminal:
            self._bar = rich.progress.Progress(
                rich.progress.TextColumn("{task.description}"),
                rich.progress.BarColumn(),
                rich.progress.MofNCompleteColumn(),
                rich.progress.TextColumn("frames"),
                rich.progress.TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._action, total=None)
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

    def __call__(self, frames: int, total: int, kept: bool) -> None:
        """Takes the frames done, of how many, and whether a run before did them."""
        if kept:
            self._kept += frames - self.frames
        elif self._kept:
            self._console.print(
                f"Continuing: {counted(self._kept, 'frame')} done before."
            )
            self._kept = 0
        self.frames = frames
        if self._bar is not None:
            self._bar.update(self._task, completed=frames, total=total)
        elif time.monotonic() - self._last >= _SECONDS:
            self._last = time.monotonic()
            self._console.print(f"{self._action}: {frames:,} of {total:,} frames")

    @property
    def seconds(self) -> float:
        """Time since it was made."""
        return time.monotonic() - self._began


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: "1 frame", "2,000 frames"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def summary(manifest: Manifest, console: rich.console.Console) -> None:
    """Shows what a folder holds: each split, the labels, classes and units."""
    counts = manifest.counts
    splits = manifest.splits or tuple(manifest.dropped)
    console.print()
    table = _table("", splits)
    for name in ("frames", "samples", "subjects", "videos"):
        values = [counts.get(split, {}).get(name, 0) for split in splits]
        if name == "videos" and not any(values):
            continue
        if name != "samples" or manifest.frames_per_sample["max"] > 1:
            table.add_row(name, *_cells(values))
    for group, title in (
        ("by_source", "from {}"),
        ("by_task", "labelled {}"),
        ("label_sets", "  only {}"),
    ):
        names = _names(manifest, group)
        if group == "by_source" and len(names) == 1:
            continue
        for name in names:
            values = [counts[split][group].get(name, 0) for split in manifest.splits]
            label = "  no label" if name == "none" else title.format(name)
            table.add_row(label, *_cells(values))
    dropped = [manifest.dropped.get(split, {}) for split in splits]
    for reason in dict.fromkeys(name for of_split in dropped for name in of_split):
        values = [of_split.get(reason, 0) for of_split in dropped]
        table.add_row(f"left out: {reason.replace('_', ' ')}", *_cells(values))
    console.print(table)
    if manifest.taxonomy.expressions:
        console.print()
        table = _table("expression", manifest.splits)
        for name in manifest.taxonomy.expressions:
            values = [counts[split]["classes"][name] for split in manifest.splits]
            table.add_row(name, *_cells(values))
        console.print(table)
    if manifest.taxonomy.action_units:
        console.print()
        table = _table("action unit", manifest.splits)
        for name in manifest.taxonomy.action_units:
            units = [counts[split]["action_units"][name] for split in manifest.splits]
            table.add_row(name, *[_positives(unit) for unit in units])
        console.print(table)
    console.print()


def _table(title: str, splits: tuple[str, ...]) -> rich.table.Table:
    table = rich.table.Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(title, min_width=20)
    for split in splits:
        table.add_column(split, justify="right", min_width=16)
    return table


def _names(manifest: Manifest, group: str) -> list[str]:
    """Returns the entries of a group of counts; sets of labels, the small first."""
    splits = [manifest.counts[split][group] for split in manifest.splits]
    names = dict.fromkeys(name for split in splits for name in split)
    if group == "label_sets":
        return sorted(names, key=lambda name: (name.count("+"), name))
    return list(names)


def _cells(values: list[int]) -> list[str]:
    return [f"{value:,}" for value in values]


def _positives(unit: dict[str, int]) -> str:
    """Returns "486 of 2,835", or a dash where nobody labelled the unit."""
    if not unit["labelled"]:
        return "-"
    return f"{unit['positive']:,} of {unit['labelled']:,}"
