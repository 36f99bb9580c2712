"""What `stats` shows: tables for people, and one JSON document for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np
import rich.console
import rich.table

from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from tfrecords_builder.distributions import Distribution
from tfrecords_builder.distributions import PAIRS

#: Reasons that the document always names, so that 0 is said and not guessed.
_REASONS = ("invalid_label_only", "no_image", "no_annotation")
#: Decimals of means and shares.
_DECIMALS = 4

#: A list of nothing but numbers, in the JSON text.
_NUMBERS = re.compile(r"\[[-\d.,\s]+\]")

_Cells = Callable[[Distribution], str]


def document(splits: Mapping[str, Distribution]) -> str:
    """Returns the JSON text of all splits."""
    found = {name: of_split(split) for name, split in splits.items()}
    text = json.dumps({"splits": found}, indent=2, ensure_ascii=False)
    # A row of numbers is a line.
    return _NUMBERS.sub(lambda row: re.sub(r"\s+", " ", row[0]), text)


def of_split(split: Distribution) -> dict[str, Any]:
    """Returns what is known of a split, ready for JSON.

    Numbers are frames where nothing else is said. Names are always names, never
    positions. `expr_counts` lists the classes that occur; `au_positives` the units
    that anybody annotated. Means and shares have four decimals and are null where
    there is nothing to take them of; `dropped` is null where only some sources were
    counted.
    """
    units = split.taxonomy.action_units
    known = np.flatnonzero(split.labelled_units)
    dropped = split.dropped
    if dropped is not None:
        dropped = {**dict.fromkeys(_REASONS, 0), **dropped}
    lengths = split.clip_frames or (None, None, None)
    return {
        "frames": split.frames,
        "samples": split.samples,
        "subjects": len(split.subjects),
        "videos": len(split.videos),
        "labelled": {task: split.labelled(task) for task in ("expr", "va", "au")},
        "pairs": {name: split.labelled(*tasks) for name, tasks in PAIRS.items()},
        "expr_counts": {
            name: int(count)
            for name, count in zip(
                split.taxonomy.expressions, split.expressions, strict=True
            )
            if count
        },
        "au_positives": {units[u]: int(split.positive_units[u]) for u in known},
        "va_mean": _rounded(split.va_mean),
        "dropped": dropped,
        "au_labelled": {units[u]: int(split.labelled_units[u]) for u in known},
        "au_cooccurrence": {
            units[u]: {units[v]: int(split.active_together[u, v]) for v in known}
            for u in known
        },
        "au_conditional": {
            units[u]: {units[v]: _conditional(split, u, v) for v in known}
            for u in known
        },
        "va_deviation": _rounded(split.va_deviation),
        "va_histogram": split.histogram.tolist(),
        "label_sets": split.label_sets,
        "by_source": dict(sorted(split.by_source.items())),
        "clip_frames": dict(
            zip(("min", "mean", "max"), _rounded(lengths), strict=True)
        ),
        "copies": split.copies,
        "sound": {
            "samples": split.heard,
            "seconds": round(split.sound_seconds, _DECIMALS),
        },
    }


def show(splits: Mapping[str, Distribution], console: rich.console.Console) -> None:
    """Prints tables with a column for each split, which fit into 80 columns."""
    if not splits:
        console.print("No records, and nothing was dropped.")
        return
    for title, rows in _tables(splits):
        rows = list(rows)
        if not rows:
            continue
        console.print()
        table = rich.table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(title, min_width=20, max_width=26, overflow="fold")
        for name in splits:
            table.add_column(name, justify="right", min_width=16, no_wrap=True)
        for name, cells in rows:
            table.add_row(_plain(name), *[cells(split) for split in splits.values()])
        console.print(table)
    console.print()


def _tables(
    splits: Mapping[str, Distribution],
) -> Iterator[tuple[str, Iterator[tuple[str, _Cells]]]]:
    """Yields each table: its title, and its rows as a name and a function."""
    first = next(iter(splits.values()))
    everything = list(splits.values())
    yield "", _sizes(everything)
    yield "labelled for", _labels(first)
    if any(split.labelled("expr") for split in everything):
        yield "expression", _classes(first)
    if any(split.labelled("au") for split in everything):
        yield "active unit", _units(first)
    # The data sets of a mixture annotate different units.
    if any(len(set(split.labelled_units.tolist())) > 1 for split in everything):
        yield "annotated unit", _annotated(first)
    if any(split.labelled("va") for split in everything):
        yield "valence and arousal", _plane()
    reasons = {name for split in everything for name in split.dropped or ()}
    yield "left out", _reasons(sorted(reasons), everything)


def _sizes(splits: list[Distribution]) -> Iterator[tuple[str, _Cells]]:
    yield "frames", lambda split: f"{split.frames:,}"
    if any(split.samples != split.frames for split in splits):
        yield "records", lambda split: f"{split.samples:,}"
        yield "frames of a record", _lengths
    if any(split.copies for split in splits):
        yield "copies", lambda split: _counted(split.copies, split.samples)
    if any(split.heard for split in splits):
        yield "records with sound", lambda split: _counted(split.heard, split.samples)
        yield "minutes of sound", lambda split: f"{split.sound_seconds / 60:,.1f}"
    yield "subjects", lambda split: f"{len(split.subjects):,}"
    yield "videos", lambda split: f"{len(split.videos):,}"
    sources = sorted({name for split in splits for name in split.by_source})
    for name in sources if len(sources) > 1 else ():
        yield (
            f"from {name}",
            lambda split, name=name: _counted(
                split.by_source.get(name, 0), split.frames
            ),
        )


def _labels(first: Distribution) -> Iterator[tuple[str, _Cells]]:
    rows = {task: (task,) for task in TASKS} | PAIRS
    for name, tasks in (rows | {"expr+au+va": TASKS}).items():
        if not set(tasks) <= set(first.taxonomy.tasks):
            continue
        yield (
            name,
            lambda split, tasks=tasks: _counted(split.labelled(*tasks), split.frames),
        )
    yield (
        "nothing",
        lambda split: _counted(split.label_sets.get("none", 0), split.frames),
    )


def _classes(first: Distribution) -> Iterator[tuple[str, _Cells]]:
    for index, name in enumerate(first.taxonomy.expressions):
        yield (
            name,
            lambda split, index=index: _counted(
                int(split.expressions[index]), split.labelled("expr")
            ),
        )


def _units(first: Distribution) -> Iterator[tuple[str, _Cells]]:
    for unit, name in enumerate(first.taxonomy.action_units):
        yield (
            name,
            lambda split, unit=unit: _counted(
                int(split.positive_units[unit]), int(split.labelled_units[unit])
            ),
        )


def _annotated(first: Distribution) -> Iterator[tuple[str, _Cells]]:
    for unit, name in enumerate(first.taxonomy.action_units):
        yield (
            name,
            lambda split, unit=unit: _counted(
                int(split.labelled_units[unit]), split.frames
            ),
        )


def _plane() -> Iterator[tuple[str, _Cells]]:
    for axis, name in enumerate(VA_DIMENSIONS):
        yield (
            f"{name}, mean ± sd",
            lambda split, axis=axis: (
                f"{split.va_mean[axis]:+.3f} ± {split.va_deviation[axis]:.3f}"
                if split.va_mean
                else "-"
            ),
        )


def _reasons(
    names: list[str], splits: list[Distribution]
) -> Iterator[tuple[str, _Cells]]:
    if any(split.dropped is None for split in splits):
        return
    for name in names:
        yield (
            name.replace("_", " "),
            lambda split, name=name: f"{split.dropped.get(name, 0):,}",
        )


def _lengths(split: Distribution) -> str:
    if split.clip_frames is None:
        return "-"
    least, mean, most = split.clip_frames
    return f"{least}" if least == most else f"{least:,} - {most:,}, mean {mean:,.1f}"


def _counted(count: int, total: int) -> str:
    """Returns "2,318  29.5%", in which the shares of a column lie below each other."""
    if not total:
        return "-"
    return f"{count:,} {count / total:>7.1%}"


def _conditional(split: Distribution, one: int, other: int) -> float | None:
    known = int(split.active_and_known[one, other])
    if not known:
        return None
    return round(int(split.active_together[one, other]) / known, _DECIMALS)


def _rounded(values: tuple[float | None, ...] | None) -> list[float | None] | None:
    if values is None:
        return None
    # Adding 0 turns -0.0 into 0.0.
    return [None if v is None else round(v, _DECIMALS) + 0 for v in values]


def _plain(name: str) -> str:
    """Returns a name in which nothing is markup."""
    return name.replace("[", "\\[")
