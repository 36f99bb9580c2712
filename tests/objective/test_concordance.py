import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.concordance import batch_concordance
from affect_tf.objective.concordance import batch_moments
from affect_tf.objective.concordance import concordance_from_moments
from affect_tf.objective.concordance import Moments


def _correlation_form(y, p):
    """Deng et al. 2020, Eq. 8 as printed."""
    correlation = np.corrcoef(y, p)[0, 1]
    above = 2 * correlation * y.std() * p.std()
    return above / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)


def _pairs(rows=50, seed=0):
    random = np.random.default_rng(seed)
    labels = random.uniform(-1, 1, (rows, 2)).astype(np.float32)
    noise = random.normal(size=labels.shape).astype(np.float32)
    return labels, 0.5 * labels + 0.3 * noise + 0.1


def _gradient(labels, predictions, weight):
    predictions = tf.constant(predictions, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = batch_concordance(tf.constant(labels, tf.float32), predictions, weight)
    return value, tape.gradient(value, predictions)


def test_the_moment_form_is_the_papers_correlation_form():
    labels, predictions = _pairs()
    actual = batch_concordance(labels, predictions, tf.ones(50))
    for d in range(2):
        expected = _correlation_form(labels[:, d], predictions[:, d])
        assert float(actual[d]) == pytest.approx(expected, rel=1e-5)


def test_labels_agree_with_themselves_and_less_with_anything_else():
    labels, _ = _pairs()
    ones = tf.ones(50)
    np.testing.assert_allclose(batch_concordance(labels, labels, ones), 1, atol=1e-6)
    assert (batch_concordance(labels, labels + 0.2, ones).numpy() < 1).all()
    np.testing.assert_allclose(
        batch_concordance(labels, -labels + 2 * labels.mean(0), ones), -1, atol=1e-5
    )


def test_a_weight_selects_rows_and_does_not_lean_the_statistic():
    labels, predictions = _pairs()
    weight = np.random.default_rng(1).uniform(0.1, 5, 50).astype(np.float32)
    weight[::3] = 0
    kept = weight > 0
    expected = batch_concordance(labels[kept], predictions[kept], tf.ones(kept.sum()))
    actual = batch_concordance(labels, predictions, weight)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "labels", "predictions", "weight"),
    [
        ("constant labels", np.full((5, 2), 0.7), np.linspace(-1, 1, 10), [1] * 5),
        ("constant predictions", np.linspace(-1, 1, 10), np.full((5, 2), 0.1), [1] * 5),
        ("equal constants", np.full((5, 2), 0.7), np.full((5, 2), 0.7), [1] * 5),
        ("one row", np.full((5, 2), 0.3), np.linspace(-1, 1, 10), [0, 1, 0, 0, 0]),
        ("no row", np.full((5, 2), 0.3), np.linspace(-1, 1, 10), [0] * 5),
    ],
)
def test_it_is_zero_and_smooth_where_the_correlation_form_is_0_over_0(
    name, labels, predictions, weight
):
    value, gradient = _gradient(
        np.reshape(labels, (5, 2)),
        np.reshape(predictions, (5, 2)),
        tf.constant(weight, tf.float32),
    )
    np.testing.assert_allclose(value, 0.0, atol=1e-5)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() < 1e2


def test_labels_that_hardly_vary_keep_their_digits():
    random = np.random.default_rng(2)
    labels = (0.9 + 1e-3 * random.normal(size=(1000, 1))).astype(np.float32)
    predictions = (labels + 1e-3 * random.normal(size=labels.shape)).astype(np.float32)
    moments = batch_moments(labels, predictions, tf.ones(1000))
    expected = np.cov(
        labels[:, 0].astype(float), predictions[:, 0].astype(float), bias=True
    )
    np.testing.assert_allclose(moments.label_variance, expected[0, 0], rtol=1e-3)
    np.testing.assert_allclose(moments.covariance, expected[0, 1], rtol=1e-3)


def test_one_formula_serves_arrays_and_tensors():
    moments = Moments(*np.random.default_rng(3).uniform(0.1, 1, (5, 2)))
    in_tensors = Moments(*(tf.constant(value) for value in moments))
    from_arrays = concordance_from_moments(moments)
    assert isinstance(from_arrays, np.ndarray)
    np.testing.assert_allclose(concordance_from_moments(in_tensors), from_arrays)
