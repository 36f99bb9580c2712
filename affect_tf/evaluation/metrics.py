"""Metrics as functions of counts and moments, and as functions of masked arrays.

Conventions, which every number of the toolkit follows:

* Labels of value 0 or 1 for action units; a unit is predicted where its score is at
  or above its threshold, 0.5 unless told otherwise.
* F1 is 2 tp / (2 tp + fp + fn), and 0 where that is 0/0: a class or unit that never
  occurs and is never predicted scores 0. The macro mean runs over the FIXED list of
  classes, so such a class pulls it down, as in scikit-learn with `labels=range(C)` and
  `zero_division=0`. A unit without any label is another matter: nothing is known about
  it, and it is left out of the mean over units.
* Variances and covariances are population moments (divided by n). CCC is Lin's, and
  its formula is the one of the loss. CCC and Pearson's r are 0 where labels or
  predictions are constant.
* A metric of no rows is NaN here, never 0. What is written to JSON says null and why.

The functions of counts and moments broadcast over leading axes, so a bootstrap
computes a thousand replicates as it computes one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from affect_tf.objective.concordance import concordance_from_moments
from affect_tf.objective.concordance import Moments

#: Order of the last axis of action-unit counts.
OUTCOMES = ("tp", "fp", "fn", "tn")

#: Order of the last axis of moments: sums over rows of the label y and prediction x.
MOMENTS = ("n", "y", "x", "yy", "xx", "yx")

#: A variance below this (of values in [-1, 1], in float64) is rounding, not spread.
_CONSTANT = 1e-12


def ratio(numerator: ArrayLike, denominator: ArrayLike, empty: float) -> np.ndarray:
    """Returns float64 numerator / denominator, and `empty` where the latter is 0."""
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    )
    result = np.full(denominator.shape, empty)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def confusion_matrix(
    labels: np.ndarray,
    predicted: np.ndarray,
    mask: np.ndarray,
    num_classes: int,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Counts labelled rows by label and by prediction.

    Args:
      labels: int [N], in [0, C-1] where mask is 1.
      predicted: int [N], in [0, C-1].
      mask: [N], rows of 0 are not counted.
      num_classes: C.
      groups: int [N] in [0, G-1], to count each group apart.

    Returns:
      float64 [C, C], indexed [label, predicted]; [G, C, C] with groups.
    """
    kept = np.asarray(mask) > 0
    cells = np.asarray(labels)[kept].astype(np.int64) * num_classes
    cells += np.asarray(predicted)[kept]
    if groups is None:
        counts = np.bincount(cells, minlength=num_classes**2)
        return counts.reshape(num_classes, num_classes).astype(np.float64)
    shape = (_size(groups), num_classes, num_classes)
    cells += groups[kept] * num_classes**2
    counts = np.bincount(cells, minlength=int(np.prod(shape)))
    return counts.reshape(shape).astype(np.float64)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Returns [...], the share of the diagonal of counts [..., C, C]; NaN if empty."""
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    return ratio(correct, confusion.sum(axis=(-2, -1)), np.nan)


def precision(confusion: np.ndarray) -> np.ndarray:
    """Returns [..., C] from counts [..., C, C]; 0 for a class never predicted."""
    return ratio(_diagonal(confusion), confusion.sum(axis=-2), 0.0)


def recall(confusion: np.ndarray) -> np.ndarray:
    """Returns [..., C] from counts [..., C, C]; 0 for a class never labelled."""
    return ratio(_diagonal(confusion), confusion.sum(axis=-1), 0.0)


def class_f1(confusion: np.ndarray) -> np.ndarray:
    """Returns [..., C], F1 by class of counts [..., C, C]; 0/0 is 0."""
    occurrences = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return ratio(2 * _diagonal(confusion), occurrences, 0.0)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Returns [...], the mean of `class_f1` over all C classes; NaN if no rows.

    >>> float(macro_f1(np.asarray([[2.0, 0.0], [0.0, 0.0]])))
    0.5
    """
    rows = confusion.sum(axis=(-2, -1))
    total = class_f1(confusion).sum(axis=-1)
    return np.where(rows > 0, total / max(confusion.shape[-1], 1), np.nan)


def outcomes(
    labels: np.ndarray,
    scores: np.ndarray,
    mask: np.ndarray,
    thresholds: ArrayLike = 0.5,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Counts true and false positives and negatives of each action unit.

    Args:
      labels: [N, U], 0 or 1 where mask is 1.
      scores: float32 [N, U], probabilities.
      mask: [N, U], cells of 0 are not counted.
      thresholds: One, or [U]. At or above it a unit is predicted; compared in float32,
        as the exported model does.
      groups: int [N] in [0, G-1], to count each group apart.

    Returns:
      float64 [U, 4], in the order of `OUTCOMES`; [G, U, 4] with groups.
    """
    positive = np.asarray(labels) > 0.5
    predicted = np.asarray(scores, np.float32) >= np.asarray(thresholds, np.float32)
    kept = np.asarray(mask) > 0
    shape = (1 if groups is None else _size(groups), kept.shape[1], len(OUTCOMES))
    row = np.zeros(len(kept), np.int64) if groups is None else groups
    outcome = np.where(predicted, ~positive, 2 + ~positive).astype(np.int64)
    cells = (row[:, None] * shape[1] + np.arange(shape[1])) * shape[2] + outcome
    counts = np.bincount(cells[kept], minlength=int(np.prod(shape)))
    counts = counts.reshape(shape).astype(np.float64)
    return counts[0] if groups is None else counts


def unit_f1(counts: np.ndarray) -> np.ndarray:
    """Returns [..., U] from counts [..., U, 4]: 0/0 is 0, and NaN without labels."""
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    f1 = ratio(2 * tp, 2 * tp + fp + fn, 0.0)
    return np.where(counts.sum(axis=-1) > 0, f1, np.nan)


def unit_accuracy(counts: np.ndarray) -> np.ndarray:
    """Returns [..., U] from counts [..., U, 4]; NaN without labels."""
    tp, _, _, tn = np.moveaxis(counts, -1, 0)
    return ratio(tp + tn, counts.sum(axis=-1), np.nan)


def prevalence(counts: np.ndarray) -> np.ndarray:
    """Returns [..., U], the share of positive labels; NaN without labels."""
    tp, _, fn, _ = np.moveaxis(counts, -1, 0)
    return ratio(tp + fn, counts.sum(axis=-1), np.nan)


def total_accuracy(counts: np.ndarray) -> np.ndarray:
    """Returns [...], the share of right cells of the flattened masked matrix.

    It weighs a unit by its labels, and so differs from the mean of `unit_accuracy`
    where units are labelled on different rows. NaN without any label.
    """
    cells = counts.sum(axis=-2)
    return ratio(cells[..., 0] + cells[..., 3], cells.sum(axis=-1), np.nan)


def mean_over_labelled(values: np.ndarray) -> np.ndarray:
    """Returns [...], the mean over the last axis of what is not NaN; NaN if all is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(-1), known.sum(-1), np.nan)


def moments(
    labels: ArrayLike,
    predicted: ArrayLike,
    mask: ArrayLike,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Returns float64 [6], the sums named by `MOMENTS` over rows of mask 1.

    Args:
      labels: [N]; anything, NaN included, where masked.
      predicted: [N].
      mask: [N], 0 or 1.
      groups: int [N] in [0, G-1], to sum each group apart: [G, 6].
    """
    kept = np.asarray(mask) > 0
    y = np.asarray(labels, np.float64)[kept]
    x = np.asarray(predicted, np.float64)[kept]
    terms = (np.ones_like(y), y, x, y * y, x * x, y * x)
    if groups is None:
        return np.asarray([term.sum() for term in terms])
    size = _size(groups)
    return np.stack([np.bincount(groups[kept], term, size) for term in terms], -1)


def concordance(sums: np.ndarray) -> np.ndarray:
    """Returns [...], Lin's CCC of moments [..., 6], in [-1, 1]; NaN if no rows.

    0 where labels or predictions are constant, and where both are: nothing was shown
    to agree. The formula is the loss's own.

    >>> round(float(concordance(moments([0.0, 1.0], [0.0, 1.0], [1, 1]))), 6)
    1.0
    >>> round(float(concordance(moments([0.0, 1.0], [1.0, 2.0], [1, 1]))), 6)
    0.333333
    """
    central = _central(sums)
    return np.where(sums[..., 0] > 0, concordance_from_moments(central), np.nan)


def pearson(sums: np.ndarray) -> np.ndarray:
    """Returns [...], Pearson's r of moments [..., 6]; 0 if constant, NaN if no rows."""
    _, _, var_y, var_x, cov = _central(sums)
    spread = (var_y > _CONSTANT) & (var_x > _CONSTANT)
    scale = np.where(spread, np.sqrt(var_y * var_x), 0.0)
    r = np.clip(ratio(cov, scale, 0.0), -1.0, 1.0)
    return np.where(sums[..., 0] > 0, r, np.nan)


def rmse(sums: np.ndarray) -> np.ndarray:
    """Returns [...], the root mean square error of moments [..., 6]; NaN if no rows."""
    n, _, _, yy, xx, yx = np.moveaxis(sums, -1, 0)
    return np.sqrt(np.maximum(ratio(yy + xx - 2 * yx, n, np.nan), 0.0))


def _central(sums: np.ndarray) -> Moments:
    # E[x^2] - E[x]^2 would lose float32's digits; in float64, for values of order 1,
    # what it loses is far below `concordance_from_moments`'s epsilon.
    means = ratio(sums[..., 1:], sums[..., :1], 0.0)
    y, x, yy, xx, yx = np.moveaxis(means, -1, 0)
    return Moments(
        label_mean=y,
        prediction_mean=x,
        label_variance=np.maximum(yy - y * y, 0.0),
        prediction_variance=np.maximum(xx - x * x, 0.0),
        covariance=yx - y * x,
    )


def _diagonal(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _size(groups: np.ndarray) -> int:
    return int(groups.max(initial=-1)) + 1
