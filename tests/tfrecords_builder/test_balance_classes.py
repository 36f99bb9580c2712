"""Classes brought to one size, thinning, bins."""

import fractions

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tfrecords_builder import balance_classes as classes

COUNTS = st.lists(st.integers(1, 400), min_size=1, max_size=8).map(np.array)
CAPS = st.none() | st.integers(1, 30)


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        ("1/10", [0, 10, 20]),
        ("0.1", [0, 10, 20]),
        ("1/2", list(range(0, 24, 2))),
        ("2/5", [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]),
        ("1", list(range(24))),
    ],
)
def test_thinning_keeps_evenly_spaced_positions(factor, expected):
    stays = classes.stays(24, fractions.Fraction(factor))
    assert np.flatnonzero(stays).tolist() == expected


@settings(deadline=None)
@given(
    st.integers(0, 500), st.fractions(fractions.Fraction(1, 50), 1, max_denominator=50)
)
def test_thinning_keeps_the_share_rounded_up(count, factor):
    assert classes.stays(count, factor).sum() == -(-count * factor // 1)


def test_bins_span_minus_one_to_one_or_the_data():
    pairs = np.array([[-1, -1], [-0.95, -0.91], [0.0, 0.0], [0.05, 0.05], [1, 1]])
    codes, number = classes.cells(pairs, 20)
    # -1 and -0.95 are in bin 0; 0.0 and 0.05 in bin 10; 1 in bin 19.
    assert (codes.tolist(), number) == ([0, 0, 1, 1, 2], 3)
    # Between 0 and 0.4 four bins are 0.1 wide, and the last takes its upper edge.
    pairs = np.array([[0, 0], [0.05, 0], [0.15, 0], [0.4, 0], [0.39, 0.4]])
    codes, number = classes.cells(pairs, 4, data_range=True)
    assert (codes.tolist(), number) == ([0, 0, 1, 2, 3], 4)


def test_a_value_on_an_edge_belongs_to_the_bin_above_but_for_the_last():
    for data_range, values in (
        (True, [0, 0.25, 0.5, 0.75, 1]),
        (False, [-1, -0.5, 0, 0.5, 1]),
    ):
        codes, _ = classes.cells(np.array([values, [0] * 5]).T, 4, data_range)
        assert codes.tolist() == [0, 1, 2, 3, 3]


def test_bins_of_the_data_are_those_of_numpys_histogram():
    pairs = np.random.default_rng(0).normal(0.1, 0.3, (500, 2)).clip(-1, 1)
    codes, number = classes.cells(pairs, 20, data_range=True)
    histogram = np.histogram2d(*pairs.T, bins=20)[0].ravel()
    expected = histogram[histogram > 0]
    assert np.bincount(codes, minlength=number).tolist() == expected.tolist()


@pytest.mark.parametrize("data_range", [False, True])
def test_bins_of_nothing_and_of_one_point(data_range):
    assert classes.cells(np.zeros((0, 2)), 20, data_range)[1] == 0
    codes, number = classes.cells(np.full((3, 2), 0.3), 20, data_range)
    assert (codes.tolist(), number) == ([0, 0, 0], 1)


def test_sizes_worked_by_hand():
    counts = np.array([60, 20, 10])
    assert classes.sizes(counts, "equal", None).tolist() == [30, 30, 30]
    assert classes.sizes(counts, "over", None).tolist() == [60, 60, 60]
    assert classes.sizes(counts, "under", None).tolist() == [10, 10, 10]
    assert classes.sizes(counts, 25, None).tolist() == [25, 25, 25]
    # At most twice: 20 of the smallest, so 35 of the others would keep the 90.
    assert classes.sizes(counts, "equal", 2).tolist() == [35, 35, 20]
    assert classes.sizes(counts, "over", 2).tolist() == [60, 40, 20]
    assert classes.sizes(counts, "equal", 1).tolist() == [60, 20, 10]


@settings(max_examples=80, deadline=None)
@given(COUNTS, CAPS)
def test_equal_sizes_keep_the_total_but_for_rounding(counts, cap):
    wanted = classes.sizes(counts, "equal", cap)
    assert abs(wanted.sum() - counts.sum()) <= len(counts)
    assert wanted.min() >= 1
    if cap is None:
        assert len(set(wanted.tolist())) == 1
    else:
        assert (wanted <= counts * cap).all()


@settings(max_examples=80, deadline=None)
@given(
    COUNTS,
    CAPS,
    st.sampled_from(["equal", "over", "under", 1, 77]),
    st.integers(0, 9),
)
def test_every_class_gets_its_size_and_its_rows_even_turns(counts, cap, target, seed):
    codes = np.random.default_rng(seed).permutation(
        np.repeat(np.arange(len(counts)), counts)
    )
    wanted = classes.sizes(counts, target, cap)
    repeats = classes.repeats(codes, wanted, np.random.default_rng(seed))
    for code, size in enumerate(wanted):
        mine = repeats[codes == code]
        assert mine.sum() == size
        assert mine.max() - mine.min() <= 1
    assert cap is None or repeats.max() <= cap


@settings(max_examples=80, deadline=None)
@given(COUNTS, CAPS)
def test_weights_have_mean_one_and_make_classes_equal_up_to_the_cap(counts, cap):
    codes = np.repeat(np.arange(len(counts)), counts)
    weights = classes.weights(codes, counts, cap)
    assert weights.mean() == pytest.approx(1.0)
    assert cap is None or weights.max() <= cap * (1 + 1e-12)
    totals = np.bincount(codes, weights)
    free = np.ones(len(counts), bool) if cap is None else totals < counts * cap * 0.999
    np.testing.assert_allclose(totals[free], totals.max())


def test_weights_without_a_cap_are_inverse_to_the_class():
    weights = classes.weights(np.array([0, 0, 0, 1]), np.array([3, 1]), None)
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])


def test_which_rows_go_is_drawn_by_the_seed():
    codes, wanted = np.zeros(100, int), np.array([50])
    one, other = (
        classes.repeats(codes, wanted, np.random.default_rng(seed)) for seed in (0, 1)
    )
    assert (one != other).any()
    # And not all of the first, or of the last.
    assert 10 < one[:50].sum() < 40
