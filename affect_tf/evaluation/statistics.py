"""The counts and moments that every score is a function of.

They add up: over rows, over batches, and over the subjects of a bootstrap replicate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from affect_tf.evaluation import metrics
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import Taxonomy

#: Above or at which an action unit is said to be present.
DEFAULT_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Sums over some rows; a task that was not labelled or scored is all zero.

    Attributes:
      expr: float64 [..., C, C], rows by label and by prediction.
      au: float64 [..., U, 4], cells by outcome, in the order of `metrics.OUTCOMES`.
      va: float64 [..., 2, 6], sums of valence and of arousal, as `metrics.MOMENTS`.
    """

    expr: np.ndarray
    au: np.ndarray
    va: np.ndarray

    def total(self) -> Statistics:
        """Returns the sum over the leading axis."""
        return Statistics(self.expr.sum(0), self.au.sum(0), self.va.sum(0))

    def weighted(self, counts: np.ndarray) -> Statistics:
        """Returns, for counts [R, G] and sums over G groups, R sums [R, ...]."""
        return Statistics(
            np.tensordot(counts, self.expr, axes=1),
            np.tensordot(counts, self.au, axes=1),
            np.tensordot(counts, self.va, axes=1),
        )

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """{task: [...]}, the labels behind each task (cells, for `au`)."""
        return {
            "expr": self.expr.sum(axis=(-2, -1)),
            "au": self.au.sum(axis=(-2, -1)),
            "va": self.va[..., 0, 0],
        }


def unit_thresholds(
    taxonomy: Taxonomy, thresholds: Mapping[str, float] | None
) -> np.ndarray:
    """Returns float32 [U] in the taxonomy's order, 0.5 for a unit that is not named.

    Raises:
      ValueError: If a unit is not in the taxonomy.
    """
    thresholds = thresholds or {}
    for name in thresholds:
        if name not in taxonomy.action_units:
            raise ValueError(
                f"A threshold must be for a unit of taxonomy {taxonomy.name!r}. "
                f"Received: {name!r}. {closest(name, taxonomy.action_units)}"
            )
    return np.asarray(
        [thresholds.get(name, DEFAULT_THRESHOLD) for name in taxonomy.action_units],
        np.float32,
    )


def gather(
    predictions: Predictions,
    taxonomy: Taxonomy,
    thresholds: Mapping[str, float] | None = None,
    groups: np.ndarray | None = None,
) -> Statistics:
    """Sums over the rows of each group.

    Args:
      predictions: Scores and labels of N rows.
      taxonomy: Names of the columns.
      thresholds: By unit; 0.5 for those not named.
      groups: int [N] in [0, G-1]; None puts all rows into one.

    Returns:
      Statistics with a leading axis of G.

    Raises:
      ValueError: If an array does not have the taxonomy's number of columns, or a
        label lies outside its classes.
    """
    if groups is None:
        groups = np.zeros(len(predictions), np.int64)
    num_groups = int(groups.max(initial=-1)) + 1
    scores, labels, masks = predictions.scores, predictions.labels, predictions.masks
    num_classes, num_units = len(taxonomy.expressions), len(taxonomy.action_units)
    expr = np.zeros((num_groups, num_classes, num_classes))
    au = np.zeros((num_groups, num_units, len(metrics.OUTCOMES)))
    va = np.zeros((num_groups, 2, len(metrics.MOMENTS)))
    if _usable(predictions, taxonomy, "expr", num_classes):
        _check_classes(predictions, taxonomy)
        predicted = scores["expr"].argmax(axis=1)
        expr = metrics.confusion_matrix(
            labels["expr"], predicted, masks["expr"], num_classes, groups
        )
    if _usable(predictions, taxonomy, "au", num_units):
        limits = unit_thresholds(taxonomy, thresholds)
        au = metrics.outcomes(labels["au"], scores["au"], masks["au"], limits, groups)
    if _usable(predictions, taxonomy, "va", 2):
        for column in range(2):
            va[:, column] = metrics.moments(
                labels["va"][:, column], scores["va"][:, column], masks["va"], groups
            )
    return Statistics(expr, au, va)


def _usable(
    predictions: Predictions, taxonomy: Taxonomy, task: str, width: int
) -> bool:
    if not (
        task in taxonomy.tasks
        and task in predictions.scores
        and task in predictions.labels
    ):
        return False
    row, full = (len(predictions),), (len(predictions), width)
    for group, shape in (
        ("scores", full),
        ("labels", row if task == "expr" else full),
        ("masks", full if task == "au" else row),
    ):
        found = getattr(predictions, group)[task].shape
        if found != shape:
            raise ValueError(
                f"Predictions.{group}[{task!r}] must be of shape {shape} under "
                f"taxonomy {taxonomy.name!r}. Received: shape={found}. "
                "Use the taxonomy that the model was built for."
            )
    return True


def _check_classes(predictions: Predictions, taxonomy: Taxonomy) -> None:
    labels = predictions.labels["expr"][predictions.masks["expr"] > 0]
    if labels.size and not 0 <= labels.min() <= labels.max() < len(
        taxonomy.expressions
    ):
        raise ValueError(
            f"A labelled expression must be an index into {taxonomy.expressions}. "
            f"Received: values from {labels.min()} to {labels.max()}. "
            "Mask what is unlabelled, and map classes by name."
        )
