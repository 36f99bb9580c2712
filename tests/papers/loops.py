"""The papers' equations as plain NumPy loops in float64, row by row.

Written from the papers alone: nothing here comes from `affect_tf.objective`. The
numbers in the docstrings are those of Deng et al. 2020 unless another is named.
Rows of a batch are dictionaries; a label that is not there is not in the dictionary.
"""

import math

import numpy as np


def sf(y, temperature=1.0):
    """Eq. 1."""
    y = [float(value) / temperature for value in y]
    top = max(y)
    parts = [math.exp(value - top) for value in y]
    return [part / sum(parts) for part in parts]


def sigmoid(y):
    return [1.0 / (1.0 + math.exp(-float(value))) for value in y]


def bce(y, z):
    """Eq. 2: summed over the units."""
    return -sum(
        a * math.log(b) + (1 - a) * math.log(1 - b) for a, b in zip(y, z, strict=True)
    )


def ce(y, z):
    """Eq. 3."""
    return -sum(a * math.log(b) for a, b in zip(y, z, strict=True))


def kl(p, q):
    """Vu et al. 2021, above Eq. 4."""
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def onehot_class(index, num_classes):
    return [1.0 if c == index else 0.0 for c in range(num_classes)]


def onehot_bin(value, num_bins):
    """The one-hot vector of the equal-width bin that a value lies in."""
    width = 2.0 / num_bins
    for k in range(num_bins - 1):
        if value < -1.0 + (k + 1) * width:
            return onehot_class(k, num_bins)
    return onehot_class(num_bins - 1, num_bins)


def bin_centres(num_bins):
    return [-1.0 + (2 * k + 1) / num_bins for k in range(num_bins)]


def expectation(logits):
    """Eq. 7, of one dimension's K logits."""
    scores = sf(logits)
    return sum(c * s for c, s in zip(bin_centres(len(scores)), scores, strict=True))


def ccc(y, z):
    """Eq. 8, with population moments; 0 where it is 0/0."""
    y, z = np.asarray(y, float), np.asarray(z, float)
    if len(y) == 0:
        return 0.0
    mean_y, mean_z = y.mean(), z.mean()
    covariance = ((y - mean_y) * (z - mean_z)).mean()
    below = y.var() + z.var() + (mean_y - mean_z) ** 2
    return 2 * covariance / below if below else 0.0


def halves(logits):
    """The valence and the arousal logits."""
    half = len(logits) // 2
    return logits[:half], logits[half:]


# Supervision losses, Eq. 4-9.


def supervised_au(y, t):
    """Eq. 4."""
    return bce(y, sigmoid(t))


def supervised_expr(y, t):
    """Eq. 5."""
    return ce(onehot_class(y, len(t)), sf(t, 1.0))


def supervised_va_class(y, t):
    """Eq. 6."""
    return sum(
        ce(onehot_bin(y[i], len(t_i)), sf(t_i, 1.0)) for i, t_i in enumerate(halves(t))
    )


def va_ccc_part(rows, logits):
    """The sum over both dimensions of 1 - CCC, over the rows that have labels."""
    total = 0.0
    for i in range(2):
        labels = [row["va"][i] for row in rows if "va" in row]
        outputs = [
            expectation(halves(t)[i])
            for row, t in zip(rows, logits, strict=True)
            if "va" in row
        ]
        total += 1.0 - ccc(labels, outputs)
    return total


# Distillation losses, Eq. 10-12.


def distilled_au(t, s):
    """Eq. 10."""
    return bce(sigmoid(t), sigmoid(s))


def distilled_expr(t, s, temperature):
    """Eq. 11."""
    return ce(sf(t, temperature), sf(s, temperature))


def distilled_va(t, s, temperature):
    """Eq. 12."""
    return sum(
        ce(sf(t_i, temperature), sf(s_i, temperature))
        for t_i, s_i in zip(halves(t), halves(s), strict=True)
    )


def kl_expr(t, s, temperature):
    """Vu et al. 2021, Eq. 4."""
    return kl(sf(t, temperature), sf(s, temperature))


def kl_va(t, s, temperature):
    """Vu et al. 2021, Eq. 5."""
    return sum(
        kl(sf(t_i, temperature), sf(s_i, temperature))
        for t_i, s_i in zip(halves(t), halves(s), strict=True)
    )


def focal(y, t, gamma):
    """Lin et al. 2017, Eq. 4, of a softmax."""
    p = sf(t)[y]
    return -((1 - p) ** gamma) * math.log(p)


# Batch-wise losses. `outputs` is task -> logits of every row; `ccc_share` is what one
# row carries of the CCC part: 1/B in Eq. 9, 1 in the released code.


def deng_supervised(task, row, outputs, n, rows, ccc_share):
    if task == "expr":
        return supervised_expr(row["expr"], outputs["expr"][n])
    if task == "au":
        return supervised_au(row["au"], outputs["au"][n])
    part = ccc_share * va_ccc_part(rows, outputs["va"])
    return supervised_va_class(row["va"], outputs["va"][n]) + part


def deng_distilled(task, teacher, student, n, temperature):
    t, s = teacher[task][n], student[task][n]
    if task == "au":
        return distilled_au(t, s)
    return (distilled_expr if task == "expr" else distilled_va)(t, s, temperature)


def deng_teacher(rows, outputs, ccc_share):
    """Eq. 13: every row's losses where it has labels."""
    total = 0.0
    for n, row in enumerate(rows):
        for task in row:
            total += deng_supervised(task, row, outputs, n, rows, ccc_share)
    return total


def deng_student(rows, teacher, student, ccc_share, share=0.6, temperature=1.5):
    """Eq. 14, with x(i,n) for the misprinted x(j,n) of its third line."""
    total = 0.0
    for n, row in enumerate(rows):
        for task in student:
            distilled = deng_distilled(task, teacher, student, n, temperature)
            if task in row:
                label_loss = deng_supervised(task, row, student, n, rows, ccc_share)
                total += share * label_loss + (1 - share) * distilled
            else:
                total += distilled
    return total


def finite_differences(loop, kernels, kernel, step=1e-5):
    """Central differences of loop(kernels) with respect to one of its arrays."""
    gradient = np.zeros_like(kernel)
    for index in np.ndindex(*kernel.shape):
        kept = kernel[index]
        kernel[index] = kept + step
        above = loop(kernels)
        kernel[index] = kept - step
        gradient[index] = (above - loop(kernels)) / (2 * step)
        kernel[index] = kept
    return gradient
