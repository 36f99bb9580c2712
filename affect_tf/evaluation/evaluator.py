"""From predictions to scores, over a whole split at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affect_tf.evaluation import metrics
from affect_tf.evaluation import scores
from affect_tf.evaluation import statistics
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy


def evaluate(
    predictions: Predictions,
    taxonomy: Taxonomy,
    thresholds: Mapping[str, float] | None = None,
) -> scores.Scores:
    """Scores a whole split at once, never an average over batches.

    Args:
      predictions: Scores beside labels.
      taxonomy: Names of the columns.
      thresholds: Of action units, by name; 0.5 for those not named. Thresholds fitted
        on the rows that they are scored on flatter: say so where they are shown.

    Returns:
      Scores; a task without labels has None and a reason.

    Raises:
      ValueError: If the arrays do not fit the taxonomy.
    """
    sums = statistics.gather(predictions, taxonomy, thresholds).total()
    tasks = tuple(task for task in TASKS if sums.labels[task] > 0)
    values = {
        name: float(value) for name, value in scores.headline(sums, tasks).items()
    }
    reasons = {task: _reason(task, predictions, taxonomy) for task in TASKS}
    by_task = {
        task: {
            **{name: values.get(f"{task}/{name}") for name in scores.HEADLINE[task]},
            "labels": int(sums.labels[task]),
            "reason": None if task in tasks else reasons[task],
        }
        for task in TASKS
    }
    return scores.Scores(
        expr=_expression(sums.expr, taxonomy, by_task["expr"]),
        au=_action_units(
            sums.au,
            taxonomy,
            statistics.unit_thresholds(taxonomy, thresholds),
            by_task["au"],
        ),
        va=scores.ValenceArousalScores(**by_task["va"]),
        overall=values.get("overall"),
        abaw3=values.get("abaw3"),
        tasks=tasks,
        rows=len(predictions),
        subjects=len(set(predictions.subject.tolist()) - {""}),
    )


def _expression(
    confusion: np.ndarray, taxonomy: Taxonomy, shared: dict[str, Any]
) -> scores.ExpressionScores:
    columns = zip(
        taxonomy.expressions,
        metrics.class_f1(confusion),
        metrics.precision(confusion),
        metrics.recall(confusion),
        confusion.sum(axis=1),
        confusion.sum(axis=0),
        strict=True,
    )
    return scores.ExpressionScores(
        by_class={
            name: scores.ClassScores(*map(float, ratios), int(labels), int(predicted))
            for name, *ratios, labels, predicted in columns
        },
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        **shared,
    )


def _action_units(
    counts: np.ndarray,
    taxonomy: Taxonomy,
    thresholds: np.ndarray,
    shared: dict[str, Any],
) -> scores.ActionUnitScores:
    accuracy = metrics.unit_accuracy(counts)
    columns = zip(
        taxonomy.action_units,
        metrics.unit_f1(counts),
        accuracy,
        metrics.prevalence(counts),
        thresholds.astype(np.float64),
        counts,
        strict=True,
    )
    return scores.ActionUnitScores(
        by_unit={
            name: scores.UnitScores(
                *map(_number, ratios),
                labels=int(cells.sum()),
                positive=int(cells[0] + cells[2]),
            )
            for name, *ratios, cells in columns
        },
        mean_accuracy=_number(metrics.mean_over_labelled(accuracy)),
        **shared,
    )


def _number(value: np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)


def _reason(task: str, predictions: Predictions, taxonomy: Taxonomy) -> str:
    if task not in taxonomy.tasks:
        return f"taxonomy {taxonomy.name!r} has no such task"
    if task not in predictions.scores:
        return "the model has no such output"
    return "no row of the split is labelled for it"
