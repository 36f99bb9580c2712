"""Rows as dictionaries of the labels there are, and the objective's total of them."""

import tensorflow as tf

ALL = ("expr", "au", "va")
CLASSES, UNITS, BINS = 7, 4, 4


def make_rows(random, label_sets, partial_units=False):
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


def make_outputs(random, num_rows, va_width=2 * BINS):
    widths = {"expr": CLASSES, "au": UNITS, "va": va_width}
    return {t: random.normal(size=(num_rows, k)) for t, k in widths.items()}


def total_of(objective, rows, student, teacher=None, **inputs):
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
