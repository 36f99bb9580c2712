"""Vu et al. 2021, Eq. 1-10, as plain loops in float64, row by row.

Written from the paper, with the readings of `configs/vu2021.py`. A row is {"set": 1, 2
or 3, and whatever labels its frame has: "expr", "va"}; the sets are Mixed EXPR, Mixed
VA and Affect EXPR_VA. `outputs` are task -> the logits of every row. The paper prints
f(j)(x(j,n)) for the other output of a row; the prose means x(i,n), as here. Eq. 2 and
Eq. 3 each have a CCC of their own set's rows; here, as in the code under test, it is
that of all rows of the batch whose labels are used. `ccc_share` is what one of them
carries, 1/B in both equations.
"""

from tests.papers import loops

#: The outputs that a set has labels for (section 3.1).
TASKS_OF = {1: ("expr",), 2: ("va",), 3: ("expr", "va")}


def ccc_part(rows, outputs):
    """Sum over both dimensions of 1 - CCC, over rows = [(n, label), ...]."""
    total = 0.0
    for i in range(2):
        labels = [label[i] for _, label in rows]
        means = [loops.expectation(loops.halves(outputs["va"][n])[i]) for n, _ in rows]
        total += 1.0 - loops.ccc(labels, means)
    return total


def supervised(task, label, logits, ccc_term):
    """Eq. 1, Eq. 2; Eq. 3 is their sum."""
    if task == "expr":
        return loops.ce(loops.onehot_class(label, 7), loops.sf(logits, 1))
    classes = 0.0
    for i, half in enumerate(loops.halves(logits)):
        classes += loops.ce(loops.onehot_bin(label[i], 20), loops.sf(half, 1))
    return classes + ccc_term


def distilled(task, t, s, temperature):
    """Eq. 4, Eq. 5; Eq. 6 is their sum."""
    if task == "expr":
        return loops.kl(loops.sf(t, temperature), loops.sf(s, temperature))
    total = 0.0
    for t_i, s_i in zip(loops.halves(t), loops.halves(s), strict=True):
        total += loops.kl(loops.sf(t_i, temperature), loops.sf(s_i, temperature))
    return total


def teacher_loss(rows, outputs, ccc_share):
    """Eq. 7: each row by the loss of its own set."""
    of_va = [(n, r["va"]) for n, r in enumerate(rows) if "va" in TASKS_OF[r["set"]]]
    term = ccc_share * ccc_part(of_va, outputs)
    total = 0.0
    for n, row in enumerate(rows):
        for task in TASKS_OF[row["set"]]:
            total += supervised(task, row[task], outputs[task][n], term)
    return total


def student_loss(rows, teacher, student, ccc_share, sharing, share=0.6, t=1.5):
    """Eq. 10 with `sharing`, Eq. 9 without; `share` is lambda."""

    def is_used(row, task):
        return task in TASKS_OF[row["set"]] or (sharing and task in row)

    of_va = [(n, r["va"]) for n, r in enumerate(rows) if is_used(r, "va")]
    term = ccc_share * ccc_part(of_va, student)

    def one(n, row, task):
        h = distilled(task, teacher[task][n], student[task][n], t)
        if not is_used(row, task):
            return h
        # Eq. 8.
        of_label = supervised(task, row[task], student[task][n], term)
        return share * of_label + (1 - share) * h

    total = 0.0
    for n, row in enumerate(rows):
        for task in ("expr", "va"):
            total += one(n, row, task)
    return total
