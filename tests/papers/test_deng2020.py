"""Deng, Chen, Shi 2020, Eq. 1-14: the objective against the paper's loops.

The paper sums over a batch; the objective divides that sum by the number of rows.
"""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.losses import BinnedConcordance
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from tests.papers import loops

WIDTHS = {"expr": 7, "au": 8, "va": 40}
STUDENT = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))


def _random_rows(random, task_sets):
    """Rows with the labels named: one set of tasks a row."""
    labels = {
        "expr": lambda: int(random.integers(7)),
        "au": lambda: random.integers(0, 2, 8).tolist(),
        "va": lambda: random.uniform(-1, 1, 2).tolist(),
    }
    return [{task: labels[task]() for task in tasks} for tasks in task_sets]


def _one_subset_each(random, rows_a_subset=3):
    return _random_rows(random, [[t] for t in WIDTHS for _ in range(rows_a_subset)])


def _outputs(random, num_rows, scale=2.0):
    return {t: scale * random.normal(size=(num_rows, k)) for t, k in WIDTHS.items()}


def _dense(rows):
    """Labels and masks as the pipeline gives them: rubbish where there is no label."""
    missing = {"expr": 3, "au": [np.nan] * 8, "va": [np.nan] * 2}
    dtypes = {"expr": tf.int32, "au": tf.float32, "va": tf.float32}
    labels, masks = {}, {}
    for task in WIDTHS:
        values = [row.get(task, missing[task]) for row in rows]
        labels[task] = tf.constant(values, dtypes[task])
        there = np.array([task in row for row in rows], np.float32)
        masks[task] = np.tile(there[:, None], (1, 8)) if task == "au" else there
    return labels, {task: tf.constant(mask) for task, mask in masks.items()}


def _objective(mix, ccc_weight=1.0):
    va = ValenceArousal(supervised=BinnedConcordance(ccc_weight))
    return Objective((Expression(), ActionUnits(), va), mix)


def _total(objective, rows, student, teacher=None):
    labels, masks = _dense(rows)
    as_tensors = {t: tf.constant(v, tf.float32) for t, v in student.items()}
    if teacher is not None:
        teacher = {t: tf.constant(v, tf.float32) for t, v in teacher.items()}
    report = objective(as_tensors, labels, masks, tf.ones(len(rows)), teacher)
    return float(report.total)


def test_the_teacher_loss_is_eq_13():
    random = np.random.default_rng(0)
    rows = _one_subset_each(random)
    outputs = _outputs(random, len(rows))
    expected = loops.deng_teacher(rows, outputs, ccc_share=1.0) / len(rows)
    assert _total(_objective(CellMix()), rows, outputs) == pytest.approx(expected, 1e-5)


def test_the_student_loss_is_eq_14():
    random = np.random.default_rng(1)
    rows = _one_subset_each(random)
    teacher, student = _outputs(random, len(rows)), _outputs(random, len(rows))
    expected = loops.deng_student(rows, teacher, student, ccc_share=1.0) / len(rows)
    actual = _total(_objective(STUDENT), rows, student, teacher)
    assert actual == pytest.approx(expected, 1e-5)


def test_the_ccc_weight_of_one_over_b_is_eq_9_to_the_letter():
    random = np.random.default_rng(2)
    rows = _one_subset_each(random, rows_a_subset=4)
    outputs = _outputs(random, len(rows))
    expected = loops.deng_teacher(rows, outputs, ccc_share=1 / 4) / len(rows)
    objective = _objective(CellMix(), ccc_weight=1 / 4)
    assert _total(objective, rows, outputs) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_rows_with_any_set_of_labels_get_each_task_as_eq_14_says(seed):
    random = np.random.default_rng(seed)
    subsets = [[t for t in WIDTHS if random.random() < 0.5] for _ in range(7)]
    rows = _random_rows(random, subsets)
    teacher, student = _outputs(random, len(rows)), _outputs(random, len(rows))
    expected = loops.deng_student(rows, teacher, student, ccc_share=1.0) / len(rows)
    actual = _total(_objective(STUDENT), rows, student, teacher)
    assert actual == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_gradients_of_a_linear_model_match_finite_differences_of_the_loops(stage):
    random = np.random.default_rng(3)
    rows = _random_rows(random, [["expr"], ["au"], ["va"], ["va"], ["expr", "va"], []])
    features = random.normal(size=(len(rows), 2))
    soft = _outputs(random, len(rows))
    kernels = {t: random.normal(size=(2, k)) for t, k in WIDTHS.items()}

    def loop(kernels):
        outputs = {t: features @ kernel for t, kernel in kernels.items()}
        if stage == "teacher":
            return loops.deng_teacher(rows, outputs, 1.0) / len(rows)
        return loops.deng_student(rows, soft, outputs, 1.0) / len(rows)

    labels, masks = _dense(rows)
    objective = _objective(CellMix() if stage == "teacher" else STUDENT)
    variables = {t: tf.Variable(k, dtype=tf.float32) for t, k in kernels.items()}
    with tf.GradientTape() as tape:
        inputs = tf.constant(features, tf.float32)
        logits = {t: inputs @ variable for t, variable in variables.items()}
        teacher = {t: tf.constant(v, tf.float32) for t, v in soft.items()}
        report = objective(logits, labels, masks, tf.ones(len(rows)), teacher)
    gradients = tape.gradient(report.total, variables)
    for task, kernel in kernels.items():
        expected = loops.finite_differences(loop, kernels, kernel)
        np.testing.assert_allclose(gradients[task], expected, rtol=1e-3, atol=2e-5)


def test_the_softmax_of_eq_1_is_what_an_expression_is_decoded_with():
    logits = np.random.default_rng(4).normal(size=(1, 7))
    scores = Expression().decode(tf.constant(logits, tf.float32))
    np.testing.assert_allclose(scores[0], loops.sf(logits[0]), rtol=1e-5)


def test_valence_and_arousal_are_decoded_with_the_bin_centres_of_eq_7():
    logits = np.random.default_rng(5).normal(size=(1, 40))
    scores = ValenceArousal().decode(tf.constant(logits, tf.float32))
    expected = [loops.expectation(half) for half in loops.halves(logits[0])]
    np.testing.assert_allclose(scores[0], expected, rtol=1e-4, atol=1e-6)
