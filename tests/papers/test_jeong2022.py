"""Jeong, Oh, Lim 2022, Eq. 1-13: steps of the config against the paper's loops.

The paper sums over a batch; the objective divides that sum by the number of rows. One
step of plain gradient descent at rate 1 moves a weight by its gradient.
"""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.evaluation import scores as scores_lib
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.objective.objective import Adversarial
from affect_tf.training import assembly
from affect_tf.training import checkpoints
from affect_tf.training.schedules import Linear
from configs import jeong2022
from tests.papers import jeong_batches
from tests.papers import jeong_loops
from tests.papers import loops
from tests.papers.jeong_batches import batch_of
from tests.papers.jeong_batches import Descent
from tests.papers.jeong_batches import linear
from tests.papers.jeong_batches import rows_of

STEPS = 5
EPOCHS = 20
#: Validation scores by which expr is stale for 2 epochs, va for 1, and au for none.
STALE = {"expr": 2, "au": 0, "va": 1}
SETS = {
    **{name: [name] * 5 for name in ("va", "expr", "au", "mtl")},
    "mixed": ["va", "expr", "au", "mtl", "va", "expr", "au", "mtl"],
}


def paper(weight=None, rate=1.0):
    """The paper's config, by default with its best delta: no discriminator."""
    config = dataclasses.replace(
        jeong2022.config(),
        adversarial=None if weight is None else Adversarial(weight),
        optimizer=Descent(rate),
    )
    return config.for_data(ABAW3, {})


def trainer_of(config, stage, kernels, soft=None):
    teacher = None if soft is None else linear(soft)
    return assembly.build(linear(kernels), config, stage, STEPS, teacher)


def figures(trainer, batch, compiled=True):
    """Of a step, in a graph or outside: tracing takes longer than many steps."""
    tf.config.run_functions_eagerly(not compiled)
    try:
        (log,) = trainer.run(iter([batch]), 1, 1)
    finally:
        tf.config.run_functions_eagerly(False)
    return log.losses


def validated(f1_expr=None, f1_au=None, ccc=None):
    """Scores of a validation; the challenge's other sums go the other way."""
    found = {"expr": f1_expr, "au": f1_au, "va": ccc}
    return scores_lib.Scores(
        scores_lib.ExpressionScores(0.5, f1_expr, 1 - (f1_expr or 0), 1, {}, ()),
        scores_lib.ActionUnitScores(f1_au, 0.5, 0.5, 1 - (f1_au or 0), 1, {}),
        scores_lib.ValenceArousalScores(ccc, ccc, ccc, *[None] * 4, 1),
        1.0,
        1.0,
        tuple(task for task, value in found.items() if value is not None),
        rows=1,
        subjects=1,
    )


def validate(trainer, scores):
    """As `fit` does after an epoch."""
    trainer.objective.weighting.update(scores.by_task(jeong2022.config().metric))


def assert_one_step(trainer, batch, loop, kernels):
    """Its figure is the loop's value, and its move the loop's gradient."""
    # In a graph where the batch has rows of every set.
    total = figures(trainer, batch, len(batch.source) == len(SETS["mixed"]))["total"]
    assert total == pytest.approx(loop(kernels), 1e-5)
    for name, kernel in kernels.items():
        moved = kernel - trainer.model.get_layer(name).kernel.numpy()
        expected = loops.finite_differences(loop, kernels, kernel)
        np.testing.assert_allclose(
            moved, expected, rtol=2e-3, atol=5e-5, err_msg=f"{name} of the step"
        )


#: What delta is configured as, the step, and what it is there.
DELTAS = [
    (None, 0, 0.0),
    (0.5, 7, 0.5),
    (1.0, 7, 1.0),
    (Linear(0.0, 1.0), 0, 0.0),
    (Linear(0.0, 1.0), 37, 0.37),
]


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS)
@pytest.mark.parametrize(("weight", "step", "delta"), DELTAS)
def test_a_step_of_the_teacher_is_eq_12(sets, weight, step, delta):
    random = np.random.default_rng(1)
    rows = rows_of(random, sets)
    features, kernels = jeong_batches.linear_case(random, len(rows), weight is not None)
    config = paper(weight)

    def loop(kernels):
        outputs = {name: features @ kernel for name, kernel in kernels.items()}
        return jeong_loops.teacher_loss(rows, outputs, delta) / len(rows)

    trainer = trainer_of(config, config.teacher, kernels)
    trainer.step.assign(step)
    batch = batch_of(rows, features, config.sources_of(config.teacher))
    assert_one_step(trainer, batch, loop, kernels)


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS)
@pytest.mark.parametrize(("weight", "step", "delta"), [DELTAS[k] for k in (0, 1, 4)])
def test_a_step_of_the_student_is_eq_13_and_eq_7_alone_for_mtl(
    sets, weight, step, delta
):
    random = np.random.default_rng(2)
    rows = rows_of(random, sets)
    features, kernels = jeong_batches.linear_case(random, len(rows), weight is not None)
    _, soft = jeong_batches.linear_case(random, len(rows), weight is not None)
    teacher = {name: features @ kernel for name, kernel in soft.items()}
    config = paper(weight)

    def loop(kernels):
        outputs = {name: features @ kernel for name, kernel in kernels.items()}
        total = jeong_loops.student_loss(rows, teacher, outputs, delta, STALE)
        return total / len(rows)

    trainer = trainer_of(config, config.student, kernels, soft)
    trainer.step.assign(step)
    for f1_expr, f1_au, ccc in ((0.5, 0.1, 0.2), (0.5, 0.2, 0.3), (0.4, 0.3, 0.3)):
        validate(trainer, validated(f1_expr, f1_au, ccc))
    batch = batch_of(rows, features, config.sources_of(config.student))
    assert_one_step(trainer, batch, loop, kernels)


def test_the_ccc_of_eq_1_is_that_of_the_other_papers():
    y, z = np.random.default_rng(3).normal(size=(2, 9))
    assert jeong_loops.ccc(y, z) == pytest.approx(loops.ccc(y, z), 1e-12)


@pytest.mark.parametrize("hidden", [(), (3,), tuple(range(12))])
def test_a_row_that_the_discriminator_does_not_know_has_no_term(hidden):
    """Row 1 is of the fourth set; without some of its units it has not all labels."""
    random = np.random.default_rng(4)
    rows = rows_of(random, ["va", "mtl"])
    features, kernels = jeong_batches.linear_case(random, 2, True)
    config = paper(0.5)
    batch = batch_of(rows, features, config.sources, hidden)
    trainer = trainer_of(config, config.teacher, kernels)
    found = figures(trainer, batch)["adversarial"]
    scores = features[0] @ kernels["discriminator"]
    expected = 0.5 * jeong_loops.of_source(rows[0], scores) / 2
    assert found == pytest.approx(expected, 1e-5)
    moved = kernels["discriminator"] - trainer.model.get_layer("discriminator").kernel
    # By row 0 alone: a rank-one gradient along its features.
    np.testing.assert_allclose(
        np.outer(features[0], moved[0] / features[0, 0]), moved, rtol=1e-3, atol=1e-6
    )


def test_delta_rises_from_0_to_1_over_the_steps_of_the_run():
    random = np.random.default_rng(5)
    rows = rows_of(random, ["expr"] * 4)
    features, kernels = jeong_batches.linear_case(random, 4, True)
    config = paper(Linear(0.0, 1.0), rate=0.0)
    batch = batch_of(rows, features, config.sources)
    trainer = trainer_of(config, config.teacher, kernels)
    logs = list(trainer.run(iter([batch] * 110), 110, log_every=1))
    terms = np.array([log.losses["adversarial"] for log in logs])
    scores = features @ kernels["discriminator"]
    each = zip(rows, scores, strict=True)
    whole = sum(jeong_loops.of_source(row, of_row) for row, of_row in each) / 4
    expected = np.minimum(np.arange(110) / (STEPS * EPOCHS), 1)
    np.testing.assert_allclose(terms, expected * whole, rtol=1e-4, atol=1e-7)
    # Nothing else rises with it.
    rest = [log.losses["total"] - log.losses["adversarial"] for log in logs]
    np.testing.assert_allclose(rest, rest[0], rtol=1e-4)


#: F1 of the expressions, of the units, and CCC, and the n_i after that validation.
SCRIPT = [
    ((0.20, 0.5, -0.1), {"expr": 0, "au": 0, "va": 0}),
    ((0.20, 0.4, -0.2), {"expr": 1, "au": 1, "va": 1}),
    ((0.19, 0.5, None), {"expr": 2, "au": 2, "va": 1}),
    ((0.21, 0.4, 0.0), {"expr": 0, "au": 3, "va": 0}),
    ((0.20, math.nan, 0.1), {"expr": 1, "au": 4, "va": 0}),
    ((0.21, 0.51, 0.05), {"expr": 2, "au": 0, "va": 1}),
]


def weights_of(trainer):
    found = trainer.objective.weighting.weights
    return {task: pytest.approx(float(value)) for task, value in found.items()}


def expected_weights(stale):
    return {task: math.exp(0.5 * count) for task, count in stale.items()}


def student(rate=1.0):
    config = paper(rate=rate)
    random = np.random.default_rng(6)
    features, kernels = jeong_batches.linear_case(random, 4, False)
    _, soft = jeong_batches.linear_case(random, 4, False)
    rows = rows_of(random, ["expr"] * 4)
    batch = batch_of(rows, features, config.sources_of(config.student))
    return trainer_of(config, config.student, kernels, soft), batch


@pytest.mark.parametrize("stopped_after", [None, 0, 2, 3])
def test_gamma_counts_epochs_without_a_new_best_and_outlives_a_stop(
    stopped_after, tmp_path
):
    trainer, _ = student()
    assert weights_of(trainer) == expected_weights(dict.fromkeys(STALE, 0))
    for epoch, (values, stale) in enumerate(SCRIPT):
        validate(trainer, validated(*values))
        assert weights_of(trainer) == expected_weights(stale), epoch
        if epoch == stopped_after:
            state = checkpoints.RunState()
            checkpoints.Checkpoints(tmp_path, trainer, state).save_latest()
            trainer, _ = student()
            assert checkpoints.Checkpoints(tmp_path, trainer, state).resume()
            assert weights_of(trainer) == expected_weights(stale), "restored"


def test_gamma_reaches_a_step_that_was_compiled_before():
    trainer, batch = student(rate=0.0)
    before = figures(trainer, batch)
    for values, _ in SCRIPT[:3]:
        validate(trainer, validated(*values))
    after = figures(trainer, batch)
    for name in ("expr/supervised", "expr/distilled", "au/distilled", "va/distilled"):
        n = SCRIPT[2][1][name.split("/")[0]]
        assert after[name] == pytest.approx(math.exp(0.5 * n) * before[name], 1e-5)
    assert trainer.train_step.experimental_get_tracing_count() == 1
