"""A batch that is seen piece by piece trains as the whole batch does."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import adversary
from affect_tf.models.temporal import BidirectionalGru
from affect_tf.models.temporal import EMBEDDER
from affect_tf.training.pieces import InPieces
from affect_tf.training.pieces import Whole
from tests.training import towers

ALL_SETS = ("va", "expr", "au", "mtl") * (towers.ROWS // 4)
SETS = {"va": ("va",) * towers.ROWS, "all": ALL_SETS}


@functools.cache
def shared(norm=False):
    """A trainer in 3 pieces, and its first weights: tracing takes seconds."""
    trainer = towers.trainer(towers.end_to_end(norm), 3)
    return trainer, trainer.model.get_weights()


def in_pieces(norm=False, rate=1.0):
    """That trainer, as new."""
    trainer, weights = shared(norm)
    trainer.model.set_weights(weights)
    trainer.optimizer.learning_rate.assign(rate)
    return trainer


def step(trainer, batch):
    """Makes a step; returns its figures and the move of every weight by its name."""
    before = [v.numpy() for v in trainer.model.trainable_variables]
    (log,) = trainer.run(iter([batch]), 1, 1)
    after = trainer.model.trainable_variables
    moves = {v.name: v.numpy() - old for v, old in zip(after, before, strict=True)}
    return log.losses, moves


def whole_step(trainer, batch):
    """The same outside a graph, of a whole batch: what pieces are held against."""
    tf.config.run_functions_eagerly(True)
    try:
        return step(trainer, batch)
    finally:
        tf.config.run_functions_eagerly(False)


def objective_of(trainer, outputs, batch):
    logits = dict(outputs)
    scores = logits.pop(adversary.DISCRIMINATOR)
    return trainer.objective(
        logits,
        batch.labels,
        batch.masks,
        batch.weight,
        source=batch.source,
        source_logits=scores,
    )


def assert_same(found, expected, tolerance=1e-5):
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=tolerance, atol=tolerance, err_msg=name
        )


def assert_below_moved(moves):
    """Every weight of the towers has a gradient, far above the tolerance."""
    for name in ("face_conv/kernel:0", "sound_conv/kernel:0"):
        assert np.abs(moves[name]).max() > 1e-3, name


@pytest.mark.parametrize("sets", SETS)
def test_a_teacher_makes_the_step_of_the_whole_batch(sets):
    """Whose CCC is of all rows: that of no piece."""
    batch = towers.batch(SETS[sets])
    losses, moves = whole_step(towers.trainer(towers.end_to_end(), 1), batch)
    found, moved = step(in_pieces(), batch)
    assert_same(found, losses)
    assert_same(moved, moves)
    assert_below_moved(moves)
    assert {"va/supervised", "adversarial"} < set(losses)


def test_one_piece_alone_would_have_another_ccc():
    trainer, batch = in_pieces(), towers.batch()
    # No row has a part in what is said of another.
    outputs = dict(trainer.model(batch.inputs, training=True))

    def addend(first, size):
        part = tf.nest.map_structure(
            lambda each: each[first : first + size],
            (outputs, batch._replace(inputs={})),
        )
        return float(objective_of(trainer, *part).addends["va/supervised"])

    parts = [addend(first, 4) for first in (0, 4, 8)]
    assert abs(np.mean(parts) - addend(0, towers.ROWS)) > 1e-2


def test_a_student_makes_the_same_step_beside_the_same_teacher():
    batch = towers.batch(ALL_SETS)

    def steps(pieces):
        teacher = towers.end_to_end(norm=True, seed=1)
        # Other statistics than those of a new model.
        for number in range(3):
            teacher(towers.inputs(number + 5), training=True)
        make = whole_step if pieces == 1 else step
        return make(towers.trainer(towers.end_to_end(), pieces, teacher), batch)

    (losses, moves), (found, moved) = steps(1), steps(4)
    # A student's loss is ten times a teacher's, and more.
    assert_same(found, losses, 5e-5)
    assert_same(moved, moves, 5e-5)
    assert losses["expr/distilled"] > 0


def test_a_teacher_in_pieces_gives_the_same_soft_logits():
    model, given = towers.end_to_end(norm=True), towers.inputs()
    model(towers.inputs(3), training=True)
    before = [v.numpy() for v in model.weights]
    forward = InPieces(towers.PART, towers.end_to_end(seed=1), 4)
    found = tf.function(forward.infer)(model, given)
    expected = Whole(model).infer(model, given)
    assert_same(dict(sorted(found.items())), dict(sorted(expected.items())))
    for old, value in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(value, old, err_msg=value.name)


def test_several_optimizers_make_the_steps_of_their_own_losses():
    """Each loss goes back through the pieces by itself; a task without labels rests."""

    def steps(pieces, sets):
        model = towers.end_to_end(num_sources=0)
        trainer = towers.trainer(model, pieces, separate_optimizers=True)
        make = whole_step if pieces == 1 else step
        return *make(trainer, towers.batch(sets)), trainer

    sets = ("va", "expr") * 6
    losses, moves, trainer = steps(1, sets)
    found, moved, parted = steps(3, sets)
    assert_same(found, losses)
    assert_same(moved, moves)
    assert_below_moved(moves)
    for task, optimizer in trainer.optimizer.items():
        made = int(parted.optimizer[task].iterations)
        assert made == int(optimizer.iterations) == int(task in sets)


def test_float16_gradients_are_scaled_up_through_the_pieces_and_back():
    def steps(pieces):
        model = towers.end_to_end(policy="mixed_float16")
        trainer = towers.trainer(model, pieces)
        assert trainer.loss_scale == 2**15
        make = whole_step if pieces == 1 else step
        return *make(trainer, towers.batch()), trainer

    losses, moves, whole = steps(1)
    found, moved, parted = steps(3)
    assert whole.loss_scale == parted.loss_scale == 2**15
    assert_same(found, losses, 3e-3)
    assert_same(moved, moves, 3e-3)
    assert_below_moved(moves)


def statistics(model):
    below = model.get_layer(EMBEDDER).non_trainable_variables
    return {v.name: v.numpy() for v in below}


def test_statistics_move_once_a_piece_and_a_step():
    """Though each piece is seen twice. Of what is not there, none has a part."""
    trainer = in_pieces(norm=True, rate=0.0)
    alone = towers.end_to_end(norm=True)
    start = statistics(alone)
    for seed in range(2):
        trainer.train_step(towers.batch(seed=seed, padding=255))
        given = towers.inputs(seed)
        size = towers.ROWS // 3
        for first in range(0, towers.ROWS, size):
            part = {name: value[first : first + size] for name, value in given.items()}
            towers.PART.see(alone.get_layer(EMBEDDER), part, training=True)
    assert_same(statistics(trainer.model), statistics(alone))
    for name, value in statistics(alone).items():
        assert np.abs(value - start[name]).max() > 1e-3, name


def test_with_batch_norm_the_gradient_is_that_of_the_normalised_pieces():
    batch, pieces = towers.batch(), 3
    _, moved = step(in_pieces(norm=True), batch)
    model = towers.end_to_end(norm=True)
    below, above = (model.get_layer(name) for name in (EMBEDDER, "affect_sequence"))
    given = {name: tf.split(value, pieces) for name, value in batch.inputs.items()}
    with tf.GradientTape() as tape:
        seen = [
            towers.PART.see(below, {name: v[k] for name, v in given.items()}, True)
            for k in range(pieces)
        ]
        vectors = {name: tf.concat([s[name] for s in seen], 0) for name in seen[0]}
        outputs = dict(above(vectors, training=True))
        report = objective_of(in_pieces(norm=True), outputs, batch)
    variables = model.trainable_variables
    gradients = tape.gradient(report.total, variables)
    expected = {v.name: -g for v, g in zip(variables, gradients, strict=True)}
    assert_same(moved, expected, 2e-5)


def test_windows_of_frames_are_cut_into_pieces_as_whole_windows():
    """Of a model that gives logits for every frame, and reads no sound."""
    gru = BidirectionalGru(3)
    tf.keras.utils.set_random_seed(0)
    image = tf.keras.Input((8, 8, 3), dtype="uint8", name="image")
    flat = tf.keras.layers.Flatten()(tf.keras.layers.Rescaling(1 / 255)(image))
    vector = tf.keras.layers.Dense(4, "tanh")(flat)
    below = tf.keras.Model({"image": image}, {"va_embedding": vector}, name=EMBEDDER)
    model = gru.end_to_end(below, gru.sequence({"va_embedding": 4}, {"va": 2}), True)
    random = np.random.default_rng(0)
    given = {
        "image": tf.constant(random.integers(0, 256, (4, 5, 8, 8, 3)).astype(np.uint8)),
        "present": tf.range(5) < tf.constant([[5], [3], [1], [4]]),
    }

    def gradients(forward):
        with tf.GradientTape() as tape:
            outputs = forward.outputs(tape, given)
            loss = tf.reduce_mean(tf.sin(outputs["va"]))
        found = forward.differentiate(tape)(loss, model.trainable_variables)
        return outputs["va"], found

    outputs, found = tf.function(gradients)(InPieces(gru, model, 2))
    expected, wanted = gradients(Whole(model))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    soft = InPieces(gru, model, 2).infer(model, given)
    np.testing.assert_allclose(soft["va"], expected, atol=1e-6)
