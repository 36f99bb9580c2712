"""What a mask or a weight of zero hides, and batches of which little is left."""

import hypothesis
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from affect_tf.objective.objective import Objective
from tests.objective.batches import assert_finite
from tests.objective.batches import assert_same
from tests.objective.batches import batch
from tests.objective.batches import DENG
from tests.objective.batches import every_objective
from tests.objective.batches import ROWS
from tests.objective.batches import run
from tests.objective.batches import STUDENT
from tests.objective.batches import TABLE


@every_objective
def test_padding_changes_nothing_whatever_stands_in_it(name):
    inputs = batch(TABLE[name])
    expected, gradients = run(TABLE[name], inputs)

    def padded(values):
        rubbish = np.full_like(values[:2], np.nan if values.dtype.kind == "f" else 99)
        return np.concatenate([values, rubbish])

    wide = tf.nest.map_structure(padded, inputs)
    wide["weight"][-2:] = 0
    wide["masks"] = {
        task: np.concatenate([mask, np.ones_like(mask[:2])])
        for task, mask in inputs["masks"].items()
    }
    report, wide_gradients = run(TABLE[name], wide)
    assert_same(report, expected)
    assert_same(tf.nest.map_structure(lambda g: g[:ROWS], wide_gradients), gradients)
    for gradient in tf.nest.flatten(wide_gradients):
        np.testing.assert_array_equal(gradient[ROWS:], 0.0)


@every_objective
def test_a_nan_in_a_masked_label_changes_neither_value_nor_gradient(name):
    inputs = batch(TABLE[name])
    expected = run(TABLE[name], inputs)
    masks, labels = inputs["masks"], inputs["labels"]
    labels["expr"] = np.where(masks["expr"] > 0, labels["expr"], -5)
    labels["au"] = np.where(masks["au"] > 0, labels["au"], np.float32("nan"))
    labels["va"] = np.where(masks["va"][:, None] > 0, labels["va"], np.float32("nan"))
    assert_same(run(TABLE[name], inputs), expected)


def test_soft_labels_of_rows_that_are_not_distilled_may_be_nan():
    inputs = batch(TABLE["jeong"])
    for mask in inputs["masks"].values():
        mask[:2] = 1  # Complete rows: only supervised.
    expected = run(TABLE["jeong"], inputs)
    for soft in inputs["soft_logits"].values():
        soft[:2] = np.nan
    inputs["source"][:2] = 7  # A set that the discriminator does not know.
    assert_same(run(TABLE["jeong"], inputs), expected)


def test_a_row_of_weight_two_is_the_row_twice():
    objective = Objective(DENG[:2], STUDENT)  # A CCC counts rows, not weights.
    inputs = batch(TABLE["deng"])
    weights = [2, 1, 1, 0, 1, 3]
    repeated = tf.nest.map_structure(lambda v: np.repeat(v, weights, axis=0), inputs)
    weighted = {**inputs, "weight": np.array(weights, np.float32)}
    assert_same(run(objective, weighted)[0], run(objective, repeated)[0])


@every_objective
def test_a_replica_without_rows_costs_nothing(name):
    report, gradients = run(TABLE[name], batch(TABLE[name], rows=0))
    assert float(report.total) == 0.0
    assert_finite(gradients)


@every_objective
@pytest.mark.parametrize("case", ["weight", "masks"])
def test_a_batch_of_nothing_costs_nothing(name, case):
    inputs = batch(TABLE[name])
    inputs[case] = tf.nest.map_structure(np.zeros_like, inputs[case])
    report, gradients = run(TABLE[name], inputs)
    assert_finite((report, gradients))
    if case == "weight" or name == "teacher":
        assert float(report.total) == 0.0
        assert_same(gradients, tf.nest.map_structure(tf.zeros_like, gradients))


@every_objective
def test_one_row_and_constant_labels_are_ordinary(name):
    assert_finite(run(TABLE[name], batch(TABLE[name], rows=1)))
    inputs = batch(TABLE[name])
    inputs["labels"] = tf.nest.map_structure(np.zeros_like, inputs["labels"])
    inputs["logits"] = tf.nest.map_structure(np.zeros_like, inputs["logits"])
    assert_finite(run(TABLE[name], inputs))


@every_objective
def test_half_precision_logits_give_a_float32_loss_close_to_the_exact_one(name):
    inputs = batch(TABLE[name])
    expected = run(TABLE[name], inputs)
    for key in ("logits", "soft_logits"):
        inputs[key] = {t: v.astype(np.float16) for t, v in inputs[key].items()}
    report, gradients = run(TABLE[name], inputs)
    assert report.total.dtype == tf.float32
    assert float(report.total) == pytest.approx(float(expected[0].total), rel=5e-3)
    assert_finite(gradients)


COMPILED = {name: tf.function(objective) for name, objective in TABLE.items()}


@every_objective
@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(data=st.data())
def test_nothing_in_a_batch_makes_a_loss_or_gradient_that_is_not_finite(name, data):
    inputs = batch(TABLE[name], seed=data.draw(st.integers(0, 9)))
    bits = st.sampled_from([np.float32(0), np.float32(1)])

    def draw(shape):
        return data.draw(arrays.arrays(np.float32, shape, elements=bits))

    inputs["masks"] = {t: draw(m.shape) for t, m in inputs["masks"].items()}
    inputs["weight"] = draw(ROWS)
    for key in ("logits", "soft_logits"):
        scale = data.draw(st.sampled_from([0.0, 1.0, 1e2, 1e4]))
        half = data.draw(st.booleans())
        inputs[key] = {
            t: (scale * v).astype(np.float16 if half else np.float32)
            for t, v in inputs[key].items()
        }
    if data.draw(st.booleans()):
        inputs["labels"]["va"][:] = data.draw(st.sampled_from([-1.0, 0.0, 0.3, 1.0]))
    report, gradients = run(COMPILED[name], inputs)
    assert_finite((report, gradients))
    eager, _ = run(TABLE[name], inputs)
    assert float(report.total) == pytest.approx(float(eager.total), rel=1e-4, abs=1e-6)
