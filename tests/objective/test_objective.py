"""What the objective is made of, whatever the paper."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.weighting import ConstantWeighting
from tests.objective.batches import batch
from tests.objective.batches import DENG
from tests.objective.batches import every_objective
from tests.objective.batches import ROWS
from tests.objective.batches import run
from tests.objective.batches import STUDENT
from tests.objective.batches import TABLE


@every_objective
def test_the_addends_are_named_and_add_up_to_the_total(name):
    report, _ = run(TABLE[name], batch(TABLE[name]))
    assert tuple(report.addends) == TABLE[name].addend_names
    addends = [float(addend) for addend in report.addends.values()]
    assert float(report.total) == pytest.approx(sum(addends))
    assert report.total.shape == [] and report.total.dtype == tf.float32


def test_a_teacher_has_no_distilled_addends():
    assert TABLE["teacher"].addend_names == tuple(
        f"{task}/supervised" for task in ("expr", "au", "va")
    )
    assert TABLE["jeong"].addend_names[-2:] == ("va/distilled", "adversarial")


@every_objective
def test_rows_are_the_addends_before_the_mean(name):
    inputs = batch(TABLE[name])
    rows = TABLE[name].rows(**tf.nest.map_structure(tf.convert_to_tensor, inputs))
    report, _ = run(TABLE[name], inputs)
    for addend, values in rows.items():
        assert values.shape == [ROWS]
        expected = float(report.addends[addend])
        assert np.mean(values) == pytest.approx(expected, rel=1e-5)


def test_several_tasks_cost_the_sum_of_each_alone():
    inputs = batch(TABLE["deng"])
    together, _ = run(TABLE["deng"], inputs)
    alone = [float(run(Objective([t], STUDENT), inputs)[0].total) for t in DENG]
    assert float(together.total) == pytest.approx(sum(alone), rel=1e-5)


def test_one_task_of_labelled_rows_is_the_mean_of_its_loss():
    inputs = batch(TABLE["deng"])
    inputs["masks"]["expr"][:] = 1
    report, _ = run(Objective([Expression()], CellMix()), inputs)
    labels, logits = inputs["labels"]["expr"], inputs["logits"]["expr"]
    expected = SoftmaxCrossEntropy()(labels, tf.constant(logits), tf.ones(ROWS))
    assert float(report.total) == pytest.approx(float(np.mean(expected)), rel=1e-6)


def test_a_task_without_a_distilled_loss_is_only_supervised():
    objective = Objective([Expression(distilled=None), ActionUnits()], STUDENT)
    expected = ("expr/supervised", "au/supervised", "au/distilled")
    assert objective.addend_names == expected


def test_task_weights_multiply_their_task_where_the_row_is_weighted():
    inputs = batch(TABLE["deng"])
    inputs["masks"] = {t: np.ones_like(m) for t, m in inputs["masks"].items()}
    inputs["masks"]["au"][0] = 0
    plain = CellMix(complete_is_weighted=False)
    heavy = Objective(DENG, plain, ConstantWeighting(expr=5.0))
    tensors = tf.nest.map_structure(tf.convert_to_tensor, inputs)
    rows = heavy.rows(**tensors)["expr/supervised"]
    unit = Objective(DENG, plain).rows(**tensors)["expr/supervised"]
    np.testing.assert_allclose(rows / unit, [5, 1, 1, 1, 1, 1], rtol=1e-6)


def test_the_adversarial_weight_follows_the_step():
    ramp = Adversarial(lambda step: tf.cast(step, tf.float32) / 10)
    objective = Objective(DENG, CellMix(), adversarial=ramp)
    inputs = batch(objective)
    one = {**inputs, "step": tf.constant(10)}
    half = {**inputs, "step": tf.constant(5)}
    whole = float(run(objective, one)[0].addends["adversarial"])
    assert whole > 0
    actual = float(run(objective, half)[0].addends["adversarial"])
    assert actual == pytest.approx(whole / 2)
    with pytest.raises(ValueError, match="step=None"):
        run(objective, inputs)


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        ("logits", "logits of every task"),
        ("labels", "labels of every task"),
        ("masks", "masks of every task"),
        ("soft_logits", "soft_logits of every task"),
    ],
)
def test_a_missing_input_is_named(drop, message):
    inputs = batch(TABLE["deng"])
    inputs[drop] = {t: v for t, v in inputs[drop].items() if t != "va"}
    with pytest.raises(ValueError, match=f"{message}.*without 'va'"):
        run(TABLE["deng"], inputs)


def test_a_student_without_a_teacher_or_a_discriminator_without_sources_is_an_error():
    inputs = batch(TABLE["deng"])
    inputs.pop("soft_logits")
    with pytest.raises(ValueError, match="soft_logits of every task"):
        run(TABLE["deng"], inputs)
    inputs = batch(TABLE["jeong"])
    inputs.pop("source")
    with pytest.raises(ValueError, match="must be given the sources"):
        run(TABLE["jeong"], inputs)


@pytest.mark.parametrize("tasks", [[], [Expression(), Expression()]])
def test_an_objective_needs_tasks_of_different_names(tasks):
    with pytest.raises(ValueError, match="different names"):
        Objective(tasks, CellMix())
