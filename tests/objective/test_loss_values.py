"""Values of the losses: the known cases that they reduce to, and what they refuse."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.labels import va_bins
from affect_tf.objective import losses
from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import SigmoidDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import BinnedConcordance
from affect_tf.objective.losses import SigmoidCrossEntropy
from affect_tf.objective.losses import SigmoidFocal
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import SoftmaxFocal

ROWS = 6
LOG_PRIOR = tuple(np.log([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05]).tolist())


def _inputs(kind, seed=0):
    """Returns targets, logits and weights; the soft kinds get logits as targets."""
    random = np.random.default_rng(seed)
    columns = {"class": 7, "units": 8, "binned": 40}[kind.split()[-1]]
    logits = 2 * random.normal(size=(ROWS, columns)).astype(np.float32)
    targets = {
        "class": random.integers(0, columns, ROWS).astype(np.int32),
        "units": random.integers(0, 2, (ROWS, columns)).astype(np.float32),
        "binned": random.uniform(-1, 1, (ROWS, 2)).astype(np.float32),
    }.get(kind, random.normal(size=(ROWS, columns)).astype(np.float32))
    weight = random.uniform(0.1, 2.0, ROWS).astype(np.float32)
    return tf.constant(targets), tf.constant(logits), tf.constant(weight)


def _value_and_gradient(loss, targets, logits, weight):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        rows = loss(targets, logits, weight)
        total = tf.reduce_sum(rows)
    return rows, tape.gradient(total, logits)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_softmax_focal_with_gamma_zero_is_the_cross_entropy(scale):
    targets, logits, weight = _inputs("class")
    case = (targets, scale * logits, weight)
    focal = _value_and_gradient(SoftmaxFocal(gamma=0.0), *case)
    plain = _value_and_gradient(SoftmaxCrossEntropy(), *case)
    for actual, expected in zip(focal, plain, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_sigmoid_focal_with_gamma_zero_is_the_cross_entropy_of_soft_labels(scale):
    _, logits, weight = _inputs("units")
    targets = tf.constant(np.random.default_rng(3).uniform(size=(ROWS, 8)), tf.float32)
    case = (targets, scale * logits, weight)
    focal = _value_and_gradient(SigmoidFocal(gamma=0.0), *case)
    plain = _value_and_gradient(SigmoidCrossEntropy(), *case)
    for actual, expected in zip(focal, plain, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_softmax_focal_is_exact_from_sure_and_right_to_sure_and_wrong(gamma):
    margins = np.array([-60.0, -5.0, 0.0, 5.0, 20.0])
    logits = np.stack([margins, np.zeros(5), np.full(5, -1.0)], axis=1)
    rows = SoftmaxFocal(gamma=gamma)(tf.zeros(5, tf.int32), logits, tf.ones(5))
    others = 1 + np.exp(-1.0)
    hit = np.logaddexp(0.0, np.log(others) - margins)  # -log p, in float64.
    miss = np.logaddexp(0.0, margins - np.log(others))  # -log(1 - p).
    # Near p = 1 the float32 -log p keeps absolute, not relative, precision.
    np.testing.assert_allclose(rows, np.exp(-gamma * miss) * hit, rtol=1e-4, atol=1e-9)


def test_a_wrong_row_keeps_its_gradient_however_sure_the_model_is():
    logits = tf.constant([[-500.0, 500.0]])
    weight = tf.ones(1)
    _, gradient = _value_and_gradient(
        SoftmaxFocal(), tf.zeros(1, tf.int32), logits, weight
    )
    np.testing.assert_allclose(gradient, [[-1.0, 1.0]], rtol=1e-5)
    _, gradient = _value_and_gradient(SigmoidFocal(), tf.ones([1, 2]), logits, weight)
    np.testing.assert_allclose(gradient, [[-1.0, 0.0]], rtol=1e-5)


def test_distillation_at_temperature_one_from_a_sure_teacher_is_the_cross_entropy():
    targets, logits, weight = _inputs("class")
    sure = 1e3 * tf.one_hot(targets, 7)
    distilled = SoftmaxDistillation(temperature=1.0)(sure, logits, weight)
    expected = SoftmaxCrossEntropy()(targets, logits, weight)
    np.testing.assert_allclose(distilled, expected, rtol=1e-5)
    units, unit_logits, weight = _inputs("units")
    distilled = SigmoidDistillation()(1e3 * (2 * units - 1), unit_logits, weight)
    expected = SigmoidCrossEntropy()(units, unit_logits, weight)
    np.testing.assert_allclose(distilled, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (SoftmaxDistillation, "soft class"),
        (SigmoidDistillation, "soft units"),
        (BinnedDistillation, "soft binned"),
    ],
)
def test_kl_differs_from_the_cross_entropy_by_a_constant_of_the_teacher(loss, kind):
    soft, logits, weight = _inputs(kind)
    kl = loss(1.5, divergence="kl")
    entropy = _value_and_gradient(loss(1.5), soft, logits, weight)
    divergence = _value_and_gradient(kl, soft, logits, weight)
    np.testing.assert_allclose(divergence[1], entropy[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kl(soft, soft, weight), np.zeros(ROWS), atol=1e-6)
    own = loss(1.5)(soft, soft, weight)
    np.testing.assert_allclose(divergence[0], entropy[0] - own, rtol=1e-4, atol=1e-5)


def test_scaling_by_t2_multiplies_by_the_squared_temperature():
    soft, logits, weight = _inputs("soft class")
    plain = SoftmaxDistillation(3.0)(soft, logits, weight)
    scaled = SoftmaxDistillation(3.0, scale_by_t2=True)(soft, logits, weight)
    np.testing.assert_allclose(scaled, 9 * plain, rtol=1e-6)


def test_label_smoothing_is_the_cross_entropy_of_the_smoothed_labels():
    targets, logits, weight = _inputs("class")
    smooth = 0.8 * tf.one_hot(targets, 7) + 0.2 / 7
    expected = weight * tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
    actual = SoftmaxCrossEntropy(label_smoothing=0.2)(targets, logits, weight)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_the_log_prior_makes_the_best_logits_those_of_balanced_classes():
    targets, logits, weight = _inputs("class")
    shifted = logits + 2.0 * tf.constant(LOG_PRIOR)
    actual = SoftmaxCrossEntropy(log_prior=LOG_PRIOR, tau=2.0)(targets, logits, weight)
    expected = SoftmaxCrossEntropy()(targets, shifted, weight)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_binned_concordance_is_the_cross_entropies_plus_the_batch_s_distance():
    targets, logits, weight = _inputs("binned")
    without = BinnedConcordance(ccc_weight=0.0)(targets, logits, weight)
    whole = BinnedConcordance(ccc_weight=3.0)(targets, logits, weight)
    share = (whole - without) / weight
    assert np.ptp(share) < 1e-4 and 0.0 < share[0] < 3 * 4
    bins = va_bins.bin_index(targets.numpy(), 20)
    parts = [
        SoftmaxCrossEntropy()(bins[:, d], logits[:, 20 * d : 20 * d + 20], weight)
        for d in range(2)
    ]
    np.testing.assert_allclose(without, parts[0] + parts[1], rtol=1e-5)


@pytest.mark.parametrize("num_bins", [2, 4, 5, 10, 20, 40])
def test_a_value_on_an_edge_belongs_to_the_bin_above_it(num_bins):
    edges = va_bins.bin_edges(num_bins)
    expected = np.minimum(np.arange(num_bins + 1), num_bins - 1)
    np.testing.assert_array_equal(losses.bin_index(edges, num_bins), expected)
    values = tf.constant([-7.0, -1.0, 1.0, 7.0])
    last = num_bins - 1
    np.testing.assert_array_equal(
        losses.bin_index(values, num_bins), [0, 0, last, last]
    )


@pytest.mark.parametrize("tenths", range(-10, 11))
def test_the_tenths_that_afew_va_is_rated_in_fall_where_they_are_written(tenths):
    stored = tf.constant([tenths / 10], tf.float32)
    assert losses.bin_index(stored, 20)[0] == min(tenths + 10, 19)


def test_the_bins_are_those_of_the_taxonomy_s_module():
    values = np.random.default_rng(6).uniform(-1.2, 1.2, 1000).astype(np.float32)
    ours = losses.bin_index(tf.constant(values), 20)
    np.testing.assert_array_equal(ours, va_bins.bin_index(values, 20))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SoftmaxCrossEntropy(label_smoothing=1.0), "label_smoothing=1.0"),
        (lambda: SoftmaxCrossEntropy(log_prior=(0.0, -np.inf)), "log_prior"),
        (lambda: SoftmaxFocal(gamma=-1.0), "gamma=-1.0"),
        (lambda: SoftmaxFocal(alpha=0.0), "alpha=0.0"),
        (lambda: SigmoidFocal(gamma=float("nan")), "gamma=nan"),
        (lambda: BinnedConcordance(ccc_weight=-0.1), "ccc_weight=-0.1"),
        (lambda: SoftmaxDistillation(temperature=0.0), "temperature=0.0"),
        (lambda: SoftmaxDistillation(divergence="kll"), "Did you mean 'kl'"),
        (lambda: losses.split_bins(tf.zeros([3, 7])), "2K columns"),
        (lambda: losses.split_bins(tf.zeros([3, 2])), "2K columns"),
    ],
)
def test_a_parameter_out_of_range_is_named_in_the_error(make, message):
    with pytest.raises(ValueError, match="must .*Received: .*") as error:
        make()
    assert message in str(error.value)
