import functools

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import frames
from affect_tf.models import temporal

#: Of the layers that users get, see `plain_recurrence`.
pytestmark = pytest.mark.usefixtures("fused_recurrence")

NUM_LOGITS = {"expr": 7, "va": 40}
WIDTHS = {"expr": 5, "va": 6}

#: Windows of 4 frames: whole, padded, of one frame, and nothing but padding.
PRESENT = np.arange(4) < np.array([[4], [2], [1], [0]])


@pytest.fixture
def policy(request):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy(before)


def widths(by_task):
    return {f"{task}_embedding": width for task, width in by_task.items()}


def sequence(units=3, seed=0):
    """A model whose biases are not 0, so that none of them can be missed."""
    model = temporal.BidirectionalGru(units).sequence(widths(WIDTHS), NUM_LOGITS)
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


def embeddings(present=PRESENT, seed=0):
    random = np.random.default_rng(seed)
    inputs = {
        f"{task}_embedding": random.normal(size=(*present.shape, width))
        for task, width in WIDTHS.items()
    }
    values = {name: value.astype(np.float32) for name, value in inputs.items()}
    return {**values, "present": present}


def runner(model):
    """The model as a function of arrays: in a graph, which is traced but once."""
    graph = tf.function(model)
    return lambda inputs: {task: v.numpy() for task, v in graph(inputs).items()}


@functools.cache
def shared():
    """A model that nobody changes, and its runner: tracing takes seconds."""
    model = sequence(units=16)
    shapes = {name: (None, None, width) for name, width in WIDTHS.items()}
    signature = {
        f"{task}_embedding": tf.TensorSpec(shape) for task, shape in shapes.items()
    }
    signature["present"] = tf.TensorSpec((None, None), tf.bool)
    graph = tf.function(model, input_signature=[signature])
    return model, lambda inputs: {t: v.numpy() for t, v in graph(inputs).items()}


def assert_same(found, expected, rows=slice(None), **tolerance):
    assert list(found) == list(expected) == list(NUM_LOGITS)
    for task in NUM_LOGITS:
        np.testing.assert_allclose(
            found[task][rows], expected[task][rows], **tolerance, err_msg=task
        )


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def gru(steps, kernel, recurrent, biases):
    """Runs Cho's unit, reset gate behind the product, over [T, D] from a state of 0."""
    state, states = np.zeros(recurrent.shape[0]), []
    for step in steps:
        update, reset, new = np.split(step @ kernel + biases[0], 3)
        old_update, old_reset, old = np.split(state @ recurrent + biases[1], 3)
        gate = sigmoid(update + old_update)
        candidate = np.tanh(new + sigmoid(reset + old_reset) * old)
        state = gate * state + (1 - gate) * candidate
        states.append(state)
    return np.reshape(states, (-1, recurrent.shape[0]))


def test_the_logits_are_those_of_a_plain_loop_in_both_directions():
    (model, run), inputs = shared(), embeddings()
    found = run(inputs)
    for task, count in NUM_LOGITS.items():
        both = model.get_layer(f"{task}_gru")
        weights = [w.astype(np.float64) for w in both.get_weights()]
        kernel, bias = model.get_layer(task).get_weights()
        logits = found[task].reshape(*PRESENT.shape, count)
        for window, there in enumerate(PRESENT):
            steps = inputs[f"{task}_embedding"][window][there]
            forward = gru(steps, *weights[:3])
            backward = gru(steps[::-1], *weights[3:])[::-1]
            hidden = np.maximum(np.concatenate([forward, backward], 1), 0)
            np.testing.assert_allclose(
                logits[window][there], hidden @ kernel + bias, rtol=1e-4, atol=1e-5
            )


def test_the_papers_sequence_model_has_its_count_of_parameters():
    logits = {"expr": 7, "au": 8, "va": 40}
    given = widths(dict.fromkeys(logits, 128))
    model = temporal.BidirectionalGru().sequence(given, logits)
    assert model.count_params() == 230_583
    assert len(model.trainable_weights) == 3 * (2 * 3 + 2)


def test_names_of_layers_and_inputs_are_stable():
    model = shared()[0]
    for task, count in NUM_LOGITS.items():
        assert model.get_layer(f"{task}_gru").output.shape == (None, None, 32)
        assert model.get_layer(f"{task}_temporal").output.shape == (None, None, 32)
        assert model.get_layer(task).output.shape == (None, count)
    assert model.name == "affect_sequence"
    assert set(model.input) == {*(f"{task}_embedding" for task in WIDTHS), "present"}


def test_what_padding_holds_changes_no_frame_that_is_there():
    run, inputs = shared()[1], embeddings()
    expected = run(inputs)
    for noise in (1e4, -1e4, 0.0):
        dirty = {
            name: np.where(PRESENT[..., None], value, np.float32(noise))
            for name, value in inputs.items()
            if name != "present"
        }
        found = run({**dirty, "present": PRESENT})
        assert_same(found, expected, PRESENT.ravel(), rtol=0, atol=0)
        assert all(np.isfinite(value).all() for value in found.values())


def test_a_padded_window_is_the_short_window_alone():
    run, inputs = shared()[1], embeddings()
    short = {name: value[1:2, :2] for name, value in inputs.items()}
    expected = {task: value[4:6] for task, value in run(inputs).items()}
    assert_same(run(short), expected, rtol=1e-5, atol=1e-6)


def test_no_window_sees_another_and_every_frame_sees_its_whole_window():
    run, inputs = shared()[1], embeddings(np.ones((2, 5), bool))
    before = run(inputs)
    for frame in range(5):
        other = {name: value.copy() for name, value in inputs.items()}
        for task in WIDTHS:
            other[f"{task}_embedding"][0, frame] += 3
        after = run(other)
        assert_same(after, before, slice(5, None), rtol=1e-6, atol=1e-6)
        for task in NUM_LOGITS:
            moved = np.abs(after[task][:5] - before[task][:5]).max(axis=1)
            assert (moved > 1e-6).all()


@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_sequences_are_float32_under_any_policy(policy):
    model = sequence(units=16)
    tf.keras.mixed_precision.set_global_policy("float32")
    plain = shared()[1](embeddings())
    tf.keras.mixed_precision.set_global_policy(policy)
    found = runner(model)(embeddings())
    assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}
    assert {variable.dtype for variable in model.variables} == {tf.float32}
    assert_same(found, plain, rtol=1e-6, atol=1e-6)


def test_training_reaches_every_weight_of_a_sequence():
    model = shared()[0]
    with tf.GradientTape() as tape:
        logits = model(embeddings(), training=True)
        kept = tf.constant(PRESENT.ravel()[:, None], tf.float32)
        loss = tf.add_n([tf.reduce_sum(kept * v**2) for v in logits.values()])
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_a_checkpoint_and_a_saved_model_give_the_same_logits(tmp_path):
    model, run = shared()
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "weights"))
    other = sequence(units=16, seed=2)
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    other.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert_same(runner(loaded)(embeddings()), run(embeddings()), rtol=0, atol=0)


def test_only_frames_that_are_there_are_taken_and_put_back():
    random = np.random.default_rng(0)
    for share in (0.0, 0.3, 1.0):
        present = random.random((3, 7)) < share
        values = random.normal(size=(3, 7, 2)).astype(np.float32)
        taken = frames.Present()([values, present])
        there = present if share else ~present  # Never nothing at all.
        np.testing.assert_array_equal(taken, values[there])
        back = frames.Restore()([taken, present])
        np.testing.assert_array_equal(back, np.where(present[..., None], values, 0))
        flat = frames.Flatten()(values)
        np.testing.assert_array_equal(flat, values.reshape(-1, 2))


def test_half_precision_keeps_a_picture_and_a_vector_as_they_are():
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        picture = frames.Present()([np.full((1, 1, 2), 255, np.uint8), [[True]]])
        vector = frames.Restore()([np.float32([[1e5]]), np.array([[True]])])
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert picture.dtype == tf.uint8
    assert vector.numpy().item() == 1e5


def test_a_description_is_the_python_that_makes_it():
    part = temporal.BidirectionalGru(units=16)
    assert eval(repr(part), vars(temporal).copy()) == part
    whole = build.Architecture(backbones.Tiny(), temporal=part)
    names = {**vars(backbones), **vars(build), **vars(build.layers), **vars(temporal)}
    assert eval(repr(whole), names) == whole
    assert hash(whole) == hash(eval(repr(whole), names))


def build_sequence(**changes):
    arguments = {"widths": WIDTHS, "num_logits": NUM_LOGITS} | changes
    arguments["widths"] = widths(arguments["widths"])
    return temporal.BidirectionalGru(2).sequence(**arguments)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: temporal.BidirectionalGru(0), "must be a whole number from 1 on"),
        (lambda: temporal.BidirectionalGru(2.0), "must be a whole number from 1 on"),
        (lambda: temporal.BidirectionalGru(True), "must be a whole number from 1 on"),
        (lambda: build_sequence(num_logits={}), "at least one task"),
        (lambda: build_sequence(num_logits={"va": 0}), "at least one logit"),
        (lambda: build_sequence(widths={"va": 3}), "without 'expr_embedding'"),
        (
            lambda: build.Architecture(
                backbones.Tiny(), temporal=temporal.BidirectionalGru
            ),
            "Architecture.temporal must be an object",
        ),
        (
            lambda: build.Architecture(backbones.Tiny(), temporal="gru"),
            "Architecture.temporal must be an object",
        ),
    ],
)
def test_a_bad_description_is_refused_with_the_fix(make, words):
    with pytest.raises(ValueError, match="Received: ") as caught:
        make()
    assert words in str(caught.value)
