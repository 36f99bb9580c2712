import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import adversary
from affect_tf.models import fusion
from affect_tf.models import sound

#: Of the layers that users get, see `plain_recurrence`.
pytestmark = pytest.mark.usefixtures("fused_recurrence")

NUM_LOGITS = {"va": 2, "expr": 8}
WIDTHS = {"face_embedding": 5, "sound_embedding": 4}

#: Six frames: all, the start of a film, holes, one, and none at all.
PRESENT = np.array(
    [[1] * 6, [0, 0, 0, 1, 1, 1], [1, 0, 1, 1, 0, 1], [0] * 5 + [1], [0] * 6], bool
)
SMALL = {
    "sound": sound.SoundNet8(width=1, outputs=4),
    "lstm_units": 6,
    "widths": (8, 7),
    "task_widths": (5, 4),
    "discriminator_widths": (4, 3),
}


def part(**fields):
    return fusion.FaceAndSound(**{**SMALL, **fields})


def sequence(num_sources=3, seed=0, **fields):
    """A model whose every weight differs from those of a new one."""
    tf.keras.utils.set_random_seed(seed)
    model = part(**fields).sequence(WIDTHS, NUM_LOGITS, num_sources)
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.shape.rank:
            weight.assign(weight + random.uniform(0.05, 0.3, weight.shape))
    return model


def vectors(seed=0, present=PRESENT):
    random = np.random.default_rng(seed)
    shape = (*present.shape, WIDTHS["face_embedding"])
    return {
        "face_embedding": random.normal(size=shape).astype(np.float32),
        "present": present,
        "sound_embedding": random.normal(size=(len(present), 4)).astype(np.float32),
    }


def assert_same(found, expected, **tolerance):
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name, **tolerance)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def lstm(steps, kernel, recurrent, bias, activation):
    """Returns the last output of the unit over [T, D], from a state of 0."""
    state = output = np.zeros(len(recurrent))
    for step in steps:
        enter, forget, new, leave = np.split(
            step @ kernel + output @ recurrent + bias, 4
        )
        state = sigmoid(forget) * state + sigmoid(enter) * activation(new)
        output = sigmoid(leave) * activation(state)
    return output


def modules(model, values, name, count, norm_first):
    """Dense modules in inference, number by number."""
    for number in range(1, count + 1):
        kernel, bias = model.get_layer(f"{name}_dense{number}").get_weights()
        gamma, beta, mean, variance = model.get_layer(
            f"{name}_norm{number}"
        ).get_weights()
        values = values @ kernel + bias
        if not norm_first:
            values = values * sigmoid(values)
        values = (values - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        if norm_first:
            values = values * sigmoid(values)
    return values


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_logits_are_those_of_plain_loops(activation, norm_first):
    model = sequence(lstm_activation=activation, norm_before_activation=norm_first)
    inputs = vectors()
    function = np.tanh if activation == "tanh" else lambda v: np.maximum(v, 0)
    weights = [w.astype(np.float64) for w in model.get_layer("face_lstm").get_weights()]
    states = [
        lstm(row[there], *weights, function)
        for row, there in zip(inputs["face_embedding"], PRESENT, strict=True)
    ]
    assert not states[-1].any()
    both = np.concatenate([states, inputs["sound_embedding"]], axis=1)
    shared = modules(model, both, "shared", 2, norm_first)
    inside = tf.keras.Model(model.input, model.get_layer("shared").output)
    np.testing.assert_allclose(inside(inputs), shared, rtol=1e-3, atol=1e-4)
    expected = {}
    for name in (*NUM_LOGITS, "discriminator"):
        kernel, bias = model.get_layer(name).get_weights()
        hidden = modules(model, shared, name, 2, norm_first)
        expected[name] = hidden @ kernel + bias
    assert_same(model(inputs), expected, rtol=1e-3, atol=1e-4)


def test_the_papers_model_has_its_count_of_parameters():
    logits = {"va": 2, "expr": 8, "au": 12}
    widths = {"face_embedding": 512, "sound_embedding": 1000}
    model = fusion.FaceAndSound().sequence(widths, logits, num_sources=3)

    def module(inside, out):
        return inside * out + out + 4 * out

    expected = 4 * 512 * (512 + 512 + 1) + module(1512, 1024) + module(1024, 512)
    expected += 3 * (module(512, 256) + module(256, 128)) + (2 + 8 + 12) * 129
    expected += module(512, 64) + module(64, 32) + 3 * 33
    assert expected == 4_714_969  # 4.71 M, as the released code has.
    strength = 1
    assert model.count_params() == expected + strength
    assert model.get_layer("shared").output.shape == (None, 512)


def test_what_stands_in_padding_changes_nothing():
    model, inputs = sequence(), vectors()
    expected = model(inputs)
    for noise in (1e4, -1e4, 0.0):
        faces = np.where(PRESENT[..., None], inputs["face_embedding"], noise)
        dirty = {**inputs, "face_embedding": faces.astype(np.float32)}
        assert_same(model(dirty), expected, rtol=1e-6, atol=1e-6)


def test_a_padded_row_is_the_short_row_alone():
    model, inputs = sequence(), vectors()
    short = {
        "face_embedding": inputs["face_embedding"][1:2, 3:],
        "present": PRESENT[1:2, 3:],
        "sound_embedding": inputs["sound_embedding"][1:2],
    }
    expected = {name: values[1:2] for name, values in model(inputs).items()}
    assert_same(model(short), expected, rtol=1e-5, atol=1e-6)


def test_every_frame_that_is_there_and_the_sound_have_a_part():
    model, inputs = sequence(), vectors()
    before = model(inputs)["va"].numpy()
    for name in WIDTHS:
        other = {**inputs, name: inputs[name].copy()}
        other[name][0] += 1
        after = model(other)["va"].numpy()
        assert np.abs(after[0] - before[0]).max() > 1e-6
        np.testing.assert_allclose(after[1:], before[1:], rtol=1e-5, atol=1e-6)


def test_training_reaches_every_weight_and_the_discriminator_turns_round():
    model = sequence(dropout=0.0)
    shared = model.get_layer("shared_dense1").kernel

    def gradients(name, strength):
        model.get_layer("reversal").strength.assign(strength)
        with tf.GradientTape() as tape:
            outputs = model(vectors(), training=False)
            loss = tf.reduce_sum(outputs[name] ** 2)
        return tape.gradient(loss, [shared, model.get_layer(name).kernel])

    below, above = gradients("discriminator", 1.0)
    doubled, same = gradients("discriminator", 2.0)
    np.testing.assert_allclose(doubled, 2 * below, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(same, above, rtol=1e-5)
    plain, _ = gradients("discriminator", -1.0)
    np.testing.assert_allclose(plain, -below, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(*[gradients("va", s)[0] for s in (1.0, 9.0)])
    with tf.GradientTape() as tape:
        outputs = model(vectors(), training=True)
        loss = tf.add_n([tf.reduce_sum(v**2) for v in outputs.values()])
    assert None not in tape.gradient(loss, model.trainable_variables)


def test_the_discriminator_leaves_with_all_that_only_it_has():
    model = sequence()
    kept = adversary.without_discriminator(model)
    expected = {task: model(vectors())[task] for task in NUM_LOGITS}
    assert_same(kept(vectors()), expected, rtol=0, atol=0)
    assert set(kept.input) == set(model.input)
    assert kept.name == model.name
    gone = {each.name for each in model.layers} - {each.name for each in kept.layers}
    assert all(name.startswith(("discriminator", "reversal")) for name in gone)
    plain = part().sequence(WIDTHS, NUM_LOGITS)
    assert list(plain.output) == list(NUM_LOGITS)
    assert plain.count_params() == kept.count_params()


def test_one_of_the_two_is_enough():
    for fields, names in (
        ({"sound": None}, ["face_embedding", "present"]),
        ({"face": False}, ["sound_embedding"]),
    ):
        model = sequence(**fields)
        assert sorted(model.input) == names
        found = model({name: vectors()[name] for name in names})
        assert found["va"].shape == (5, 2)
        wanted = tuple(name for name in names if name != "present")
        assert part(**fields).features(["va"]) == wanted
    assert part().features(["va"]) == ("face_embedding", "sound_embedding")


def test_a_checkpoint_and_a_saved_model_give_the_same_logits(tmp_path):
    model, inputs = sequence(seed=1), vectors()
    expected = model(inputs)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "weights"))
    other = sequence(seed=2)
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    assert_same(other(inputs), expected, rtol=0, atol=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(inputs), expected, rtol=0, atol=0)


def test_sequences_are_float32_under_half_precision_and_alike_under_one_seed():
    before = tf.keras.mixed_precision.global_policy()
    plain = sequence(seed=3)
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = sequence(seed=3)
        found = model(vectors())
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert {values.dtype for values in found.values()} == {tf.float32}
    assert {variable.dtype for variable in model.variables} == {tf.float32}
    assert_same(found, plain(vectors()), rtol=1e-6, atol=1e-6)


def test_dropout_is_where_the_description_says():
    rates = {
        each.name: each.rate for each in sequence().layers if hasattr(each, "rate")
    }
    of = ("shared", "discriminator")
    assert rates == {f"{name}_dropout{n}": 0.5 for name in of for n in (1, 2)}
