"""Thresholds of action units, fitted where that is wanted and said.

No score uses a fitted threshold unless it is handed one: `evaluate` takes 0.5.

Source: Deng et al. 2020 report with thresholds that their code fits to each model in
turn, keeping the last one's, and that a reader pastes by hand. Here they are fitted to
the averaged probabilities of the whole ensemble, by F1, and saved with the model.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.statistics import DEFAULT_THRESHOLD
from affect_tf.labels.taxonomy import Taxonomy


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Thresholds by unit, and what they were fitted on.

    Attributes:
      values: {unit: threshold in [0, 1]}, every unit of the taxonomy.
      split: The split whose rows they were fitted on. Scores of that split under
        these thresholds flatter.
      f1: {unit: the F1 reached on those rows}; fitted units only.
      kept: {unit: why it stays at 0.5}; the other units.
    """

    values: dict[str, float]
    split: str
    f1: dict[str, float]
    kept: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary; `from_json` is its inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Thresholds:
        """Reads what `to_json` wrote."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: value[name] for name in names})


def fit(
    predictions: Predictions,
    taxonomy: Taxonomy,
    split: str,
    min_count: int = 5,
) -> Thresholds:
    """Finds the threshold of each unit that maximises its F1 on the given rows.

    Args:
      predictions: Scores beside labels; the ensemble's where there is one.
      taxonomy: Names of the columns.
      split: What the rows are, to be kept with the result.
      min_count: A unit with fewer positive or fewer negative labels stays at 0.5, as
        its best threshold would be about those few rows.

    Returns:
      Thresholds. Between two scores the middle is taken; of equally good thresholds,
      the one nearest to 0.5.

    Raises:
      ValueError: If the predictions do not have the taxonomy's units.
    """
    values, f1, kept = {}, {}, {}
    num_units = len(taxonomy.action_units)
    known = "au" in predictions.scores and "au" in predictions.labels
    if known and predictions.scores["au"].shape[1] != num_units:
        raise ValueError(
            f"Thresholds must be fitted to the units of taxonomy {taxonomy.name!r}. "
            f"Received: {predictions.scores['au'].shape[1]} columns for {num_units} "
            "units. Use the taxonomy that the model was built for."
        )
    for column, name in enumerate(taxonomy.action_units):
        values[name] = DEFAULT_THRESHOLD
        rows = predictions.masks["au"][:, column] > 0 if known else []
        if not np.any(rows):
            kept[name] = "no labels"
            continue
        positive = predictions.labels["au"][rows, column] > 0.5
        rarest = min(int(positive.sum()), int((~positive).sum()))
        if rarest < max(min_count, 1):
            which = "positive" if positive.sum() == rarest else "negative"
            kept[name] = f"{rarest} {which} labels, fewer than {min_count}"
            continue
        values[name], f1[name] = best_threshold(
            predictions.scores["au"][rows, column], positive
        )
    return Thresholds(values, split, f1, kept)


def best_threshold(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Returns the threshold that maximises F1, and that F1.

    Args:
      scores: float32 [N].
      positive: bool [N], with at least one True.

    >>> best_threshold(np.float32([0.0, 0.25, 0.75]), np.array([False, True, True]))
    (0.125, 1.0)
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float32), np.cumsum(positive[order])
    # A cut behind the last of equal scores; in between would split equals.
    last = np.append(ranked[1:] < ranked[:-1], True)
    predicted = np.arange(1, len(ranked) + 1)
    f1 = np.where(last, 2 * hits / (predicted + hits[-1]), -1.0)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    below = np.append(ranked[1:], ranked[-1])
    # float32 as the exported model compares; the middle may round to the lower score.
    middle = ((ranked.astype(np.float64) + below) / 2).astype(np.float32)
    middle = np.where(middle > below, middle, ranked)
    chosen = best[np.argmin(np.abs(middle[best] - DEFAULT_THRESHOLD))]
    return float(middle[chosen]), float(f1[chosen])
