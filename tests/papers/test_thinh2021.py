"""Thinh et al. 2021: the focal loss, the sum of the losses and Algorithm 1.

The loops below are written from the paper alone, which has no numbered equations.
"""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.data.records import Rows
from affect_tf.labels.taxonomy import ABAW2
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.objective import Objective
from configs import thinh2021
from tests.papers import loops

WIDTHS = {"expr": 7, "au": 12}
#: The targets of each set of Algorithm 1, in the order of its loops.
TARGETS = {"E": ("expr",), "A": ("au",), "B": ("expr", "au")}


def loss_of(phase, rows, outputs):
    """Section 2.3: focal loss plus binary cross entropy, of what the set has."""
    total = 0.0
    for n, row in enumerate(rows):
        if "expr" in TARGETS[phase]:
            total += loops.focal(row["expr"], outputs["expr"][n], gamma=2.0)
        if "au" in TARGETS[phase]:
            total += loops.bce(row["au"], loops.sigmoid(outputs["au"][n]))
    return total / len(rows)


def algorithm_1(sizes, batch_size, epochs):
    """The sets of the updates, in order: all of E, all of A, all of B, each epoch."""
    for _ in range(epochs):
        for phase in ("E", "A", "B"):
            seen = 0
            while seen < sizes[phase]:
                yield phase
                seen += batch_size


def labelled_rows(random, count=5):
    """Rows of frames that have both labels."""
    return [
        {"expr": int(random.integers(7)), "au": random.integers(0, 2, 12).tolist()}
        for _ in range(count)
    ]


def masks_of(phase, count):
    """What the set's source lets through of rows that have both labels."""
    every = {"expr": tf.ones(count), "au": tf.ones([count, 12])}
    rows = Rows(**dict.fromkeys(Rows._fields))._replace(masks=every)
    config = thinh2021.config()
    source = config.sources_of(config.teacher)[list(TARGETS).index(phase)]
    return source.masked(rows).masks


def gradients_of(phase, rows, features, kernels):
    """The loss of a phase under the config, and its gradients of a linear model."""
    labels = {
        "expr": tf.constant([row["expr"] for row in rows], tf.int32),
        "au": tf.constant([row["au"] for row in rows], tf.float32),
    }
    config = thinh2021.config()
    variables = {t: tf.Variable(k, dtype=tf.float32) for t, k in kernels.items()}
    with tf.GradientTape() as tape:
        inputs = tf.constant(features, tf.float32)
        logits = {t: inputs @ variable for t, variable in variables.items()}
        objective = Objective(config.tasks, config.teacher.mix)
        masks = masks_of(phase, len(rows))
        report = objective(logits, labels, masks, tf.ones(len(rows)))
    return float(report.total), tape.gradient(report.total, variables)


@pytest.mark.parametrize("phase", TARGETS)
def test_each_set_of_algorithm_1_teaches_its_own_targets(phase):
    random = np.random.default_rng(0)
    rows = labelled_rows(random)
    features = random.normal(size=(len(rows), 2))
    kernels = {t: random.normal(size=(2, k)) for t, k in WIDTHS.items()}

    def loop(kernels):
        return loss_of(phase, rows, {t: features @ k for t, k in kernels.items()})

    total, gradients = gradients_of(phase, rows, features, kernels)
    assert total == pytest.approx(loop(kernels), 1e-5)
    for task, kernel in kernels.items():
        expected = loops.finite_differences(loop, kernels, kernel)
        np.testing.assert_allclose(gradients[task], expected, rtol=1e-3, atol=2e-5)
        assert np.any(gradients[task].numpy()) == (task in TARGETS[phase])


def test_an_epoch_visits_the_sets_in_the_order_of_algorithm_1(small_folder):
    config = thinh2021.config().for_data(ABAW2, {}, labelled=("expr", "au"))
    faces = Faces(small_folder, Manifest.load(small_folder), ABAW2, 32)
    size, epochs = 10, 2
    # A quarter of the 96 faces has expressions, a quarter units, a quarter all.
    order = list(algorithm_1({"E": 48, "A": 48, "B": 24}, size, epochs))
    steps = faces.steps_per_epoch(config.sources, size, config.batching)
    assert steps == len(order) / epochs == 5 + 5 + 3
    batches = faces.training(
        config.sources, size, config.augmentation, 0, batching=config.batching
    )
    for phase, batch in zip(order, batches, strict=False):
        for task in WIDTHS:
            labelled = np.reshape(batch.masks[task], [size, -1]).max(axis=1)
            np.testing.assert_array_equal(labelled, float(task in TARGETS[phase]))


def test_the_focal_loss_is_the_published_one_in_value_and_gradient():
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(6, 7)) * 4, random.integers(0, 7, 6)
    variable = tf.Variable(logits, dtype=tf.float32)
    focal = thinh2021.config().tasks[0].supervised
    with tf.GradientTape() as tape:
        loss = focal(tf.constant(labels, tf.int32), variable, tf.ones(6))
        total = tf.reduce_sum(loss)
    expected = [loops.focal(y, z, 2.0) for y, z in zip(labels, logits, strict=True)]
    np.testing.assert_allclose(loss, expected, rtol=1e-4)

    def loop(arrays):
        pairs = zip(labels, arrays["z"], strict=True)
        return sum(loops.focal(y, z, 2.0) for y, z in pairs)

    differences = loops.finite_differences(loop, {"z": logits}, logits)
    np.testing.assert_allclose(
        tape.gradient(total, variable), differences, rtol=1e-3, atol=1e-5
    )


def test_the_focal_loss_asks_less_of_what_is_known_and_all_of_what_is_wrong():
    focal, plain = SoftmaxFocal(gamma=2.0), SoftmaxCrossEntropy()
    logits = tf.constant([[4.0, 0.0], [-4.0, 0.0], [-60.0, 0.0]])
    arguments = (tf.zeros(3, tf.int32), logits, tf.ones(3))
    ratio = (focal(*arguments) / plain(*arguments)).numpy()
    known, wrong = 1 / (1 + math.exp(4)), 1 / (1 + math.exp(-4))
    np.testing.assert_allclose(ratio, [known**2, wrong**2, 1.0], rtol=1e-4)


def test_the_paper_has_the_published_settings_and_no_student():
    config = thinh2021.config()
    assert config.student is None
    assert (config.batch_size, config.teacher.epochs) == (256, 10)
    rate = config.teacher.learning_rate
    assert [float(rate(epoch, 10)) for epoch in (0, 10)] == pytest.approx([1e-3, 1e-4])
    assert config.tasks[0].supervised == SoftmaxFocal(gamma=2.0, alpha=1.0)
    augmentation = config.augmentation
    assert (augmentation.translation, augmentation.horizontal_flip) == (0, False)
    alone = dataclasses.replace(config, tasks=config.tasks[:1])
    sources = alone.for_data(ABAW2, {}).sources
    assert [source.name for source in sources] == ["expr"]
