import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.labels import taxonomy
from affect_tf.labels import va_bins
from affect_tf.objective import checks
from affect_tf.objective import distillation
from affect_tf.objective import losses
from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.distillation import SigmoidDistillation
from affect_tf.objective.losses import BinnedConcordance
from affect_tf.objective.losses import Concordance
from affect_tf.objective.losses import SigmoidFocal
from affect_tf.objective.losses import SoftmaxCrossEntropy
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
    plain = ValenceArousal(None, Concordance(), ConcordanceDistillation())
    assert plain.num_logits(taxonomy.ABAW1) == 2


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


@pytest.mark.parametrize(
    "task, given",
    [
        (Expression, {"supervised": SigmoidFocal()}),
        (Expression, {"distilled": SigmoidDistillation()}),
        (ActionUnits, {"supervised": SoftmaxFocal()}),
        (ActionUnits, {"distilled": BinnedDistillation()}),
        (ValenceArousal, {"supervised": SoftmaxCrossEntropy()}),
        (ValenceArousal, {"distilled": SigmoidDistillation()}),
    ],
)
def test_a_loss_of_other_outputs_is_refused_at_once(task, given):
    (name,) = given
    with pytest.raises(ValueError, match=f"{task.__name__}.{name} must be a loss of"):
        task(**given)


@pytest.mark.parametrize(
    "task, received",
    [
        (ValenceArousal(num_bins=None), "BinnedConcordance.*in bins"),
        (ValenceArousal(supervised=Concordance()), "Concordance.*plain outputs"),
        (ValenceArousal(None, Concordance(), BinnedDistillation()), "in bins"),
    ],
)
def test_losses_of_bins_and_of_plain_outputs_are_not_mixed_up(task, received):
    with pytest.raises(ValueError, match=received):
        task.num_logits(taxonomy.ABAW1)


def test_a_loss_that_does_not_say_what_it_reads_is_taken():
    @dataclasses.dataclass(frozen=True)
    class Own:
        def __call__(self, labels, logits, weight):
            return weight

    assert Expression(supervised=Own()).num_logits(taxonomy.ABAW1) == 7
    assert ValenceArousal(supervised=Own()).num_logits(taxonomy.ABAW1) == 40


def test_every_stock_loss_says_what_it_reads():
    modules = (distillation, losses)
    parts = [part for module in modules for part in vars(module).values()]
    stock = [
        part
        for part in parts
        if dataclasses.is_dataclass(part) and not part.__name__.startswith("_")
    ]
    assert BinnedConcordance in stock
    assert all(part.kind in checks.KINDS for part in stock)
