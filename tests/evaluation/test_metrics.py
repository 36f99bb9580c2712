import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from affect_tf.evaluation import metrics


def random_classes(seed=0, num_rows=400, num_classes=7):
    random = np.random.default_rng(seed)
    labels = random.integers(0, num_classes, num_rows)
    predicted = np.where(
        random.random(num_rows) < 0.5, labels, random.integers(0, 7, num_rows)
    )
    return labels, predicted, random.random(num_rows) < 0.6


def random_units(seed=0, num_rows=400, num_units=5):
    random = np.random.default_rng(seed)
    labels = (random.random((num_rows, num_units)) < 0.3).astype(np.float32)
    scores = random.random(labels.shape).astype(np.float32) * 0.6 + 0.4 * labels
    mask = random.random(labels.shape) < [0.9, 0.5, 0.2, 0.7, 0.3]
    return labels, scores, mask


def test_expression_metrics_equal_scikit_learn_on_the_labelled_rows():
    labels, predicted, mask = random_classes()
    confusion = metrics.confusion_matrix(labels, predicted, mask, 7)
    rows = (labels[mask], predicted[mask])
    options = {"labels": range(7), "zero_division": 0}
    np.testing.assert_array_equal(
        confusion, sklearn_metrics.confusion_matrix(*rows, labels=range(7))
    )
    assert metrics.accuracy(confusion) == sklearn_metrics.accuracy_score(*rows)
    for ours, theirs in (
        (metrics.class_f1, sklearn_metrics.f1_score),
        (metrics.precision, sklearn_metrics.precision_score),
        (metrics.recall, sklearn_metrics.recall_score),
    ):
        expected = theirs(*rows, average=None, **options)
        np.testing.assert_allclose(ours(confusion), expected, rtol=1e-12)
    np.testing.assert_allclose(
        metrics.macro_f1(confusion),
        sklearn_metrics.f1_score(*rows, average="macro", **options),
    )


def test_a_class_that_never_occurs_counts_as_zero_in_the_macro_mean():
    labels, predicted = np.asarray([0, 0, 1]), np.asarray([0, 0, 1])
    confusion = metrics.confusion_matrix(labels, predicted, np.ones(3), 4)
    np.testing.assert_array_equal(metrics.class_f1(confusion), [1, 1, 0, 0])
    assert metrics.macro_f1(confusion) == 0.5
    expected = sklearn_metrics.f1_score(
        labels, predicted, labels=range(4), average="macro", zero_division=0
    )
    assert metrics.macro_f1(confusion) == expected


def test_no_rows_give_nan_and_not_zero():
    nothing = np.zeros((7, 7))
    assert np.isnan(metrics.accuracy(nothing))
    assert np.isnan(metrics.macro_f1(nothing))
    assert np.isnan(metrics.unit_f1(np.zeros((3, 4)))).all()
    assert np.isnan(metrics.total_accuracy(np.zeros((3, 4))))
    assert np.isnan(metrics.mean_over_labelled(np.full(3, np.nan)))
    for metric in (metrics.concordance, metrics.pearson, metrics.rmse):
        assert np.isnan(metric(metrics.moments([1.0], [1.0], [0])))


def test_what_the_mask_hides_does_not_matter():
    labels, scores, mask = random_units()
    before = metrics.outcomes(labels, scores, mask)
    labels[~mask], scores[~mask] = np.nan, 9.0
    np.testing.assert_array_equal(metrics.outcomes(labels, scores, mask), before)
    hidden = metrics.moments([0.5, np.nan], [0.25, 3.0], [1, 0])
    np.testing.assert_array_equal(hidden, metrics.moments([0.5], [0.25], [1]))


@pytest.mark.parametrize("thresholds", [0.5, [0.2, 0.3, 0.5, 0.6, 0.8]])
def test_unit_metrics_equal_scikit_learn_unit_by_unit(thresholds):
    labels, scores, mask = random_units()
    counts = metrics.outcomes(labels, scores, mask, thresholds)
    predicted = scores >= np.float32(thresholds)
    for unit in range(5):
        rows = mask[:, unit]
        pair = (labels[rows, unit], predicted[rows, unit])
        f1 = sklearn_metrics.f1_score(*pair)
        np.testing.assert_allclose(metrics.unit_f1(counts)[unit], f1)
        accuracy = sklearn_metrics.accuracy_score(*pair)
        np.testing.assert_allclose(metrics.unit_accuracy(counts)[unit], accuracy)
        np.testing.assert_allclose(metrics.prevalence(counts)[unit], pair[0].mean())
    np.testing.assert_allclose(
        metrics.total_accuracy(counts),
        sklearn_metrics.accuracy_score(labels[mask], predicted[mask]),
    )


def test_total_accuracy_weighs_units_by_their_labels():
    counts = np.asarray([[9.0, 0, 0, 0], [0, 1, 0, 0]])
    assert metrics.total_accuracy(counts) == 0.9
    assert metrics.mean_over_labelled(metrics.unit_accuracy(counts)) == 0.5


def test_a_score_at_the_threshold_is_a_prediction():
    counts = metrics.outcomes([[1.0]], np.float32([[0.5]]), np.ones((1, 1)), 0.5)
    np.testing.assert_array_equal(counts, [[1, 0, 0, 0]])
    # 0.1 is not a float32; the score that prints as 0.1 must still reach it.
    counts = metrics.outcomes([[1.0]], np.float32([[0.1]]), np.ones((1, 1)), 0.1)
    np.testing.assert_array_equal(counts, [[1, 0, 0, 0]])


def test_a_unit_without_positives_scores_zero_and_one_without_labels_is_left_out():
    counts = np.asarray([[3.0, 0, 0, 2], [0, 0, 0, 5], [0, 0, 0, 0]])
    f1 = metrics.unit_f1(counts)
    np.testing.assert_array_equal(f1, [1, 0, np.nan])
    assert metrics.mean_over_labelled(f1) == 0.5


def lin(y, x):
    """Lin's CCC in the correlation form, as the papers print it."""
    r = np.corrcoef(y, x)[0, 1]
    spread = y.std() ** 2 + x.std() ** 2 + (y.mean() - x.mean()) ** 2
    return 2 * r * y.std() * x.std() / spread


def test_concordance_pearson_and_rmse_equal_their_definitions():
    random = np.random.default_rng(3)
    y = random.uniform(-1, 1, 500)
    x = 0.5 * y + 0.2 + 0.3 * random.normal(size=500)
    mask = random.random(500) < 0.5
    sums = metrics.moments(y, x, mask)
    y, x = y[mask], x[mask]
    np.testing.assert_allclose(metrics.concordance(sums), lin(y, x), rtol=1e-6)
    np.testing.assert_allclose(metrics.pearson(sums), np.corrcoef(y, x)[0, 1])
    error = sklearn_metrics.mean_squared_error(y, x) ** 0.5
    np.testing.assert_allclose(metrics.rmse(sums), error)


def test_a_shift_and_a_scale_cost_concordance_and_not_pearson():
    y = np.linspace(-0.5, 0.5, 11)
    for x in (y + 0.3, 0.5 * y):
        sums = metrics.moments(y, x, np.ones(11))
        np.testing.assert_allclose(metrics.pearson(sums), 1.0)
        assert metrics.concordance(sums) < 0.9
    same = metrics.moments(y, y, np.ones(11))
    np.testing.assert_allclose(metrics.concordance(same), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("y", "x"),
    [
        ([0.3] * 1000, [0.3] * 1000),
        ([0.3] * 1000, [-0.9] * 1000),
        ([0.1] * 999, np.linspace(-1, 1, 999)),
        (np.linspace(-1, 1, 999), [0.7] * 999),
        ([0.25], [0.25]),
    ],
)
def test_constant_labels_or_predictions_give_zero(y, x):
    sums = metrics.moments(y, x, np.ones(len(y)))
    assert abs(metrics.concordance(sums)) < 1e-6
    assert metrics.pearson(sums) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)),
        min_size=1,
        max_size=30,
    )
)
def test_concordance_is_symmetric_finite_and_at_most_one(pairs):
    y, x = np.asarray(pairs).T
    forward = metrics.concordance(metrics.moments(y, x, np.ones(len(y))))
    backward = metrics.concordance(metrics.moments(x, y, np.ones(len(y))))
    assert abs(forward) <= 1 + 1e-9
    np.testing.assert_allclose(forward, backward, atol=1e-9)


def test_groups_add_up_to_the_whole_and_metrics_broadcast_over_them():
    labels, predicted, mask = random_classes()
    groups = np.random.default_rng(1).integers(0, 9, len(labels))
    parts = metrics.confusion_matrix(labels, predicted, mask, 7, groups)
    whole = metrics.confusion_matrix(labels, predicted, mask, 7)
    np.testing.assert_array_equal(parts.sum(axis=0), whole)
    alone = metrics.confusion_matrix(
        labels[groups == 4], predicted[groups == 4], mask[groups == 4], 7
    )
    np.testing.assert_array_equal(parts[4], alone)
    assert metrics.macro_f1(parts)[4] == metrics.macro_f1(alone)
    units = random_units()
    counts = metrics.outcomes(*units, 0.5, groups)
    np.testing.assert_array_equal(counts.sum(axis=0), metrics.outcomes(*units))
    y, x = units[0][:, 0], units[1][:, 0]
    sums = metrics.moments(y, x, mask, groups)
    np.testing.assert_allclose(sums.sum(axis=0), metrics.moments(y, x, mask))
    assert metrics.concordance(sums).shape == (9,)
