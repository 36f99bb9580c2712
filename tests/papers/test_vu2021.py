"""Vu, Beurton-Aimar, Marchand 2021, Eq. 1-10: the config against the paper's loops.

The paper sums over a batch; the objective divides that sum by the number of rows.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.records import Rows
from affect_tf.objective.losses import BinnedConcordance
from affect_tf.objective.objective import Objective
from configs import vu2021
from tests.papers import loops
from tests.papers import vu_loops

WIDTHS = {"expr": 7, "va": 40}


def rows_of(random, kinds):
    """One row of each (set, further labels): labels of its set, and those named."""
    labels = {
        "expr": lambda: int(random.integers(7)),
        "va": lambda: random.uniform(-1, 1, 2).tolist(),
    }
    return [
        {"set": kind}
        | {task: labels[task]() for task in vu_loops.TASKS_OF[kind] + more}
        for kind, more in kinds
    ]


def mixed_rows(random):
    """Two of each set, and of the first two sets also rows with the other label."""
    kinds = [(1, ()), (1, ("va",)), (1, ()), (2, ()), (2, ("expr",)), (3, ()), (3, ())]
    return rows_of(random, kinds)


def outputs_of(random, num_rows):
    return {t: 2 * random.normal(size=(num_rows, k)) for t, k in WIDTHS.items()}


def dense(rows, sources):
    """Labels and masks as the pipeline gives them: what each set's source lets through.

    Rubbish stands where a frame has no label.
    """
    nothing = {"expr": 3, "va": [np.nan] * 2}
    dtypes = {"expr": tf.int32, "va": tf.float32}
    labels = {
        t: tf.constant([r.get(t, nothing[t]) for r in rows], dtypes[t]) for t in WIDTHS
    }
    masks = {task: [] for task in WIDTHS}
    for row in rows:
        there = {t: tf.constant([1.0 if t in row else 0.0]) for t in WIDTHS}
        one = Rows(**dict.fromkeys(Rows._fields))._replace(masks=there)
        for task, mask in sources[row["set"] - 1].masked(one).masks.items():
            masks[task].append(mask[0])
    return labels, {task: tf.stack(mask) for task, mask in masks.items()}


def total(config, stage, rows, student, teacher=None):
    labels, masks = dense(rows, config.sources_of(stage))
    as_tensors = {t: tf.constant(v, tf.float32) for t, v in student.items()}
    if teacher is not None:
        teacher = {t: tf.constant(v, tf.float32) for t, v in teacher.items()}
    objective = Objective(config.tasks, stage.mix)
    report = objective(as_tensors, labels, masks, tf.ones(len(rows)), teacher)
    return float(report.total)


def without_sharing(config):
    student = dataclasses.replace(config.student, keep_shared=False)
    return dataclasses.replace(config, student=student)


@pytest.mark.parametrize("seed", range(3))
def test_the_teacher_loss_is_eq_7_whatever_else_its_frames_are_labelled_with(seed):
    random = np.random.default_rng(seed)
    rows = mixed_rows(random)
    outputs = outputs_of(random, len(rows))
    config = vu2021.config()
    expected = vu_loops.teacher_loss(rows, outputs, ccc_share=1.0) / len(rows)
    assert total(config, config.teacher, rows, outputs) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sharing", [False, True])
def test_one_field_is_the_difference_between_eq_9_and_eq_10(sharing, seed):
    random = np.random.default_rng(seed)
    rows = mixed_rows(random)
    teacher, student = outputs_of(random, len(rows)), outputs_of(random, len(rows))
    config = vu2021.config() if sharing else without_sharing(vu2021.config())
    expected = vu_loops.student_loss(rows, teacher, student, 1.0, sharing) / len(rows)
    actual = total(config, config.student, rows, student, teacher)
    assert actual == pytest.approx(expected, 1e-5)


def test_sharing_changes_nothing_where_no_frame_has_a_label_of_the_other_set():
    random = np.random.default_rng(5)
    rows = rows_of(random, [(1, ()), (2, ()), (2, ()), (3, ())])
    teacher, student = outputs_of(random, 4), outputs_of(random, 4)
    config = vu2021.config()
    apart = without_sharing(config)
    assert total(config, config.student, rows, student, teacher) == total(
        apart, apart.student, rows, student, teacher
    )


@pytest.mark.parametrize("kinds", [[(1, ("va",))], [(1, ("va",)), (1, ()), (2, ())]])
def test_one_shared_label_of_valence_in_a_batch_gives_a_finite_loss(kinds):
    random = np.random.default_rng(6)
    rows = rows_of(random, kinds)
    teacher, student = outputs_of(random, len(rows)), outputs_of(random, len(rows))
    config = vu2021.config()
    expected = vu_loops.student_loss(rows, teacher, student, 1.0, True) / len(rows)
    actual = total(config, config.student, rows, student, teacher)
    assert actual == pytest.approx(expected, 1e-4)


def test_a_ccc_weight_of_one_over_b_is_eq_2_to_the_letter():
    random = np.random.default_rng(7)
    rows = rows_of(random, [(1, ()), (2, ()), (2, ()), (3, ()), (3, ())])
    outputs = outputs_of(random, len(rows))
    expr, va = vu2021.TASKS
    by_letter = dataclasses.replace(va, supervised=BinnedConcordance(ccc_weight=1 / 4))
    config = dataclasses.replace(vu2021.config(), tasks=(expr, by_letter))
    expected = vu_loops.teacher_loss(rows, outputs, ccc_share=1 / 4) / len(rows)
    assert total(config, config.teacher, rows, outputs) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("temperature", [1.0, 1.5, 4.0])
@pytest.mark.parametrize("by_t2", [False, True])
def test_the_divergence_of_eq_4_and_5_at_a_temperature_with_and_without_its_square(
    temperature, by_t2
):
    random = np.random.default_rng(8)
    t, s = outputs_of(random, 3), outputs_of(random, 3)
    factor = temperature**2 if by_t2 else 1.0
    for task in vu2021.TASKS:
        loss = dataclasses.replace(
            task.distilled, temperature=temperature, scale_by_t2=by_t2
        )
        actual = loss(
            tf.constant(t[task.name], tf.float32),
            tf.constant(s[task.name], tf.float32),
            tf.ones(3),
        )
        for n in range(3):
            soft, logits = t[task.name][n], s[task.name][n]
            expected = vu_loops.distilled(task.name, soft, logits, temperature)
            assert float(actual[n]) == pytest.approx(factor * expected, 1e-4)


@pytest.mark.parametrize("stage", ["teacher", "eq_9", "eq_10"])
def test_gradients_of_a_linear_model_match_finite_differences_of_the_loops(stage):
    random = np.random.default_rng(9)
    rows = mixed_rows(random)
    features = random.normal(size=(len(rows), 2))
    soft = outputs_of(random, len(rows))
    kernels = {t: random.normal(size=(2, k)) for t, k in WIDTHS.items()}

    def loop(kernels):
        outputs = {t: features @ kernel for t, kernel in kernels.items()}
        if stage == "teacher":
            return vu_loops.teacher_loss(rows, outputs, 1.0) / len(rows)
        sharing = stage == "eq_10"
        return vu_loops.student_loss(rows, soft, outputs, 1.0, sharing) / len(rows)

    config = vu2021.config() if stage != "eq_9" else without_sharing(vu2021.config())
    of_stage = config.teacher if stage == "teacher" else config.student
    labels, masks = dense(rows, config.sources_of(of_stage))
    variables = {t: tf.Variable(k, dtype=tf.float32) for t, k in kernels.items()}
    with tf.GradientTape() as tape:
        inputs = tf.constant(features, tf.float32)
        logits = {t: inputs @ variable for t, variable in variables.items()}
        teacher = {t: tf.constant(v, tf.float32) for t, v in soft.items()}
        objective = Objective(config.tasks, of_stage.mix)
        report = objective(logits, labels, masks, tf.ones(len(rows)), teacher)
    gradients = tape.gradient(report.total, variables)
    for task, kernel in kernels.items():
        expected = loops.finite_differences(loop, kernels, kernel)
        np.testing.assert_allclose(gradients[task], expected, rtol=1e-3, atol=2e-5)
