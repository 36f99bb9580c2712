"""One optimizer a task on shared layers: the "shared backbone" of Thinh et al. 2021."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.batch import Batch
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture
from affect_tf.models.build import build
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.training import assembly
from affect_tf.training import checkpoints
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Cosine
from affect_tf.training.trainer import Trainer
from configs import sample

TASKS = (Expression(), ActionUnits())
STUDENT = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))
ROWS = 6


def model(policy="float32"):
    tf.keras.mixed_precision.set_global_policy(policy)
    tf.keras.utils.set_random_seed(0)
    logits = {task.name: task.num_logits(ABAW1) for task in TASKS}
    built = build(Architecture(Tiny(), image_size=32), logits)
    tf.keras.mixed_precision.set_global_policy("float32")
    return built


def trainer(
    tasks=TASKS, separate=True, policy="float32", mix=None, teacher=None, decay=0.0
):
    config = dataclasses.replace(
        sample.config(),
        tasks=tasks,
        separate_optimizers=separate,
        optimizer=Adam(weight_decay=decay),
    )
    stage = dataclasses.replace(
        config.teacher, learning_rate=Cosine(1e-3), epochs=5, mix=mix or CellMix()
    )
    return assembly.build(model(policy), config, stage, 4, teacher)


def batch(expr=True, au=True, seed=0):
    random = np.random.default_rng(seed)
    zeros = np.zeros(ROWS)
    values = Batch(
        inputs={"image": random.integers(0, 256, (ROWS, 32, 32, 3)).astype(np.uint8)},
        labels={
            "expr": random.integers(0, 7, ROWS).astype(np.int32),
            "au": random.integers(0, 2, (ROWS, 8)).astype(np.float32),
        },
        masks={
            "expr": np.full(ROWS, expr, np.float32),
            "au": np.full((ROWS, 8), au, np.float32),
        },
        source=zeros.astype(np.int32),
        weight=np.ones(ROWS, np.float32),
        key=np.array(["face"] * ROWS),
        subject=np.array(["person"] * ROWS),
        frame=zeros.astype(np.int64),
        row=zeros.astype(np.int64),
    )
    return tf.nest.map_structure(tf.constant, values)


def weights(one):
    return {v.name: v.numpy() for v in one.model.trainable_variables}


def eagerly(call, *arguments):
    """Calls outside a graph: what need not be compiled is not traced for seconds."""
    tf.config.run_functions_eagerly(True)
    try:
        return call(*arguments)
    finally:
        tf.config.run_functions_eagerly(False)


@functools.cache
def compiled():
    """A trainer, and its first state: tracing takes seconds."""
    one = trainer()
    return one, [(v, v.numpy()) for v in states(one)]


def states(one):
    """Everything that a step changes."""
    optimizers = [v for each in one.optimizer.values() for v in each.variables]
    return [*one.model.variables, *optimizers, one.step]


def anew():
    """The same trainer as it was at first."""
    one, start = compiled()
    for variable, value in start:
        variable.assign(value)
    return one


def moves(one, *batches):
    before = weights(one)
    for each in batches:
        one.train_step(each)
    return {name: value - before[name] for name, value in weights(one).items()}


def test_every_task_moves_the_shared_layers_by_a_step_of_its_own():
    both = eagerly(moves, trainer(), batch())
    alone = [
        eagerly(moves, trainer((task,), separate=False), batch()) for task in TASKS
    ]
    for name, move in both.items():
        expected = sum(each[name] for each in alone)
        np.testing.assert_allclose(move, expected, atol=2e-6, err_msg=name)
    shared = eagerly(moves, trainer(separate=False), batch())
    assert any(np.abs(both[name] - shared[name]).max() > 1e-4 for name in both)


def test_a_task_without_a_label_in_the_batch_makes_no_step():
    one = anew()
    one.train_step(batch())  # From here on both have momentum.
    moved = moves(one, batch(au=False, seed=1))
    for name, move in moved.items():
        assert np.any(move) != name.startswith("au"), name
    assert int(one.optimizer["expr"].iterations) == 2
    assert int(one.optimizer["au"].iterations) == 1
    assert int(one.step) == 2
    moves(one, batch(expr=False, au=False, seed=2))
    assert (int(one.step), int(one.optimizer["expr"].iterations)) == (3, 2)


def test_a_task_leaves_the_heads_of_others_alone_with_weight_decay_too():
    moved = eagerly(moves, trainer(decay=10.0), batch(au=False))
    for name, move in moved.items():
        assert np.any(move) != name.startswith("au"), name


def test_a_task_that_is_only_distilled_makes_its_step():
    one = trainer(mix=STUDENT, teacher=model())
    eagerly(moves, one, batch(au=False))
    assert int(one.optimizer["au"].iterations) == 1


def test_each_optimizer_has_the_norm_of_its_own_gradient():
    def figures(one, each):
        (log,) = one.run(iter([each]), 1, 1)
        return log.losses

    both = figures(anew(), batch())
    alone = [
        eagerly(figures, trainer((task,), separate=False), batch()) for task in TASKS
    ]
    for task, of_task in zip(TASKS, alone, strict=True):
        norm = both[f"gradient_norm/{task.name}"]
        assert norm == pytest.approx(of_task["gradient_norm"], rel=1e-4)
    assert "gradient_norm" not in both
    # A task without a label has no gradient.
    assert figures(anew(), batch(au=False))["gradient_norm/au"] == 0.0


def test_the_learning_rate_follows_the_run_and_not_the_steps_of_a_task():
    one = anew()
    for number in range(10):
        one.train_step(batch(au=number % 2 == 0, seed=number))
    # The last step of each was number 9, and 8; the units made 5 steps in all.
    for task, last in (("expr", 9), ("au", 8)):
        expected = float(Cosine(1e-3)(last / 4, 5))
        rate = float(one.optimizer[task].learning_rate)
        assert rate == pytest.approx(expected)
    assert one.learning_rate == float(one.optimizer["expr"].learning_rate)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(tmp_path):
    script = [batch(au=n % 3 > 0, expr=n % 2 > 0, seed=n) for n in range(6)]
    first, second = anew(), trainer()
    moves(first, *script[:3])
    checkpoints.Checkpoints(tmp_path, first, checkpoints.RunState()).save_latest()
    moves(first, *script[3:])
    assert checkpoints.Checkpoints(tmp_path, second, checkpoints.RunState()).resume()
    moves(second, *script[3:])
    for name, value in weights(first).items():
        np.testing.assert_array_equal(value, weights(second)[name], err_msg=name)


def test_each_task_has_a_loss_scale_of_its_own_in_float16():
    one = trainer(policy="mixed_float16")
    for number in range(12):
        figures = one.train_step(batch(au=number == 0, seed=number)).numpy()
        assert figures[-1] == 1.0  # The loss is finite, whatever the gradients are.
    scales = {task: float(each.loss_scale) for task, each in one.optimizer.items()}
    assert one.loss_scale == min(scales.values())
    assert int(one.optimizer["expr"].iterations) > int(one.optimizer["au"].iterations)
    assert all(np.isfinite(value).all() for value in weights(one).values())


@pytest.mark.parametrize("given", [["expr"], ["expr", "au", "va"]])
def test_an_addend_without_optimizer_or_the_reverse_is_refused(given):
    optimizers = {task: Adam().build(1e-3) for task in given}
    with pytest.raises(ValueError, match="must belong to one optimizer"):
        Trainer(model(), Objective(TASKS, CellMix()), optimizers)
