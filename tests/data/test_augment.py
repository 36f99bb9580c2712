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


def test_the_frames_of_a_window_get_one_change_and_windows_different_ones():
    augmentation = Augmentation(translation=0.2, contrast=0.3, brightness=0.3)
    frames = tf.repeat(faces(1, 16)[None], 5, axis=1)
    windows = augmentation(tf.repeat(frames, 12, axis=0), SEED).numpy()
    assert windows.shape == (12, 5, 16, 16, 3)
    for window in windows:
        assert (window == window[0]).all()
    assert len({window.tobytes() for window in windows}) == 12


def test_a_window_of_one_frame_changes_as_a_face_does():
    augmentation = Augmentation(brightness=0.2, contrast=0.3)
    windows = augmentation(faces()[:, None], SEED)
    np.testing.assert_array_equal(windows[:, 0], augmentation(faces(), SEED))


def test_padding_does_not_change_the_other_frames_of_its_window():
    augmentation = Augmentation(brightness=0.2, contrast=0.5)
    frames = tf.reshape(faces(16, 16), [4, 4, 16, 16, 3])
    padded = tf.concat([frames[:, :3], tf.zeros_like(frames[:, 3:])], 1)
    ours, theirs = augmentation(padded, SEED), augmentation(frames, SEED)
    np.testing.assert_array_equal(ours[:, :3], theirs[:, :3])


def test_windows_of_unknown_number_keep_their_shape_in_a_pipeline():
    windows = tf.reshape(faces(12, 16), [4, 3, 16, 16, 3])
    dataset = tf.data.Dataset.from_tensor_slices(windows).batch(4)
    dataset = dataset.map(lambda some: Augmentation(contrast=0.2)(some, SEED))
    assert dataset.element_spec.shape.as_list() == [None, 3, 16, 16, 3]
    np.testing.assert_array_equal(
        next(iter(dataset)), Augmentation(contrast=0.2)(windows, SEED)
    )


def test_switched_off_it_returns_the_faces_as_they_are():
    np.testing.assert_array_equal(Augmentation(0.0, False)(faces(), SEED), faces())


@pytest.mark.parametrize(
    "field, value", [("translation", 0.6), ("brightness", -0.1), ("contrast", 1.0)]
)
def test_a_value_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"Augmentation.{field} must lie in"):
        Augmentation(**{field: value})
