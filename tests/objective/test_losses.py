"""Properties that every loss keeps, and the known cases that some reduce to."""

import dataclasses
import inspect

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective import distillation
from affect_tf.objective import losses
from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.distillation import SigmoidDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import BinnedConcordance
from affect_tf.objective.losses import Concordance
from affect_tf.objective.losses import SigmoidCrossEntropy
from affect_tf.objective.losses import SigmoidFocal
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import SoftmaxFocal

ROWS = 6
LOG_PRIOR = tuple(np.log([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05]).tolist())

#: (loss, what its targets are): each class of loss, and each of its switches.
ALL_LOSSES = [
    (SoftmaxCrossEntropy(), "class"),
    (SoftmaxCrossEntropy(label_smoothing=0.1, log_prior=LOG_PRIOR), "class"),
    (SoftmaxFocal(), "class"),
    (SoftmaxFocal(gamma=0.5, alpha=0.25), "class"),
    (SigmoidCrossEntropy(), "units"),
    (SigmoidFocal(), "units"),
    (SigmoidFocal(gamma=0.5), "units"),
    (BinnedConcordance(), "binned"),
    (Concordance(), "pair"),
    (SoftmaxDistillation(), "soft class"),
    (SoftmaxDistillation(2.0, divergence="kl", scale_by_t2=True), "soft class"),
    (SigmoidDistillation(), "soft units"),
    (SigmoidDistillation(2.0, divergence="kl", scale_by_t2=True), "soft units"),
    (BinnedDistillation(), "soft binned"),
    (BinnedDistillation(divergence="kl"), "soft binned"),
    (ConcordanceDistillation(), "soft pair"),
]
COLUMNS = {"class": 7, "units": 8, "binned": 40, "pair": 2}

every_loss = pytest.mark.parametrize(
    ("loss", "kind"), ALL_LOSSES, ids=[repr(loss) for loss, _ in ALL_LOSSES]
)


def _inputs(kind, seed=0, rows=ROWS):
    random = np.random.default_rng(seed)
    columns = COLUMNS[kind.split()[-1]]
    logits = 2 * random.normal(size=(rows, columns)).astype(np.float32)
    targets = {
        "class": lambda: random.integers(0, columns, rows).astype(np.int32),
        "units": lambda: random.integers(0, 2, (rows, columns)).astype(np.float32),
        "binned": lambda: random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "pair": lambda: random.uniform(-1, 1, (rows, 2)).astype(np.float32),
    }.get(kind, lambda: random.normal(size=(rows, columns)).astype(np.float32))()
    weight = random.uniform(0.1, 2.0, rows).astype(np.float32)
    return tf.constant(targets), tf.constant(logits), tf.constant(weight)


def _value_and_gradient(loss, targets, logits, weight):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        rows = loss(targets, logits, weight)
        total = tf.reduce_sum(rows)
    return rows, tape.gradient(total, logits)


def test_every_loss_is_in_the_list():
    written = {
        value
        for module in (losses, distillation)
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and dataclasses.is_dataclass(value)
        and "__call__" in vars(value)
    }
    assert written == {type(loss) for loss, _ in ALL_LOSSES}


@every_loss
def test_a_loss_gives_one_finite_number_a_row_that_is_not_negative(loss, kind):
    rows = loss(*_inputs(kind))
    assert rows.shape == [ROWS] and rows.dtype == tf.float32
    assert np.isfinite(rows).all() and (rows.numpy() >= -1e-6).all()


@every_loss
def test_a_loss_computes_in_float32_under_half_precision(loss, kind):
    targets, logits, weight = _inputs(kind)
    logits = tf.cast(logits, tf.float16)
    rows, gradient = _value_and_gradient(loss, targets, logits, weight)
    assert rows.dtype == tf.float32 and gradient.dtype == tf.float16
    expected = loss(targets, tf.cast(logits, tf.float32), weight)
    np.testing.assert_array_equal(rows, expected)


@every_loss
@pytest.mark.parametrize("scale", [1e4, 1e2, 0.0])
def test_a_loss_and_its_gradient_are_finite_for_extreme_logits(loss, kind, scale):
    targets, logits, weight = _inputs(kind)
    extreme = scale * tf.sign(logits)
    soft = scale * tf.sign(targets) if "soft" in kind else targets
    for pair in ((targets, extreme), (soft, logits), (soft, -extreme)):
        rows, gradient = _value_and_gradient(loss, *pair, weight)
        assert np.isfinite(rows).all() and np.isfinite(gradient).all()


@every_loss
def test_a_loss_follows_its_rows_when_they_are_permuted(loss, kind):
    targets, logits, weight = _inputs(kind)
    order = np.random.default_rng(1).permutation(ROWS)
    shuffled = loss(*(tf.gather(x, order) for x in (targets, logits, weight)))
    rows = tf.gather(loss(targets, logits, weight), order)
    np.testing.assert_allclose(shuffled, rows, rtol=1e-5)


@every_loss
def test_rows_of_weight_zero_are_zero_and_do_not_move_the_others(loss, kind):
    targets, logits, weight = _inputs(kind)
    gone = tf.constant([1, 0, 1, 1, 0, 1], tf.float32)
    rows, gradient = _value_and_gradient(loss, targets, logits, weight * gone)
    kept = np.flatnonzero(gone)
    alone = loss(*(tf.gather(x, kept) for x in (targets, logits, weight)))
    np.testing.assert_allclose(tf.gather(rows, kept), alone, rtol=1e-5)
    np.testing.assert_array_equal(rows.numpy()[[1, 4]], 0.0)
    np.testing.assert_array_equal(gradient.numpy()[[1, 4]], 0.0)


@every_loss
def test_a_loss_is_proportional_to_the_weight_of_its_row(loss, kind):
    targets, logits, weight = _inputs(kind)
    ones = loss(targets, logits, tf.ones(ROWS))
    rows = loss(targets, logits, weight)
    np.testing.assert_allclose(rows, weight * ones, rtol=1e-5)


@every_loss
def test_a_loss_is_the_same_in_a_graph(loss, kind):
    inputs = _inputs(kind)
    rows, gradient = _value_and_gradient(loss, *inputs)
    in_graph = tf.function(lambda *args: _value_and_gradient(loss, *args))(*inputs)
    np.testing.assert_allclose(in_graph[0], rows, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(in_graph[1], gradient, rtol=1e-4, atol=1e-6)


@every_loss
def test_a_loss_prints_as_python_that_makes_it_again(loss, kind):
    assert eval(repr(loss)) == loss
    assert dataclasses.replace(loss) == loss


@pytest.mark.parametrize(
    ("loss", "kind"), [case for case in ALL_LOSSES if "soft" in case[1]], ids=repr
)
def test_no_gradient_reaches_the_teacher(loss, kind):
    targets, logits, weight = _inputs(kind)
    with tf.GradientTape() as tape:
        tape.watch(targets)
        total = tf.reduce_sum(loss(targets, logits, weight))
    assert tape.gradient(total, targets) is None


@pytest.mark.parametrize(
    "loss",
    [SigmoidCrossEntropy(), SigmoidFocal(), SigmoidDistillation()],
    ids=["cross entropy", "focal", "distillation"],
)
def test_units_of_weight_zero_change_nothing(loss):
    targets, logits, _ = _inputs("units")
    weight = tf.constant(np.random.default_rng(2).integers(0, 2, (ROWS, 8)), tf.float32)
    rubbish = tf.where(weight > 0, targets, 1.0 - targets)
    rows, gradient = _value_and_gradient(loss, rubbish, logits, weight)
    np.testing.assert_array_equal(rows, loss(targets, logits, weight))
    np.testing.assert_array_equal(gradient.numpy()[weight.numpy() == 0], 0.0)


def test_the_sigmoid_losses_sum_over_units():
    targets, logits, weight = _inputs("units")
    for loss in (SigmoidCrossEntropy(), SigmoidFocal(), SigmoidDistillation()):
        columns = [
            loss(targets[:, u : u + 1], logits[:, u : u + 1], weight) for u in range(8)
        ]
        np.testing.assert_allclose(
            loss(targets, logits, weight), tf.add_n(columns), rtol=1e-5
        )
