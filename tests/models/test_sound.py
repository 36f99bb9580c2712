import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import sound

TEN_SECONDS = 220_500


def network(samples=TEN_SECONDS, seed=0, **fields):
    """A network whose every weight and statistic differs from those of a new one."""
    description = sound.SoundNet8(**{"width": 1, "outputs": 5, **fields})
    wave = tf.keras.Input((samples, description.channels), name="wave")
    model = tf.keras.Model(wave, description(wave))
    random = np.random.default_rng(seed)
    for weight in model.weights:
        kernel = "kernel" in weight.name
        scale = np.prod(weight.shape[:-1]) ** -0.5 if kernel else 0.2
        value = random.normal(0, scale, weight.shape)
        weight.assign(value if kernel else np.abs(value) + 0.5)
    return model


def waves(samples=TEN_SECONDS, channels=1, rows=1, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-256, 256, (rows, samples, channels)).astype(np.float32)


def convolved(values, kernel, bias, padding):
    """A convolution of stride 2 over [N, C], as its definition says."""
    values = np.pad(values, ((padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(values, len(kernel), axis=0)
    return np.einsum("nck,kcf->nf", windows[::2], kernel) + bias


def pooled(values, size):
    count = len(values) // size
    return values[: count * size].reshape(count, size, -1).max(axis=1)


#: Kernel, padding and pooling of conv1 to conv7, as the paper's released code has them.
GEOMETRY = [(64, 32, 8), (32, 16, 8), (16, 8, 1), (8, 4, 1), (4, 2, 4), (4, 2, 1)]
GEOMETRY.append((4, 2, 1))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_vector_is_that_of_plain_convolutions(channels):
    model, wave = network(channels=channels), waves(channels=channels)
    values = wave[0].astype(np.float64)
    for number, (kernel, padding, pool) in enumerate(GEOMETRY, 1):
        weights = model.get_layer(f"sound_conv{number}").get_weights()
        assert len(weights[0]) == kernel
        values = convolved(values, *weights, padding)
        gamma, beta, mean, variance = model.get_layer(
            f"sound_norm{number}"
        ).get_weights()
        values = (values - mean) / np.sqrt(variance + 1e-5) * gamma + beta
        values = pooled(np.maximum(values, 0), pool)
    expected = convolved(values, *model.get_layer("sound_conv8").get_weights(), 0)
    assert expected.shape == (1, 5)
    np.testing.assert_allclose(model(wave), expected, rtol=1e-3, atol=1e-4)


def test_ten_seconds_have_the_published_lengths_and_shapes():
    description = sound.SoundNet8()
    lengths = (13_781, 861, 431, 216, 27, 14, 8, 1)
    assert description.lengths(TEN_SECONDS) == lengths
    wave = tf.keras.Input((TEN_SECONDS, 1))
    model = tf.keras.Model(wave, description(wave))
    assert model.output_shape == (None, 1000)
    shapes = [model.get_layer(f"sound_norm{n}").output.shape[2] for n in range(1, 8)]
    assert shapes == [16, 32, 64, 128, 256, 512, 1024]
    for number, length in ((1, 110_251), (2, 6_891), (5, 109)):
        assert model.get_layer(f"sound_conv{number}").output.shape[1] == length


@pytest.mark.parametrize("channels", [1, 2])
def test_soundnet_has_its_count_of_parameters(channels):
    filters, kernels = [channels, 16, 32, 64, 128, 256, 512, 1024], [64, 32, 16, 8, 4]
    expected = 1024 * 1000 * 8 + 1000
    for place, kernel in enumerate([*kernels, 4, 4]):
        inside, out = filters[place : place + 2]
        expected += inside * out * kernel + out + 4 * out
    wave = tf.keras.Input((TEN_SECONDS, channels))
    model = tf.keras.Model(wave, sound.SoundNet8(channels=channels)(wave))
    assert model.count_params() == expected
    assert expected == {1: 11_071_384, 2: 11_072_408}[channels]


def test_the_shortest_sound_gives_one_vector_and_a_shorter_one_is_refused():
    description = sound.SoundNet8()
    assert description.shortest == 209_374
    assert description.lengths(209_374)[-1] == 1
    assert description.lengths(209_373)[-1] == 0
    with pytest.raises(ValueError, match="at least 209374 samples. Received"):
        description(tf.keras.Input((209_373, 1)))


def test_the_vectors_of_a_longer_sound_are_averaged():
    samples = next(
        n
        for n in range(TEN_SECONDS, 3 * TEN_SECONDS, 1000)
        if sound.SoundNet8().lengths(n)[-1] == 2
    )
    model, wave = network(samples), waves(samples)
    inside = tf.keras.Model(model.input, model.get_layer("sound_conv8").output)(wave)
    assert inside.shape == (1, 2, 5)
    np.testing.assert_allclose(model(wave), inside.numpy().mean(axis=1), rtol=1e-5)


def test_pcm_becomes_the_scale_of_the_published_weights():
    pcm = np.int16([[[-32768], [0], [128], [32767]]])
    found = sound.ScaleSound()(pcm)
    np.testing.assert_array_equal(found.numpy().ravel(), [-256, 0, 1, 32767 / 128])
    assert found.dtype == tf.float32


def test_only_the_last_samples_that_are_valid_are_heard():
    pcm = np.arange(1, 11, dtype=np.int16).reshape(1, 5, 2).repeat(4, axis=0) * 128
    found = sound.ScaleSound()([pcm, np.int32([5, 2, 0, 9])]).numpy()
    np.testing.assert_array_equal(found[0], pcm[0] / 128)
    np.testing.assert_array_equal(found[1, :3], 0)
    np.testing.assert_array_equal(found[1, 3:], pcm[0, 3:] / 128)
    np.testing.assert_array_equal(found[2], 0)
    np.testing.assert_array_equal(found[3], pcm[0] / 128)
    heard = sound.HasSound()(np.int32([5, 2, 0, 1]))
    np.testing.assert_array_equal(heard, [True, True, False, True])


def test_the_vector_is_float32_under_half_precision():
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = network()
        exact = sound.ScaleSound()(np.int16([[[32767]]]))
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert model.get_layer("sound_conv1").compute_dtype == "float16"
    assert model.output.dtype == tf.float32
    assert exact.numpy().item() == 32767 / 128
    expected = network()(waves())
    np.testing.assert_allclose(model(waves()), expected, rtol=0.05, atol=0.05)


def test_a_description_is_the_python_that_makes_it():
    part = sound.SoundNet8(channels=2, width=4)
    assert eval(repr(part), vars(sound).copy()) == part


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sound.SoundNet8(channels=3), "must be 1 or 2"),
        (lambda: sound.SoundNet8(channels=True), "must be a whole number from 1 on"),
        (lambda: sound.SoundNet8(width=0), "must be a whole number from 1 on"),
        (lambda: sound.SoundNet8(outputs=2.0), "must be a whole number from 1 on"),
        (lambda: sound.SoundNet8(batch_norm_epsilon=0.0), "must be positive"),
        (lambda: sound.SoundNet8(batch_norm_momentum=1.0), "must lie in"),
        (lambda: sound.SoundNet8()(tf.keras.Input((TEN_SECONDS, 2))), "its number of"),
    ],
)
def test_a_bad_description_is_refused_with_the_fix(make, words):
    with pytest.raises(ValueError, match="Received: ") as caught:
        make()
    assert words in str(caught.value)
