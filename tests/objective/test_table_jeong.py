"""Jeong 2022 against a loop over samples and tasks, batch by batch.

alpha 10, beta 0.9, gamma e^(0.5 n), delta 0.5; sets VA, EXPR, AU and MTL (all labels).
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import Concordance
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.objective.weighting import PatienceWeighting
from tests.objective.table_rows import ALL
from tests.objective.table_rows import make_outputs
from tests.objective.table_rows import make_rows
from tests.objective.table_rows import SOURCES
from tests.objective.table_rows import total_of
from tests.papers import loops

JEONG_TASKS = (
    Expression(distilled=SoftmaxDistillation(temperature=1.0)),
    ActionUnits(),
    ValenceArousal(None, Concordance(), ConcordanceDistillation()),
)
STALE = {"expr": 2, "au": 0, "va": 1}


def _jeong_va(targets, outputs, rows):
    """Eq. 1-2 and 8, over the rows that the term has, both dimensions."""
    return sum(
        1 - loops.ccc([targets[n][d] for n in rows], [outputs[n][d] for n in rows])
        for d in range(2)
    )


def _jeong_terms(rows, teacher, student):
    """L and H as functions of (task, n), the CCC over the rows that have the term."""
    tanh = np.tanh(student["va"])
    labels = {n: row["va"] for n, row in enumerate(rows) if "va" in row}
    distilled = [n for n, row in enumerate(rows) if set(row) != set(ALL)]

    def label_loss(task, n):
        if task == "va":
            return _jeong_va(labels, tanh, list(labels))
        loss = {"expr": loops.supervised_expr, "au": loops.supervised_au}[task]
        return loss(rows[n][task], student[task][n])

    def soft_loss(task, n):
        if task == "va":
            return _jeong_va(np.tanh(teacher["va"]), tanh, distilled)
        if task == "expr":
            return loops.distilled_expr(teacher["expr"][n], student["expr"][n], 1.0)
        return loops.distilled_au(teacher["au"][n], student["au"][n])

    return label_loss, soft_loss


def _jeong_student(rows, sources, teacher, student, source_logits, delta):
    """Eq. 13 with L_j^D in its last sum; MTL rows as in Algorithm 1 (Eq. 7)."""
    label_loss, soft_loss = _jeong_terms(rows, teacher, student)
    gamma = {task: math.exp(0.5 * n) for task, n in STALE.items()}
    total = 0.0
    for n, row in enumerate(rows):
        if set(row) == set(ALL):
            total += sum(label_loss(task, n) for task in ALL)
            continue
        for i in row:
            total += gamma[i] * (10 * label_loss(i, n) + soft_loss(i, n))
        total += sum(0.9 * gamma[j] * soft_loss(j, n) for j in ALL if j not in row)
        total += delta * loops.supervised_expr(sources[n], source_logits[n])
    return total


@pytest.mark.parametrize(
    "sets",
    [[["va"]] * 4, [["expr"]] * 4, [["au"]] * 4, [ALL] * 4]
    + [[["va"], ["expr"], ["au"], ALL, ["va"], ["expr"], ["au"], ALL]],
    ids=["VA", "EXPR", "AU", "MTL", "mixed"],
)
def test_jeong_student_for_each_of_its_batches(sets):
    random = np.random.default_rng(12)
    rows = make_rows(random, sets)
    teacher, student = (make_outputs(random, len(rows), va_width=2) for _ in range(2))
    # MTL is a fourth set, unknown to the discriminator of three.
    sources = [3 if len(row) == 3 else ALL.index(next(iter(row))) for row in rows]
    source_logits = random.normal(size=(len(rows), SOURCES))
    mix = CellMix((10.0, 1.0), (0.0, 0.9), (1.0, 0.0), False, False)
    objective = Objective(JEONG_TASKS, mix, PatienceWeighting(), Adversarial(0.5))
    for validation in range(3):
        improved = {t: float(validation) for t in ALL if validation + STALE[t] <= 2}
        objective.weighting.update({task: 0.0 for task in ALL} | improved)

    expected = _jeong_student(rows, sources, teacher, student, source_logits, 0.5)
    actual = total_of(
        objective,
        rows,
        student,
        teacher,
        source=tf.constant(sources),
        source_logits=tf.constant(source_logits, tf.float32),
    )
    assert actual == pytest.approx(expected / len(rows), 1e-5)


def test_jeong_teacher_is_eq_12_and_leaves_complete_rows_to_eq_7():
    random = np.random.default_rng(13)
    rows = make_rows(random, [["va"], ["expr"], ["au"], ALL, ["va"]])
    student = make_outputs(random, 5, va_width=2)
    source_logits = random.normal(size=(5, SOURCES))
    sources = [2, 0, 1, 3, 2]
    label_loss, _ = _jeong_terms(rows, student, student)
    expected = sum(label_loss(task, n) for n, row in enumerate(rows) for task in row)
    for n in (0, 1, 2, 4):
        expected += loops.supervised_expr(sources[n], source_logits[n])
    mix = CellMix(complete_adversarial=False)
    actual = total_of(
        Objective(JEONG_TASKS, mix, adversarial=Adversarial(1.0)),
        rows,
        student,
        source=tf.constant(sources),
        source_logits=tf.constant(source_logits, tf.float32),
    )
    assert actual == pytest.approx(expected / 5, 1e-5)
