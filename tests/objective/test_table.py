"""Every row of the table of papers against a loop over samples, tasks and units.

The loops are written from the papers' equations, with the readings that
`docs/architecture.md` gives; the formulas of single losses come from `loops`.
"""

import numpy as np
import pytest

from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from tests.objective.table_rows import ALL
from tests.objective.table_rows import BINS
from tests.objective.table_rows import make_outputs
from tests.objective.table_rows import make_rows
from tests.objective.table_rows import total_of
from tests.objective.table_rows import UNITS
from tests.papers import loops

SHARED = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))


def _unit_loss(target, logit):
    return loops.bce([target], loops.sigmoid([logit]))


# Deng 2020, with units that are annotated one by one.


@pytest.mark.parametrize("seed", range(5))
def test_deng_student_with_units_that_are_annotated_one_by_one(seed):
    random = np.random.default_rng(seed)
    sets = [[t for t in ALL if random.random() < 0.6] for _ in range(7)]
    rows = make_rows(random, sets, partial_units=True)
    teacher, student = make_outputs(random, 7), make_outputs(random, 7)

    expected = 0.0
    for n, row in enumerate(rows):
        for task in ("expr", "va"):
            distilled = loops.deng_distilled(task, teacher, student, n, 1.5)
            expected += (0.4 if task in row else 1.0) * distilled
            if task in row:
                expected += 0.6 * loops.deng_supervised(
                    task, row, student, n, rows, ccc_share=1.0
                )
        for u in range(UNITS):
            logit = student["au"][n][u]
            distilled = _unit_loss(loops.sigmoid([teacher["au"][n][u]])[0], logit)
            label = row["au"][u] if "au" in row else None
            if label is None:
                expected += distilled
            else:
                expected += 0.6 * _unit_loss(label, logit) + 0.4 * distilled

    tasks = (Expression(), ActionUnits(), ValenceArousal(BINS))
    actual = total_of(Objective(tasks, SHARED), rows, student, teacher)
    assert actual == pytest.approx(expected / 7, 1e-5)


# Vu 2021: sets 1 (EXPR), 2 (VA) and 3 (both); KL for distillation.


def _vu_label_loss(task, row, student, n, rows):
    return loops.deng_supervised(task, row, student, n, rows, ccc_share=1.0)


def _vu_distilled(task, teacher, student, n):
    divergence = {"expr": loops.kl_expr, "va": loops.kl_va}[task]
    return divergence(teacher[task][n], student[task][n], 1.5)


def _vu_g(tasks, row, teacher, student, n, rows):
    """Eq. 8 for a set whose own tasks are `tasks`."""
    return sum(
        0.6 * _vu_label_loss(task, row, student, n, rows)
        + 0.4 * _vu_distilled(task, teacher, student, n)
        for task in tasks
    )


def _vu_student(rows, sets, teacher, student):
    """Eq. 10, and Eq. 9 where no row of sets 1 and 2 has its second label."""
    total = 0.0
    for n, (row, own) in enumerate(zip(rows, sets, strict=True)):
        total += _vu_g(own, row, teacher, student, n, rows)
        for other in {"expr", "va"} - set(own):
            if other in row:
                total += _vu_g([other], row, teacher, student, n, rows)
            else:
                total += _vu_distilled(other, teacher, student, n)
    return total


@pytest.mark.parametrize("sharing", [True, False], ids=["Eq. 10", "Eq. 9"])
def test_vu_student_with_and_without_shared_annotations(sharing):
    random = np.random.default_rng(10)
    sets = [["expr"]] * 3 + [["va"]] * 3 + [["expr", "va"]] * 3
    has = [[*own, "expr", "va"] if n % 2 else own for n, own in enumerate(sets)]
    rows = make_rows(random, has if sharing else sets)
    teacher, student = make_outputs(random, 9), make_outputs(random, 9)
    tasks = (
        Expression(distilled=SoftmaxDistillation(divergence="kl")),
        ValenceArousal(BINS, distilled=BinnedDistillation(divergence="kl")),
    )
    actual = total_of(Objective(tasks, SHARED), rows, student, teacher)
    expected = _vu_student(rows, sets, teacher, student) / 9
    assert actual == pytest.approx(expected, 1e-5)


def test_vu_teacher_is_the_sum_of_the_labels_there_are():
    random = np.random.default_rng(11)
    rows = make_rows(random, [["expr"]] * 2 + [["va"]] * 3 + [["expr", "va"]] * 3)
    student = make_outputs(random, 8)
    expected = sum(
        _vu_label_loss(task, row, student, n, rows)
        for n, row in enumerate(rows)
        for task in row
    )
    tasks = (Expression(), ValenceArousal(BINS))
    actual = total_of(Objective(tasks, CellMix()), rows, student)
    assert actual == pytest.approx(expected / 8, 1e-5)


# Thinh 2021: sets E, A and B in turn, no teacher.


@pytest.mark.parametrize(
    "tasks", [["expr"], ["au"], ["expr", "au"]], ids=["E", "A", "B"]
)
def test_thinh_trains_on_the_labels_of_the_set_whose_turn_it_is(tasks):
    random = np.random.default_rng(14)
    rows = make_rows(random, [tasks] * 5)
    outputs = make_outputs(random, 5)
    expected = 0.0
    for n, row in enumerate(rows):
        if "expr" in row:
            expected += loops.focal(row["expr"], outputs["expr"][n], gamma=2)
        if "au" in row:
            expected += loops.supervised_au(row["au"], outputs["au"][n])
    objective = Objective(
        (Expression(SoftmaxFocal(), None), ActionUnits(distilled=None)), CellMix()
    )
    assert total_of(objective, rows, outputs) == pytest.approx(expected / 5, 1e-5)
