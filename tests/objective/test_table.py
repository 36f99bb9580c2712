"""Every row of the table of papers against a loop over samples, tasks and units.

The loops are written from the papers' equations, with the readings that
`docs/architecture.md` gives; the formulas of single losses come from `loops`.
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import Concordance
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.objective.weighting import PatienceWeighting
from tests.papers import loops

ALL = ("expr", "au", "va")
CLASSES, UNITS, BINS, SOURCES = 7, 4, 4, 3
SHARED = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))


def _rows(random, label_sets, partial_units=False):
    """Rows with the labels named; a unit that is not annotated is None."""
    rows = []
    for tasks in label_sets:
        units = [int(random.integers(2)) for _ in range(UNITS)]
        if partial_units:
            units = [unit if random.random() < 0.6 else None for unit in units]
        labels = {
            "expr": int(random.integers(CLASSES)),
            "au": units,
            "va": random.uniform(-1, 1, 2).tolist(),
        }
        rows.append({task: labels[task] for task in tasks})
    return rows


def _outputs(random, num_rows, va_width=2 * BINS):
    widths = {"expr": CLASSES, "au": UNITS, "va": va_width}
    return {t: random.normal(size=(num_rows, k)) for t, k in widths.items()}


def _total(objective, rows, student, teacher=None, **inputs):
    """The objective's total of loop-style rows, rubbish where labels are missing."""

    def mask(row, task):
        return float(task in row)

    no_units = [None] * UNITS
    units = [row.get("au", no_units) for row in rows]
    nan = float("nan")
    labels = {
        "expr": tf.constant([row.get("expr", 99) for row in rows], tf.int32),
        "au": tf.constant([[nan if u is None else u for u in row] for row in units]),
        "va": tf.constant([row.get("va", [nan, nan]) for row in rows]),
    }
    masks = {
        "expr": tf.constant([mask(row, "expr") for row in rows]),
        "au": tf.constant([[float(u is not None) for u in row] for row in units]),
        "va": tf.constant([mask(row, "va") for row in rows]),
    }

    def cast(outputs):
        return {t: tf.constant(v, tf.float32) for t, v in outputs.items()}

    soft = None if teacher is None else cast(teacher)
    ones = tf.ones(len(rows))
    report = objective(cast(student), labels, masks, ones, soft, **inputs)
    return float(report.total)


def _unit_loss(target, logit):
    return loops.bce([target], loops.sigmoid([logit]))


# Deng 2020, with units that are annotated one by one.


@pytest.mark.parametrize("seed", range(5))
def test_deng_student_with_units_that_are_annotated_one_by_one(seed):
    random = np.random.default_rng(seed)
    sets = [[t for t in ALL if random.random() < 0.6] for _ in range(7)]
    rows = _rows(random, sets, partial_units=True)
    teacher, student = _outputs(random, 7), _outputs(random, 7)

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
    actual = _total(Objective(tasks, SHARED), rows, student, teacher)
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
    rows = _rows(random, has if sharing else sets)
    teacher, student = _outputs(random, 9), _outputs(random, 9)
    tasks = (
        Expression(distilled=SoftmaxDistillation(divergence="kl")),
        ValenceArousal(BINS, distilled=BinnedDistillation(divergence="kl")),
    )
    actual = _total(Objective(tasks, SHARED), rows, student, teacher)
    expected = _vu_student(rows, sets, teacher, student) / 9
    assert actual == pytest.approx(expected, 1e-5)


def test_vu_teacher_is_the_sum_of_the_labels_there_are():
    random = np.random.default_rng(11)
    rows = _rows(random, [["expr"]] * 2 + [["va"]] * 3 + [["expr", "va"]] * 3)
    student = _outputs(random, 8)
    expected = sum(
        _vu_label_loss(task, row, student, n, rows)
        for n, row in enumerate(rows)
        for task in row
    )
    tasks = (Expression(), ValenceArousal(BINS))
    actual = _total(Objective(tasks, CellMix()), rows, student)
    assert actual == pytest.approx(expected / 8, 1e-5)


# Jeong 2022: alpha 10, beta 0.9, gamma e^(0.5 n), delta; sets VA, EXPR, AU and MTL.


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
    rows = _rows(random, sets)
    teacher, student = (_outputs(random, len(rows), va_width=2) for _ in range(2))
    # MTL is a fourth set, unknown to the discriminator of three.
    sources = [3 if len(row) == 3 else ALL.index(next(iter(row))) for row in rows]
    source_logits = random.normal(size=(len(rows), SOURCES))
    mix = CellMix((10.0, 1.0), (0.0, 0.9), (1.0, 0.0), False, False)
    objective = Objective(JEONG_TASKS, mix, PatienceWeighting(), Adversarial(0.5))
    for validation in range(3):
        improved = {t: float(validation) for t in ALL if validation + STALE[t] <= 2}
        objective.weighting.update({task: 0.0 for task in ALL} | improved)

    expected = _jeong_student(rows, sources, teacher, student, source_logits, 0.5)
    actual = _total(
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
    rows = _rows(random, [["va"], ["expr"], ["au"], ALL, ["va"]])
    student = _outputs(random, 5, va_width=2)
    source_logits = random.normal(size=(5, SOURCES))
    sources = [2, 0, 1, 3, 2]
    label_loss, _ = _jeong_terms(rows, student, student)
    expected = sum(label_loss(task, n) for n, row in enumerate(rows) for task in row)
    for n in (0, 1, 2, 4):
        expected += loops.supervised_expr(sources[n], source_logits[n])
    mix = CellMix(complete_adversarial=False)
    actual = _total(
        Objective(JEONG_TASKS, mix, adversarial=Adversarial(1.0)),
        rows,
        student,
        source=tf.constant(sources),
        source_logits=tf.constant(source_logits, tf.float32),
    )
    assert actual == pytest.approx(expected / 5, 1e-5)


# Thinh 2021: sets E, A and B in turn, no teacher.


@pytest.mark.parametrize(
    "tasks", [["expr"], ["au"], ["expr", "au"]], ids=["E", "A", "B"]
)
def test_thinh_trains_on_the_labels_of_the_set_whose_turn_it_is(tasks):
    random = np.random.default_rng(14)
    rows = _rows(random, [tasks] * 5)
    outputs = _outputs(random, 5)
    expected = 0.0
    for n, row in enumerate(rows):
        if "expr" in row:
            expected += loops.focal(row["expr"], outputs["expr"][n], gamma=2)
        if "au" in row:
            expected += loops.supervised_au(row["au"], outputs["au"][n])
    objective = Objective(
        (Expression(SoftmaxFocal(), None), ActionUnits(distilled=None)), CellMix()
    )
    assert _total(objective, rows, outputs) == pytest.approx(expected / 5, 1e-5)
