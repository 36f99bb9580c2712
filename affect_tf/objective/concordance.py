"""The concordance correlation coefficient (CCC), in the form that is never 0/0.

    CCC = 2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2 + eps)

The correlation form of the papers, 2 rho sigma_y sigma_p / (...), is the same number
where both deviations are positive, and 0/0 where one of them is zero: constant
labels, a single row, no row. All statistics are of the population (divided by n).
"""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

import tensorflow as tf

from affect_tf.objective.replicas import sum_over_replicas

#: Keeps the quotient finite; far below the variance of any real annotation.
EPSILON = 1e-8


class Moments(NamedTuple):
    """First and second population moments of labels and predictions.

    Every field has one shape, one entry a dimension. They may be tensors or arrays.
    """

    label_mean: Any
    prediction_mean: Any
    label_variance: Any
    prediction_variance: Any
    covariance: Any


def concordance_from_moments(moments: Moments, epsilon: float = EPSILON) -> Any:
    """Returns the CCC of each dimension: arithmetic only, so arrays serve as well.

    Degenerate case: 0 where labels or predictions are constant.

    >>> concordance_from_moments(Moments(0.0, 0.5, 1.0, 1.0, 1.0), epsilon=0.0)
    0.8888888888888888
    """
    difference = moments.label_mean - moments.prediction_mean
    spread = moments.label_variance + moments.prediction_variance
    return 2.0 * moments.covariance / (spread + difference * difference + epsilon)


def batch_moments(
    labels: tf.Tensor, predictions: tf.Tensor, present: tf.Tensor
) -> Moments:
    """Returns the moments of the rows that are present, over all replicas.

    The deviations are taken from the mean before they are squared: the shorter
    E[x^2] - E[x]^2 loses every digit for labels that hardly vary.

    Args:
      labels: float32 [B, D].
      predictions: float32 [B, D].
      present: float32 [B], 1 for rows that count and 0 for the others, whose
        values must be finite but do not matter.

    Returns:
      Moments of float32 [D]; zeros where no row is present.
    """
    rows = present[:, tf.newaxis]
    pair = tf.stack([labels, predictions], axis=1)  # [B, 2, D]
    count = tf.maximum(sum_over_replicas(tf.reduce_sum(present)), 1.0)
    total = sum_over_replicas(tf.reduce_sum(pair * rows[:, tf.newaxis], axis=0))
    mean = total / count
    deviation = (pair - mean) * rows[:, tf.newaxis]
    label_deviation, prediction_deviation = tf.unstack(deviation, axis=1)
    products = tf.stack(
        [
            label_deviation * label_deviation,
            prediction_deviation * prediction_deviation,
            label_deviation * prediction_deviation,
        ],
        axis=1,
    )
    second = sum_over_replicas(tf.reduce_sum(products, axis=0)) / count
    return Moments(mean[0], mean[1], second[0], second[1], second[2])


def batch_concordance(
    labels: tf.Tensor, predictions: tf.Tensor, weight: tf.Tensor
) -> tf.Tensor:
    """Returns the CCC of each dimension over the rows of positive weight.

    A weight selects a row, it does not lean the statistic: rows of weight 0.4 and 1
    count alike. Under several replicas the rows are those of all replicas.

    Args:
      labels: float32 [B, D].
      predictions: float32 [B, D].
      weight: float32 [B], non-negative; 0 leaves the row out.

    Returns:
      float32 [D] in [-1, 1]; 0 for constant labels, for one row and for none.

    Source: Deng et al. 2020, Eq. 8; population moments, as in the papers' metrics
    (Deng's released training code divides the variances alone by n - 1).
    """
    present = tf.cast(weight > 0, tf.float32)
    return concordance_from_moments(batch_moments(labels, predictions, present))
