"""Small tables to balance, and a short way of doing it."""

import numpy as np
import pandas as pd

from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations
from tfrecords_builder import balance

SMALL = Taxonomy("small", ("neutral", "fear", "happiness", "sadness"), ("AU1", "AU4"))
NAN = np.nan


def table_of(rows, **columns):
    """A complete table; each row a dict, or the name of an expression."""
    rows = [{"expression": r} if isinstance(r, str) or r is None else r for r in rows]
    keys = [f"k{i:04d}" for i in range(len(rows))]
    frame = pd.DataFrame([{**row} for row in rows]).assign(**{"key": keys, **columns})
    return annotations.complete(frame, SMALL, "made", "made.csv")


def balanced(table, *balance_, keep=(), balance_as="copies", seed=0):
    plan = balance.parse(balance_, keep, balance_as)
    return balance.apply(table, SMALL, plan, seed)


def mixed(number=400, seed=0):
    """Rows of every kind: labels of one task, of several, of none; two splits."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(number):
        row = {"split": "validation" if i % 5 == 4 else "train", "video": f"v{i % 7}"}
        row |= {"frame": i, "source": ("one", "two")[i % 2], "subject": f"p{i % 10}"}
        if i % 3 == 0 or i % 11 == 0:
            shares = [0.6, 0.05, 0.25, 0.1]
            row["expression"] = random.choice(SMALL.expressions, p=shares)
        if i % 3 == 1 or i % 11 == 0:
            row["AU1"] = float(random.random() < 0.7)
            row["AU4"] = float(random.random() < 0.1) if i % 2 else NAN
        if i % 3 == 2 and i % 4:
            row["valence"], row["arousal"] = random.normal(0.2, 0.2, 2).clip(-1, 1)
        rows.append(row)
    return table_of(rows)
