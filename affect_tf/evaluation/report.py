"""Scores as tables for a terminal and as one JSON document for everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from affect_tf import files
from affect_tf.evaluation import terminal_table
from affect_tf.evaluation.bootstrap import Comparison
from affect_tf.evaluation.bootstrap import Intervals
from affect_tf.evaluation.scores import headline_names
from affect_tf.evaluation.scores import Scores
from affect_tf.labels.taxonomy import TASKS

#: Where there is no number.
_NONE = "–"

_NAMES = {
    "expr/accuracy": "accuracy",
    "expr/f1": "macro F1",
    "expr/challenge": "0.67 F1 + 0.33 acc.",
    "au/accuracy": "total accuracy",
    "au/f1": "mean F1",
    "au/challenge": "0.5 F1 + 0.5 acc.",
    "va/valence_ccc": "valence CCC",
    "va/arousal_ccc": "arousal CCC",
    "va/ccc": "mean CCC",
    "va/valence_pearson": "valence r",
    "va/arousal_pearson": "arousal r",
    "va/valence_rmse": "valence RMSE",
    "va/arousal_rmse": "arousal RMSE",
    "overall": "challenge sum",
    "abaw3": "ABAW3 sum",
}


def summary_table(scores: Scores, intervals: Intervals | None = None) -> Table:
    """Returns the headline metrics, one a row, by task, with the labels behind them.

    Args:
      scores: Of one system on one split.
      intervals: Of the same predictions; adds a column.
    """
    people = f", {scores.subjects:,} subjects" if scores.subjects else ""
    table = terminal_table.titled(f"{scores.rows:,} rows{people}")
    terminal_table.add_names(table, "task")
    terminal_table.add_names(table, "metric", no_wrap=False)
    terminal_table.add_numbers(table, "score", bold=True)
    terminal_table.add_numbers(table, *_level(intervals), "labels")
    values = scores.headline()
    for task in TASKS:
        part = getattr(scores, task)
        names = headline_names((task,))[:-2]
        if part.reason is not None:
            filler = [] if intervals is None else [_NONE]
            reason = Text(part.reason, style="dim italic")
            table.add_row(task, reason, _NONE, *filler, _NONE, end_section=True)
            continue
        for position, name in enumerate(names):
            first = position == 0
            table.add_row(
                task if first else "",
                _NAMES[name],
                _score(values[name]),
                *_interval_cells(intervals, name),
                f"{part.labels:,}" if first else "",
                end_section=position == len(names) - 1,
            )
    for name in ("overall", "abaw3"):
        table.add_row(
            name if name == "overall" else "",
            _NAMES[name],
            _score(values.get(name)),
            *_interval_cells(intervals, name),
            " + ".join(scores.tasks) or _NONE if name == "overall" else "",
        )
    return table


def class_table(scores: Scores, intervals: Intervals | None = None) -> Table:
    """Returns F1, precision and recall of every expression, with its labels."""
    table = terminal_table.titled("Expressions")
    terminal_table.add_names(table, "expression")
    terminal_table.add_numbers(table, "F1", bold=True)
    terminal_table.add_numbers(
        table, *_level(intervals), "precision", "recall", "labels", "predicted"
    )
    for name, row in scores.expr.by_class.items():
        table.add_row(
            name,
            _score(row.f1),
            *_interval_cells(intervals, f"expr/f1/{name}"),
            _score(row.precision),
            _score(row.recall),
            f"{row.labels:,}",
            f"{row.predicted:,}",
            style="" if row.labels else "dim",
        )
    if not all(row.labels for row in scores.expr.by_class.values()):
        table.caption = "A class without labels counts as F1 0 in the macro mean."
    return table


def unit_table(scores: Scores, intervals: Intervals | None = None) -> Table:
    """Returns F1 and accuracy of every action unit, with its labels and prevalence."""
    table = terminal_table.titled("Action units")
    terminal_table.add_names(table, "unit")
    terminal_table.add_numbers(table, "F1", bold=True)
    terminal_table.add_numbers(
        table,
        *_level(intervals),
        "accuracy",
        "threshold",
        "labels",
        "positive",
        "prevalence",
    )
    for name, row in scores.au.by_unit.items():
        share = row.prevalence
        table.add_row(
            name,
            _score(row.f1),
            *_interval_cells(intervals, f"au/f1/{name}"),
            _score(row.accuracy),
            _score(row.threshold),
            f"{row.labels:,}",
            f"{row.positive:,}",
            _NONE if share is None else f"{share:.1%}",
            style="" if row.labels else "dim",
        )
    if not all(row.labels for row in scores.au.by_unit.values()):
        table.caption = "A unit without labels is left out of the mean."
    return table


def comparison_table(
    comparison: Comparison,
    names: tuple[str, str] = ("teacher", "student"),
    details: bool = False,
) -> Table:
    """Returns two systems side by side with their difference and its interval.

    Args:
      comparison: From `bootstrap.compare`.
      names: What to call the first and the second system.
      details: Whether to list every class and unit too.
    """
    table = terminal_table.titled(
        f"{names[1]} against {names[0]}, same rows, {comparison.subjects:,} subjects"
    )
    terminal_table.add_names(table, "task", "metric")
    terminal_table.add_numbers(table, *names)
    terminal_table.add_numbers(table, "delta", bold=True)
    terminal_table.add_numbers(table, *_level(comparison))
    order = [name for name in _NAMES if name in comparison.values]
    if details:
        order += [name for name in comparison.values if name not in _NAMES]
    previous = None
    for name in order:
        row = comparison.values[name]
        task, _, metric = name.partition("/")
        if previous is not None and task != previous and metric:
            table.add_section()
        if task == "overall":
            table.add_section()
        table.add_row(
            task if task != previous and task != "abaw3" else "",
            _NAMES.get(name, metric.replace("/", " ").replace("f1", "F1")),
            _score(row.first),
            _score(row.second),
            _signed(row.delta),
            _range(row.low, row.high, _signed),
            # An interval on one side of 0 stands out, without relying on colour.
            style="" if _excludes_zero(row.low, row.high) else "dim",
        )
        previous = task
    table.caption = "Dim: the interval holds 0. RMSE is better where lower."
    return table


def document(
    scores: Scores,
    intervals: Intervals | None = None,
    protocol: Mapping[str, Any] | None = None,
    comparison: Comparison | None = None,
) -> dict[str, Any]:
    """Returns the JSON document of an evaluation.

    Args:
      scores: What was measured.
      intervals: Of the same predictions.
      protocol: How: split, models, thresholds, checkpoints, ... JSON-ready.
      comparison: With another system on the same rows; added where given.

    Returns:
      {"scores", "intervals", "labels", "protocol"} and maybe "comparison"; null where
      there is no number, never NaN.
    """
    result = {
        "scores": scores.to_json(),
        "intervals": None if intervals is None else intervals.to_json(),
        "labels": {
            "rows": scores.rows,
            "subjects": scores.subjects,
            "tasks": {task: getattr(scores, task).labels for task in TASKS},
            "expressions": {
                name: row.labels for name, row in scores.expr.by_class.items()
            },
            "action_units": {
                name: {"labels": row.labels, "positive": row.positive}
                for name, row in scores.au.by_unit.items()
            },
        },
        "protocol": dict(protocol or {}),
    }
    if comparison is not None:
        result["comparison"] = comparison.to_json()
    return result


def write_json(
    path: str | os.PathLike[str],
    scores: Scores,
    intervals: Intervals | None = None,
    protocol: Mapping[str, Any] | None = None,
    comparison: Comparison | None = None,
) -> None:
    """Writes `document(...)` as a whole file.

    Raises:
      ValueError: If the protocol holds a number that JSON has no word for.
    """
    content = document(scores, intervals, protocol, comparison)
    files.write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _level(of: Intervals | Comparison | None) -> list[str]:
    """Returns the header of the column of intervals; none where there are none."""
    return [] if of is None else [f"{100 * of.level:g}% interval"]


def _interval_cells(intervals: Intervals | None, name: str) -> list[str]:
    if intervals is None:
        return []
    found = intervals.values.get(name)
    return [_NONE if found is None else _range(found.low, found.high, _score)]


def _range(low: float | None, high: float | None, write: Any) -> str:
    return _NONE if low is None or high is None else f"{write(low)} … {write(high)}"


def _score(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _excludes_zero(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and (low > 0 or high < 0)
