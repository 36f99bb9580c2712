"""Objectives of the table, and batches of random rows for them."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.losses import Concordance
from affect_tf.objective.losses import SigmoidFocal
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.objective.weighting import ConstantWeighting

ROWS = 6
DENG = (Expression(), ActionUnits(), ValenceArousal(num_bins=4))
JEONG = (
    Expression(SoftmaxFocal()),
    ActionUnits(SigmoidFocal()),
    ValenceArousal(None, Concordance(), ConcordanceDistillation()),
)
STUDENT = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))
TABLE = {
    "teacher": Objective(DENG, CellMix()),
    "deng": Objective(DENG, STUDENT),
    "jeong": Objective(
        JEONG,
        CellMix((10.0, 1.0), (0.0, 0.9), (1.0, 0.0), False, False),
        ConstantWeighting(va=2.0),
        Adversarial(0.5),
    ),
}
every_objective = pytest.mark.parametrize("name", TABLE)


def batch(objective, seed=0, rows=ROWS):
    """Returns keyword arguments of the objective, as NumPy arrays."""
    random = np.random.default_rng(seed)
    va = 2 * (objective.tasks[-1].num_bins or 1)
    widths = {"expr": 7, "au": 3, "va": va}

    def outputs():
        return {
            task: random.normal(size=(rows, k)).astype(np.float32)
            for task, k in widths.items()
        }

    def mask(*shape):
        return random.integers(0, 2, (rows, *shape)).astype(np.float32)

    return {
        "logits": outputs(),
        "soft_logits": outputs(),
        "labels": {
            "expr": random.integers(0, 7, rows).astype(np.int32),
            "au": mask(3),
            "va": random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        },
        "masks": {"expr": mask(), "au": mask(3), "va": mask()},
        "weight": np.ones(rows, np.float32),
        "source": random.integers(0, 3, rows).astype(np.int32),
        "source_logits": random.normal(size=(rows, 3)).astype(np.float32),
    }


def run(objective, inputs):
    """Returns (report, gradients by task and source)."""
    inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
    watched = (inputs["logits"], inputs["source_logits"])
    with tf.GradientTape() as tape:
        tape.watch(watched)
        report = objective(**inputs)
    gradients = tape.gradient(
        report.total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return report, gradients


def assert_same(one, other, rtol=1e-5):
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7), one, other
    )


def assert_finite(result):
    for value in tf.nest.flatten(result):
        assert np.isfinite(value).all()
