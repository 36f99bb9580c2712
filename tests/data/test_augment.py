import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.augment import Augmentation

SEED = tf.constant([3, 7], tf.int64)


def faces(count=16, size=32):
    rng = np.random.default_rng(0)
    return tf.constant(rng.integers(0, 256, [count, size, size, 3]), tf.uint8)


def test_the_same_seed_gives_the_same_faces_eagerly_and_in_a_pipeline():
    augmentation = Augmentation(brightness=0.2, contrast=0.3)
    eager = augmentation(faces(), SEED)
    dataset = tf.data.Dataset.from_tensors(faces()).map(lambda x: augmentation(x, SEED))
    np.testing.assert_array_equal(eager, next(iter(dataset)))
    assert not np.array_equal(eager, augmentation(faces(), SEED + 1))


def test_a_flip_mirrors_about_half_of_the_faces_and_changes_nothing_else():
    images = faces(200, 8)
    result = Augmentation(translation=0.0)(images, SEED).numpy()
    same = (result == images.numpy()).all(axis=(1, 2, 3))
    mirrored = (result == images.numpy()[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same | mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_a_translation_moves_by_whole_pixels_within_its_reach_in_all_directions():
    size, reach = 20, 2
    picture = np.zeros([300, size, size, 3], np.uint8)
    picture[:, 10, 10] = 255
    augmentation = Augmentation(translation=reach / size, horizontal_flip=False)
    moved = augmentation(tf.constant(picture), SEED).numpy()
    _, row, column = np.nonzero(moved[..., 0])
    assert len(row) == 300
    assert set(row) == set(column) == set(range(10 - reach, 10 + reach + 1))


def test_a_translation_repeats_the_border_instead_of_adding_black():
    white = tf.fill([50, 16, 16, 3], tf.constant(255, tf.uint8))
    assert (Augmentation(translation=0.4)(white, SEED).numpy() == 255).all()


def test_brightness_and_contrast_stay_within_the_pixel_range():
    augmentation = Augmentation(0.0, False, brightness=0.5, contrast=0.9)
    result = augmentation(faces(), SEED)
    assert result.dtype == tf.uint8
    assert not np.array_equal(result, faces())


def test_switched_off_it_returns_the_faces_as_they_are():
    np.testing.assert_array_equal(Augmentation(0.0, False)(faces(), SEED), faces())


@pytest.mark.parametrize(
    "field, value", [("translation", 0.6), ("brightness", -0.1), ("contrast", 1.0)]
)
def test_a_value_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"Augmentation.{field} must lie in"):
        Augmentation(**{field: value})
