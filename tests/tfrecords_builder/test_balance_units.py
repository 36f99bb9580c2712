"""ML-ROS on tables that can be worked by hand."""

import numpy as np
import pytest

from tfrecords_builder.balance_units import imbalance
from tfrecords_builder.balance_units import mean_imbalance
from tfrecords_builder.balance_units import ml_ros

NAN = np.nan


def test_the_ratio_is_that_to_the_most_frequent_unit():
    np.testing.assert_array_equal(imbalance([8, 4, 2, 0]), [1, 2, 4, NAN])
    # (1 + 2 + 4) / 3: the unit without a positive has no part in it.
    assert mean_imbalance([8, 4, 2, 0]) == pytest.approx(7 / 3)
    assert mean_imbalance([0, 0]) == mean_imbalance([]) == 1.0


def test_a_unit_is_copied_until_its_ratio_is_the_mean():
    # Positives 6, 3, 1: ratios 1, 2, 6, mean 3. Only the third is rare, and its bag is
    # the last row, which also has the first unit. After one clone: 7 / 2 = 3.5 > 3;
    # after two: 8 / 3 <= 3, and it ends, although the budget is 10.
    labels = np.zeros((10, 3))
    labels[:5, 0] = labels[2:5, 1] = labels[9, 2] = labels[9, 0] = 1
    found = ml_ros(labels, None, 1.0, (0,))
    assert found.clones.tolist() == [0] * 9 + [2]
    assert (found.threshold, found.rare, found.relieved) == (3.0, (2,), (2,))


def test_a_preset_ratio_takes_the_place_of_the_mean():
    # The same table with a limit of 2.2: 9 / 4 = 2.25 after three clones, 10 / 5 after
    # four. The second unit (2) is below it.
    labels = np.zeros((10, 3))
    labels[:5, 0] = labels[2:5, 1] = labels[9, 2] = labels[9, 0] = 1
    assert ml_ros(labels, 2.2, 1.0, (0,)).clones.tolist() == [0] * 9 + [4]


def test_a_round_takes_one_row_of_each_bag_and_is_finished():
    # Positives 8, 1, 1: ratios 1, 8, 8, mean 17 / 3. Two bags of one row each. One
    # round: 8 / 2 = 4 is below the mean, for either.
    labels = np.zeros((10, 3))
    labels[:8, 0] = labels[8, 1] = labels[9, 2] = 1
    assert ml_ros(labels, None, 1.0, (0,)).clones.tolist() == [0] * 8 + [1, 1]
    # With a limit of 1 each would need 7 more; a budget of 3 ends in the second round.
    found = ml_ros(labels, 1.0, 0.3, (0,))
    assert found.clones.tolist() == [0] * 8 + [2, 2]
    assert (found.rare, found.relieved) == ((1, 2), ())


def test_unlabelled_cells_are_neither_positive_nor_negative():
    # By labelled cells 3, 1, 1 are positive: ratios 1, 3, 3, mean 7 / 3. Were a missing
    # cell negative the result would be this; were it positive, nothing would be rare.
    labels = np.array(
        [[1, NAN, NAN], [1, NAN, 0], [1, 0, NAN], [NAN, 1, NAN], [NAN, NAN, 1]]
    )
    found = ml_ros(labels, None, 1.0, (0,))
    # 3 / 2 is below the mean after one clone each.
    assert found.clones.tolist() == [0, 0, 0, 1, 1]


def test_a_unit_without_a_positive_takes_no_part_and_ends_nothing():
    labels = np.zeros((10, 4))
    labels[:5, 0] = labels[2:5, 1] = labels[9, 2] = labels[9, 0] = 1
    labels[:, 3] = NAN
    found = ml_ros(labels, None, 1.0, (0,))
    assert found.clones.tolist() == [0] * 9 + [2]
    assert found.absent == (3,)


@pytest.mark.parametrize(
    "labels", [np.zeros((0, 3)), np.zeros((4, 3)), np.ones((4, 3))]
)
def test_where_nothing_is_rare_nothing_is_copied(labels):
    found = ml_ros(labels, None, 0.5, (0,))
    assert not found.clones.any()
    assert len(found.clones) == len(labels)
    assert found.rare == ()


def test_an_unreachable_ratio_ends_with_the_budget():
    # Every clone of the rare unit is one of the frequent unit, too: (60 + n) / (1 + n).
    labels = np.zeros((100, 2))
    labels[:60, 0] = labels[0, 1] = 1
    found = ml_ros(labels, 1.0, 0.5, (0,))
    assert found.clones.sum() == 50
    assert found.relieved == ()


def test_bags_are_those_of_the_start_and_every_row_of_them_is_drawn():
    labels = np.zeros((400, 2))
    labels[:300, 0] = labels[300:320, 1] = 1
    found = ml_ros(labels, 1.0, 0.5, (3,))
    drawn = found.clones[300:320]
    assert drawn.sum() == found.clones.sum() == 200
    # Ten each on average; a row that drew its own clones would run away.
    assert drawn.min() >= 2
    assert drawn.max() <= 22
    again = ml_ros(labels, 1.0, 0.5, (3,)).clones
    np.testing.assert_array_equal(again, found.clones)
    assert (ml_ros(labels, 1.0, 0.5, (4,)).clones != found.clones).any()


def test_many_units_fit():
    labels = np.eye(45)[np.r_[np.zeros(60, int), np.arange(45)]]
    assert ml_ros(labels, 2.0, 20.0, (0,)).relieved == tuple(range(1, 45))
