"""Charte et al. 2015, ML-ROS: the paper's listing as plain loops against ours.

Labels that nobody gave are not in the paper. The loops leave them out where they count:
a cell that is missing is no positive.
"""

import math

import numpy as np
import pytest

from tfrecords_builder import balance_units

SEED = (7, 1)


def positives(rows, label):
    return sum(1 for row in rows if row[label] == 1)


def irlbl(rows, label):
    """Eq. 6: the most frequent label's samples over this label's."""
    most = max(positives(rows, other) for other in range(len(rows[0])))
    return most / positives(rows, label)


def labels_in(rows):
    return [n for n in range(len(rows[0])) if positives(rows, n)]


def mean_ir(rows):
    """Eq. 7."""
    ratios = [irlbl(rows, label) for label in labels_in(rows)]
    return sum(ratios) / len(ratios)


def ml_ros(rows, percentage, threshold=None):
    """The listing: the clones, as positions of the rows that were cloned, in order."""
    random = [np.random.default_rng([*SEED, n]) for n in range(len(rows[0]))]
    samples_to_clone = len(rows) / 100 * percentage
    limit = mean_ir(rows) if threshold is None else threshold
    bags = {}
    for label in labels_in(rows):
        if irlbl(rows, label) > limit:
            bags[label] = [i for i, row in enumerate(rows) if row[label] == 1]
    grown, clones = list(rows), []
    while samples_to_clone > 0 and bags:
        for label in list(bags):
            x = bags[label][math.floor(random[label].random() * len(bags[label]))]
            grown.append(rows[x])
            clones.append(x)
            if irlbl(grown, label) <= limit:
                del bags[label]
            samples_to_clone -= 1
    return clones


def table(rates, count, missing, seed):
    random = np.random.default_rng(seed)
    labels = (random.random((count, len(rates))) < rates).astype(float)
    labels[random.random(labels.shape) < missing] = np.nan
    return labels


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("threshold", [None, 2.0])
@pytest.mark.parametrize("percentage", [5, 33, 50])
def test_ml_ros_clones_what_the_listing_clones(missing, threshold, percentage):
    labels = table([0.6, 0.3, 0.2, 0.08, 0.05, 0.0], 120, missing, percentage)
    expected = ml_ros(labels.tolist(), percentage, threshold)
    assert expected
    found = balance_units.ml_ros(labels, threshold, percentage / 100, SEED)
    np.testing.assert_array_equal(
        found.clones, np.bincount(expected, minlength=len(labels))
    )


def test_the_measures_are_those_of_the_paper():
    labels = table([0.6, 0.3, 0.2, 0.08], 60, 0.2, 0)
    counts = (labels == 1).sum(axis=0)
    rows = labels.tolist()
    np.testing.assert_allclose(
        balance_units.imbalance(counts), [irlbl(rows, n) for n in range(4)]
    )
    assert balance_units.mean_imbalance(counts) == pytest.approx(mean_ir(rows))


def test_rare_labels_are_relieved_where_the_budget_allows_it():
    labels = table([0.7, 0.5, 0.02], 200, 0.0, 1)
    grown = [*labels.tolist(), *(labels.tolist()[x] for x in ml_ros(labels, 300))]
    assert irlbl(grown, 2) <= mean_ir(labels.tolist()) < irlbl(labels.tolist(), 2)
    assert balance_units.ml_ros(labels, None, 3.0, SEED).relieved == (2,)
