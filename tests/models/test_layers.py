import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import layers


def pixels(dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype(dtype)


def normalize(preset, **fields):
    return layers.Normalize(preset.mean, preset.std, preset.channels, **fields)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (layers.SCALED, lambda x: x / 127.5 - 1),
        (
            layers.IMAGENET,
            lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        ),
        (layers.IMAGENET_BGR, lambda x: x[..., ::-1] - [103.939, 116.779, 123.68]),
        (layers.VGGFACE2, lambda x: x[..., ::-1] - [91.4953, 103.8827, 131.0912]),
        (layers.FERPLUS, lambda x: x - [131.0912, 103.8827, 91.4953]),
    ],
)
def test_a_preset_is_the_published_formula(preset, expected):
    found = normalize(preset)(pixels())
    np.testing.assert_allclose(
        found, expected(pixels(np.float64)), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("given", [np.uint8, np.float32])
def test_half_precision_is_taken_only_after_the_arithmetic(dtype, given):
    half = normalize(layers.VGGFACE2, dtype=dtype)(pixels(given))
    exact = normalize(layers.VGGFACE2)(pixels(given))
    assert half.dtype == tf.keras.mixed_precision.Policy(dtype).compute_dtype
    np.testing.assert_array_equal(half, tf.cast(exact, half.dtype))


def test_scaled_pixels_lie_between_minus_one_and_one():
    found = normalize(layers.SCALED)(np.array([[[[0, 0, 255]]]], np.uint8))
    assert found.numpy().ravel().tolist() == [-1.0, -1.0, 1.0]


def test_a_copy_from_the_config_normalises_alike():
    layer = normalize(layers.VGGFACE2, name="normalize")
    copy = layers.Normalize.from_config(layer.get_config())
    assert copy.normalization == layer.normalization == layers.VGGFACE2
    assert copy.name == "normalize"
    np.testing.assert_array_equal(copy(pixels()), layer(pixels()))


def test_lists_and_integers_compare_equal_to_tuples_of_floats():
    assert layers.Normalization([0, 0, 0], [1, 1, 1]) == layers.Normalization(
        (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mean": (1.0, 2.0)}, "mean must hold three numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be positive"),
        ({"std": (1.0, float("nan"), 1.0)}, "std must be positive"),
        ({"mean": (float("inf"), 0.0, 1.0)}, "mean must be finite"),
        ({"channels": "RGB"}, "channels must be 'rgb' or 'bgr'"),
    ],
)
def test_a_bad_normalisation_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        layers.Normalization(**fields)
