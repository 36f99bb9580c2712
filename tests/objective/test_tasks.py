import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.labels import taxonomy
from affect_tf.labels import va_bins
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal

TASKS = (Expression(), ActionUnits(), ValenceArousal())


def test_tasks_come_in_the_order_of_the_taxonomy():
    assert tuple(task.name for task in TASKS) == taxonomy.TASKS


def test_heads_are_as_wide_as_the_taxonomy_asks():
    assert [task.num_logits(taxonomy.ABAW1) for task in TASKS] == [7, 8, 40]
    assert [task.num_logits(taxonomy.ABAW3) for task in TASKS] == [8, 12, 40]
    assert ValenceArousal(num_bins=None).num_logits(taxonomy.ABAW1) == 2


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_that_the_taxonomy_lacks_is_an_error(task):
    bare = taxonomy.Taxonomy("bare", has_va=False)
    with pytest.raises(ValueError, match=f"Received: task='{task.name}'"):
        task.num_logits(bare)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_scores_are_float32_and_within_their_range(task):
    width = task.num_logits(taxonomy.ABAW1)
    logits = tf.cast(1e4 * np.random.default_rng(0).normal(size=(5, width)), tf.float16)
    scores = task.decode(logits).numpy()
    assert scores.dtype == np.float32
    assert scores.min() >= (-1 if task.name == "va" else 0) and scores.max() <= 1
    if task.name == "expr":
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


def test_a_sure_bin_decodes_to_its_centre():
    centres = va_bins.bin_centres(20)
    logits = np.concatenate([100 * np.eye(20), 100 * np.eye(20)[::-1]], axis=1)
    scores = ValenceArousal().decode(tf.constant(logits, tf.float32))
    np.testing.assert_allclose(scores, np.stack([centres, centres[::-1]], 1), atol=1e-6)


def test_plain_outputs_decode_with_tanh():
    logits = tf.constant([[0.5, -3.0]])
    scores = ValenceArousal(num_bins=None).decode(logits)
    np.testing.assert_allclose(scores, np.tanh(logits), rtol=1e-6)


def test_a_paper_replaces_the_loss_and_keeps_the_task():
    task = dataclasses.replace(Expression(), supervised=SoftmaxFocal(), distilled=None)
    assert task.name == "expr" and task == Expression(SoftmaxFocal(), None)


def test_one_bin_is_refused():
    with pytest.raises(ValueError, match="num_bins=1"):
        ValenceArousal(num_bins=1)
