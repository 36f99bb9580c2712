"""The scores of a whole data set, by task, and the sums that the challenges rank by.

    expr.challenge = 0.67 F1 + 0.33 accuracy      F1: macro over the fixed class list
    au.challenge   = 0.5 F1 + 0.5 accuracy        F1: mean of units; accuracy: flat
    va.ccc         = (CCC_valence + CCC_arousal) / 2
    overall        = expr.challenge + au.challenge + va.ccc
    abaw3          = expr.f1 + au.f1 + va.ccc

`overall` chooses the best checkpoint of a run. Both sums run over the tasks that have
labels (`Scores.tasks` names them), so they compare systems on one split, and not splits
with each other.

Source: the ABAW challenges of 2020 and 2021 (Deng et al. 2020) for the first four, and
of 2022 (Jeong et al. 2022, Sec. V.B) for the last. Deng's released code adds the two
CCCs; the challenge, and this, averages them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from affect_tf.evaluation import metrics
from affect_tf.evaluation import statistics
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import VA_DIMENSIONS

#: {task: (weight of F1, weight of accuracy)} of the challenge scores.
CHALLENGE_WEIGHTS = {"expr": (0.67, 0.33), "au": (0.5, 0.5)}


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """One expression. F1, precision and recall are 0 where they would be 0/0."""

    f1: float
    precision: float
    recall: float
    labels: int
    predicted: int


@dataclasses.dataclass(frozen=True)
class ExpressionScores:
    """The `expr` task; the numbers are None where `reason` says why.

    Attributes:
      labels: Labelled rows.
      by_class: By name, in the taxonomy's order.
      confusion: Counts, [label][predicted].
    """

    accuracy: float | None
    f1: float | None
    challenge: float | None
    labels: int
    by_class: dict[str, ClassScores]
    confusion: tuple[tuple[int, ...], ...]
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class UnitScores:
    """One action unit; f1, accuracy and prevalence are None where it has no label."""

    f1: float | None
    accuracy: float | None
    prevalence: float | None
    threshold: float
    labels: int
    positive: int


@dataclasses.dataclass(frozen=True)
class ActionUnitScores:
    """The `au` task; the numbers are None where `reason` says why.

    Attributes:
      f1: Mean of the F1 of the units that have labels.
      accuracy: Share of right cells of the flattened masked matrix.
      mean_accuracy: Mean of the accuracies of the units that have labels.
      labels: Labelled cells of the [rows, units] matrix.
      by_unit: By name, in the taxonomy's order.
    """

    f1: float | None
    accuracy: float | None
    mean_accuracy: float | None
    challenge: float | None
    labels: int
    by_unit: dict[str, UnitScores]
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class ValenceArousalScores:
    """The `va` task; the numbers are None where `reason` says why.

    Attributes:
      ccc: Mean of the two CCCs, the challenge's score.
      labels: Labelled rows.
    """

    valence_ccc: float | None
    arousal_ccc: float | None
    ccc: float | None
    valence_pearson: float | None
    arousal_pearson: float | None
    valence_rmse: float | None
    arousal_rmse: float | None
    labels: int
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a system scores on a split; the sums are defined at the top of the module.

    Attributes:
      overall: Sum over `tasks`; None where no task has labels.
      abaw3: Sum over `tasks`; None where no task has labels.
      tasks: The tasks that have labels, in order.
      rows: Rows evaluated, labelled or not.
      subjects: Distinct people; rows of unknown people are not counted.
    """

    expr: ExpressionScores
    au: ActionUnitScores
    va: ValenceArousalScores
    overall: float | None
    abaw3: float | None
    tasks: tuple[str, ...]
    rows: int
    subjects: int

    def headline(self) -> dict[str, float]:
        """Returns {"expr/f1": ..., "overall": ...}; what has no labels is absent."""
        found = {name: self._value(name) for name in headline_names(TASKS)}
        return {name: value for name, value in found.items() if value is not None}

    def sum(self, metric: str = "overall") -> float | None:
        """Returns "overall" or "abaw3"; None where no task has labels."""
        return getattr(self, metric)

    def by_task(self, metric: str = "overall") -> dict[str, float]:
        """Returns {task: its score}, the addends of a sum."""
        return {task: self._value(ADDENDS[metric][task]) for task in self.tasks}

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary, None where there is no number."""
        return dataclasses.asdict(self)

    def _value(self, name: str) -> float | None:
        task, _, metric = name.rpartition("/")
        return getattr(getattr(self, task) if task else self, metric)


#: The metric of each task that `overall` adds.
CHALLENGE_METRICS = {"expr": "expr/challenge", "au": "au/challenge", "va": "va/ccc"}
_ABAW3_METRICS = {"expr": "expr/f1", "au": "au/f1", "va": "va/ccc"}
#: The metric of each task that each sum adds.
ADDENDS = {"overall": CHALLENGE_METRICS, "abaw3": _ABAW3_METRICS}
HEADLINE = {
    "expr": ("accuracy", "f1", "challenge"),
    "au": ("accuracy", "f1", "challenge"),
    "va": (
        *(f"{name}_ccc" for name in VA_DIMENSIONS),
        "ccc",
        *(f"{name}_pearson" for name in VA_DIMENSIONS),
        *(f"{name}_rmse" for name in VA_DIMENSIONS),
    ),
}


def headline_names(tasks: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names of the headline metrics of some tasks, in report order."""
    names = [f"{task}/{metric}" for task in tasks for metric in HEADLINE[task]]
    return (*names, "overall", "abaw3") if tasks else ()


def headline(
    sums: statistics.Statistics, tasks: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Computes the headline metrics of sums with any leading axes.

    Args:
      sums: Statistics [...]; a bootstrap's replicates, or one split's.
      tasks: The tasks to report and to add up.

    Returns:
      {name: float64 [...]}, the names of `headline_names(tasks)`. NaN where a
      task has no labels, and then in the sums as well.
    """
    values: dict[str, np.ndarray] = {}
    if "expr" in tasks:
        values["expr/accuracy"] = metrics.accuracy(sums.expr)
        values["expr/f1"] = metrics.macro_f1(sums.expr)
    if "au" in tasks:
        values["au/accuracy"] = metrics.total_accuracy(sums.au)
        values["au/f1"] = metrics.mean_over_labelled(metrics.unit_f1(sums.au))
    for task in set(tasks) & set(CHALLENGE_WEIGHTS):
        f1, accuracy = CHALLENGE_WEIGHTS[task]
        values[f"{task}/challenge"] = (
            f1 * values[f"{task}/f1"] + accuracy * values[f"{task}/accuracy"]
        )
    if "va" in tasks:
        for column, name in enumerate(VA_DIMENSIONS):
            moments = sums.va[..., column, :]
            values[f"va/{name}_ccc"] = metrics.concordance(moments)
            values[f"va/{name}_pearson"] = metrics.pearson(moments)
            values[f"va/{name}_rmse"] = metrics.rmse(moments)
        both = [values[f"va/{name}_ccc"] for name in VA_DIMENSIONS]
        values["va/ccc"] = np.mean(both, axis=0)
    values["overall"] = sum(values[CHALLENGE_METRICS[task]] for task in tasks)
    values["abaw3"] = sum(values[_ABAW3_METRICS[task]] for task in tasks)
    return {name: values[name] for name in headline_names(tasks)}
