"""How far a score would move with other people in the split.

Rows of one person resemble each other, so people are drawn, not rows: each replicate
takes as many subjects as there are, with replacement, and computes every score anew
from the subjects' sums. The interval is the plain percentile one. It tells of the
choice of people only, not of the seed of a training run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from affect_tf.evaluation import metrics
from affect_tf.evaluation import scores
from affect_tf.evaluation import statistics
from affect_tf.evaluation.predictions import check_same_rows
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy

#: Cells of the drawn [replicates, subjects] matrix that are held at once.
_CELLS_AT_ONCE = 4_000_000


@dataclasses.dataclass(frozen=True)
class Interval:
    """A score on the split itself, and the ends of its interval.

    The ends are None where fewer than two subjects are labelled.
    """

    estimate: float
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class Difference:
    """The score of two systems on the same rows, and second - first with its ends."""

    first: float
    second: float
    delta: float
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class Intervals:
    """What `intervals` returns.

    Attributes:
      values: By name: those of `Scores.headline`, then "expr/f1/<class>" and
        "au/f1/<unit>".
      subjects: Groups that were drawn from.
    """

    values: dict[str, Interval]
    level: float
    replicates: int
    seed: int
    subjects: int

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary, None where there is no number."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` returns; attributes as those of `Intervals`."""

    values: dict[str, Difference]
    level: float
    replicates: int
    seed: int
    subjects: int

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary, None where there is no number."""
        return dataclasses.asdict(self)


def intervals(
    predictions: Predictions,
    taxonomy: Taxonomy,
    thresholds: Mapping[str, float] | None = None,
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Intervals:
    """Percentile bootstrap intervals of every score, by subject.

    Args:
      predictions: Scores beside labels. A row without a subject stands for its key.
      taxonomy: Names of the columns.
      thresholds: As for `evaluate`.
      replicates: How often the subjects are drawn.
      seed: The same seed draws the same subjects.
      level: Share of the replicates inside the interval, in (0, 1).

    Returns:
      Intervals. A replicate without any label for a score does not count for it.

    Raises:
      ValueError: If `replicates` or `level` is out of range.
    """
    _check(replicates, level)
    groups, num_subjects = _subjects(predictions)
    sums = statistics.gather(predictions, taxonomy, thresholds, groups)
    tasks = _labelled_tasks(sums)
    estimates = _measure(sums.total(), tasks, taxonomy)
    drawn = _replicate([sums], tasks, taxonomy, replicates, seed)[0]
    enough = _enough_subjects(sums, estimates, taxonomy)
    return Intervals(
        values={
            name: Interval(float(value), *_ends(drawn[name], level, enough[name]))
            for name, value in estimates.items()
            if not np.isnan(value)
        },
        level=level,
        replicates=replicates,
        seed=seed,
        subjects=num_subjects,
    )


def compare(
    first: Predictions,
    second: Predictions,
    taxonomy: Taxonomy,
    thresholds: Mapping[str, float] | None = None,
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Intervals of the difference of two systems, second - first, on the same rows.

    Both are scored on the same drawn subjects, so what is hard for both cancels and
    the interval is narrower than the two systems' own would suggest.

    Args:
      first: The one to compare with, such as the teacher.
      second: Such as the student; the same rows in the same order.
      taxonomy: Names of the columns.
      thresholds: As for `evaluate`, for both.
      replicates: How often the subjects are drawn.
      seed: The same seed draws the same subjects.
      level: Share of the replicates inside the interval, in (0, 1).

    Returns:
      Comparison, of the tasks that both systems score.

    Raises:
      ValueError: If the rows or their labels differ, or an option is out of range.
    """
    _check(replicates, level)
    check_same_rows(first, second)
    groups, num_subjects = _subjects(first)
    sums = [
        statistics.gather(predictions, taxonomy, thresholds, groups)
        for predictions in (first, second)
    ]
    tasks = tuple(
        task for task in _labelled_tasks(sums[0]) if task in _labelled_tasks(sums[1])
    )
    before, after = (_measure(part.total(), tasks, taxonomy) for part in sums)
    drawn = _replicate(sums, tasks, taxonomy, replicates, seed)
    enough = _enough_subjects(sums[0], before, taxonomy)
    return Comparison(
        values={
            name: Difference(
                float(before[name]),
                float(after[name]),
                float(after[name] - before[name]),
                *_ends(drawn[1][name] - drawn[0][name], level, enough[name]),
            )
            for name in before
            if not np.isnan(before[name])
        },
        level=level,
        replicates=replicates,
        seed=seed,
        subjects=num_subjects,
    )


def _measure(
    sums: statistics.Statistics, tasks: tuple[str, ...], taxonomy: Taxonomy
) -> dict[str, np.ndarray]:
    values = scores.headline(sums, tasks)
    if "expr" in tasks:
        f1 = np.moveaxis(metrics.class_f1(sums.expr), -1, 0)
        for name, value in zip(taxonomy.expressions, f1, strict=True):
            values[f"expr/f1/{name}"] = value
    if "au" in tasks:
        f1 = np.moveaxis(metrics.unit_f1(sums.au), -1, 0)
        for name, value in zip(taxonomy.action_units, f1, strict=True):
            values[f"au/f1/{name}"] = value
    return values


def _replicate(
    systems: list[statistics.Statistics],
    tasks: tuple[str, ...],
    taxonomy: Taxonomy,
    replicates: int,
    seed: int,
) -> list[dict[str, np.ndarray]]:
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in systems]
    for counts in _draws(len(systems[0].va), replicates, seed):
        for part, sums in zip(parts, systems, strict=True):
            part.append(_measure(sums.weighted(counts), tasks, taxonomy))
    return [
        {name: np.concatenate([chunk[name] for chunk in part]) for name in part[0]}
        for part in parts
    ]


def _draws(num_groups: int, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Yields float64 [some, G]: how often each replicate has drawn each subject."""
    generator = np.random.default_rng(seed)
    chance = np.full(num_groups, 1 / num_groups)
    step = max(1, _CELLS_AT_ONCE // num_groups)
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        yield generator.multinomial(num_groups, chance, size).astype(np.float64)


def _ends(
    drawn: np.ndarray, level: float, enough: bool
) -> tuple[float | None, float | None]:
    drawn = drawn[~np.isnan(drawn)]
    if not enough or not drawn.size:
        return None, None
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


def _labelled_tasks(sums: statistics.Statistics) -> tuple[str, ...]:
    return tuple(task for task in TASKS if sums.labels[task].sum() > 0)


def _enough_subjects(
    sums: statistics.Statistics, names: Iterable[str], taxonomy: Taxonomy
) -> dict[str, bool]:
    """Returns {metric: whether two subjects at least have a label for it}."""
    subjects = {task: int((of > 0).sum()) for task, of in sums.labels.items()}
    least = min((number for number in subjects.values() if number), default=0)
    found = {name: subjects.get(name.split("/")[0], least) >= 2 for name in names}
    cells = (sums.au.sum(axis=-1) > 0).sum(axis=0)
    for unit, number in zip(taxonomy.action_units, cells, strict=True):
        if f"au/f1/{unit}" in found:
            found[f"au/f1/{unit}"] = bool(number >= 2)
    return found


def _subjects(predictions: Predictions) -> tuple[np.ndarray, int]:
    known = predictions.subject != ""
    # The prefixes keep a key from meeting the subject of the same name.
    people = np.where(
        known,
        np.char.add("subject:", predictions.subject.astype(np.str_)),
        np.char.add("key:", predictions.key.astype(np.str_)),
    )
    names, groups = np.unique(people, return_inverse=True)
    return groups.reshape(-1), len(names)


def _check(replicates: int, level: float) -> None:
    if replicates < 1 or not 0 < level < 1:
        raise ValueError(
            "A bootstrap must draw at least once, at a level between 0 and 1. "
            f"Received: replicates={replicates}, level={level}. "
            "Use, say, 1000 and 0.95."
        )
