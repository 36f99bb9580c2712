"""Jeong et al. 2022, Eq. 1-13, as plain loops in float64, row by row.

Written from the paper, with the readings of `configs/jeong2022.py`. A row is {"set":
"va", "expr", "au" or "mtl"} and the labels of its frame; those that its set does not
have are not looked at. `outputs` are task -> the linear outputs of every row, and
"discriminator" -> those of the discriminator. The paper's batches are of one set; in a
mixed one a CCC is that of all rows that have the term.

Eq. 5 and 11 are printed without the minus, and Eq. 9-11 with the arguments swapped. The
last sum of Eq. 13 has L_i^D, where only L_j^D gives the sum a meaning.
"""

import math

import numpy as np

from tests.papers import loops

TASKS = ("va", "expr", "au")
TASKS_OF = {"va": ("va",), "expr": ("expr",), "au": ("au",), "mtl": TASKS}
ALPHA, BETA, TEMPERATURE = 10.0, 0.9, 2.5


def ccc(y, z):
    """Eq. 1."""
    y, z = np.asarray(y, float), np.asarray(z, float)
    mean_y, mean_z = sum(y) / len(y), sum(z) / len(z)
    sigma_y = math.sqrt(sum((a - mean_y) ** 2 for a in y) / len(y))
    sigma_z = math.sqrt(sum((a - mean_z) ** 2 for a in z) / len(z))
    products = [(a - mean_y) * (b - mean_z) for a, b in zip(y, z, strict=True)]
    rho = sum(products) / len(y) / (sigma_y * sigma_z)
    difference = (mean_y - mean_z) ** 2
    return 2 * rho * sigma_y * sigma_z / (sigma_y**2 + sigma_z**2 + difference)


def va_loss(targets, outputs):
    """Eq. 2 and 8, of valence and of arousal."""
    return sum(
        1 - ccc([row[d] for row in targets], [math.tanh(row[d]) for row in outputs])
        for d in range(2)
    )


def supervised(task, rows, outputs, n):
    """Eq. 2, 4 and 6."""
    if task == "va":
        there = [m for m, row in enumerate(rows) if "va" in TASKS_OF[row["set"]]]
        labels = [rows[m]["va"] for m in there]
        return va_loss(labels, [outputs["va"][m] for m in there])
    if task == "expr":
        one_hot = loops.onehot_class(rows[n]["expr"], len(outputs["expr"][n]))
        return loops.ce(one_hot, loops.sf(outputs["expr"][n]))
    return loops.bce(rows[n]["au"], loops.sigmoid(outputs["au"][n]))


def distilled(task, rows, teacher, student, n):
    """Eq. 8-10."""
    if task == "va":
        there = [m for m, row in enumerate(rows) if row["set"] != "mtl"]
        soft = [[math.tanh(v) for v in teacher["va"][m]] for m in there]
        return va_loss(soft, [student["va"][m] for m in there])
    if task == "expr":
        soft, scores = (
            loops.sf(each["expr"][n], TEMPERATURE) for each in (teacher, student)
        )
        return loops.ce(soft, scores)
    soft, scores = (loops.sigmoid(each["au"][n]) for each in (teacher, student))
    return loops.bce(soft, scores)


def of_source(row, scores):
    """Eq. 11: the sets are told apart in the order of TASKS."""
    one_hot = loops.onehot_class(TASKS.index(row["set"]), len(TASKS))
    return loops.ce(one_hot, loops.sf(scores))


def teacher_loss(rows, outputs, delta):
    """Eq. 12; Eq. 7 for a row of MTL (Algorithm 1)."""
    total = 0.0
    for n, row in enumerate(rows):
        total += sum(supervised(i, rows, outputs, n) for i in TASKS_OF[row["set"]])
        if row["set"] != "mtl" and delta:
            total += delta * of_source(row, outputs["discriminator"][n])
    return total


def student_loss(rows, teacher, outputs, delta, stale):
    """Eq. 13; Eq. 7 for a row of MTL (Algorithm 1)."""
    gamma = {i: math.exp(0.5 * n_i) for i, n_i in stale.items()}
    total = 0.0
    for n, row in enumerate(rows):
        if row["set"] == "mtl":
            total += sum(supervised(i, rows, outputs, n) for i in TASKS)
            continue
        i = row["set"]
        label_loss = ALPHA * supervised(i, rows, outputs, n)
        total += gamma[i] * (label_loss + distilled(i, rows, teacher, outputs, n))
        if delta:
            total += delta * of_source(row, outputs["discriminator"][n])
        for j in TASKS:
            if j != i:
                total += BETA * gamma[j] * distilled(j, rows, teacher, outputs, n)
    return total


def dense_modules(values, weights):
    """Linear, batch norm over the batch, swish; then the linear outputs.

    Of Keras' weights: kernel, bias, gamma, beta of each module, and the last two.
    """
    *hidden, kernel, bias = weights
    for k in range(0, len(hidden), 4):
        values = values @ hidden[k] + hidden[k + 1]
        mean, variance = values.mean(axis=0), values.var(axis=0)
        values = (values - mean) / np.sqrt(variance + 1e-3) * hidden[k + 2]
        values = values + hidden[k + 3]
        values = values / (1 + np.exp(-values))
    return values @ kernel + bias
