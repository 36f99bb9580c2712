"""Predictions of a made-up model, with labels missing in every way."""

import numpy as np
import pytest

from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import ABAW1


def make_predictions(
    num_rows=300, num_subjects=40, taxonomy=ABAW1, seed=0, noise=1.0, labelled=0.6
):
    """A model that is right more often than not; less noise, a better model.

    The labels depend on the seed alone, so two calls that differ in `noise` are two
    systems on the same rows.
    """
    random = np.random.default_rng(seed)
    num_classes, num_units = len(taxonomy.expressions), len(taxonomy.action_units)
    expr = random.integers(0, num_classes, num_rows)
    au = (random.random((num_rows, num_units)) < 0.3).astype(np.float32)
    va = random.uniform(-1, 1, (num_rows, 2)).astype(np.float32)
    masks = {
        "expr": random.random(num_rows) < labelled,
        "au": random.random((num_rows, num_units)) < labelled,
        "va": random.random(num_rows) < labelled,
    }
    subject = np.sort(random.integers(0, num_subjects, num_rows)).astype(str)
    logits = noise * random.normal(size=(num_rows, num_classes))
    logits[np.arange(num_rows), expr] += 1.5
    units = 2 * au - 1 + noise * random.normal(size=au.shape)
    guess = 0.7 * va + 0.3 * noise * random.normal(size=va.shape)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(
        scores={
            "expr": probabilities.astype(np.float32),
            "au": (1 / (1 + np.exp(-units))).astype(np.float32),
            "va": np.clip(guess, -1, 1).astype(np.float32),
        },
        labels={"expr": expr.astype(np.int32), "au": au, "va": va},
        masks={task: mask.astype(np.float32) for task, mask in masks.items()},
        subject=subject,
        key=np.asarray([f"row{row}" for row in range(num_rows)]),
    )


@pytest.fixture(name="make")
def make_fixture():
    return make_predictions
