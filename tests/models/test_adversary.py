import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import adversary


def gradient(layer, values, upstream):
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_sum(tf.cast(layer(values), tf.float32) * upstream)
    return tape.gradient(loss, values)


def test_values_pass_and_the_gradient_turns_round():
    values, upstream = np.float32([[1.5, -2.0]]), np.float32([[3.0, -4.0]])
    for strength in (1.0, 0.25, 0.0, -2.0):
        layer = adversary.GradientReversal(strength)
        np.testing.assert_array_equal(layer(values), values)
        found = gradient(layer, values, upstream)
        np.testing.assert_array_equal(found, -strength * upstream)


def test_a_compiled_step_follows_the_strength_that_is_assigned():
    layer = adversary.GradientReversal()
    step = tf.function(lambda: gradient(layer, np.float32([2]), np.float32([5])))
    assert step().numpy() == -5
    layer.strength.assign(0.5)
    assert step().numpy() == -2.5


def test_what_stands_above_learns_while_what_stands_below_unlearns():
    below = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    above = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    values = tf.constant([[2.0]])
    with tf.GradientTape() as tape:
        loss = above(adversary.GradientReversal(0.5)(below(values)))
    found = tape.gradient(loss, [below.kernel, above.kernel])
    assert [each.numpy().item() for each in found] == [-0.5 * 2, 2]


def test_the_strength_is_a_weight_that_no_optimizer_sees(tmp_path):
    vector = tf.keras.Input((2,))
    model = tf.keras.Model(vector, adversary.GradientReversal(0.5)(vector))
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (0, 1)
    model.layers[-1].strength.assign(0.125)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    found = gradient(loaded.layers[-1], np.float32([1]), np.float32([1]))
    assert found.numpy() == -0.125
    config = model.layers[-1].get_config()
    assert config["strength"] == 0.5
    assert adversary.GradientReversal.from_config(config).strength.numpy() == 0.5


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_types_of_values_and_gradients_stay_under_half_precision(dtype):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layer = adversary.GradientReversal(0.5)
        values = np.array([1.0], dtype)
        assert layer(values).dtype == dtype
        found = gradient(layer, values, np.float32([2]))
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert (found.dtype, found.numpy()) == (dtype, -1)
    assert layer.strength.dtype == tf.float32


@pytest.mark.parametrize("strength", [float("nan"), float("inf")])
def test_a_strength_that_is_no_number_is_refused(strength):
    with pytest.raises(ValueError, match="must be finite. Received: strength="):
        adversary.GradientReversal(strength)


def test_a_model_without_a_discriminator_stays_as_it_is():
    vector = tf.keras.Input((2,))
    model = tf.keras.Model(vector, {"va": tf.keras.layers.Dense(2)(vector)})
    assert adversary.without_discriminator(model) is model
