"""Pictures that are far wider than high, which cost hundreds of times their size."""

import resource

import cv2
import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import images

SIZE = 32


def picture(height, width):
    coarse = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def at_once(batch):
    """What TensorFlow gives for it, in its own order: the height first."""
    exact = tf.image.resize(batch, [SIZE, SIZE], "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(exact), 0.0, 255.0), tf.uint8).numpy()


@pytest.mark.parametrize("sides", [(1, 1), (61, 45), (45, 61), (30, 480), (900, 2)])
def test_ordinary_pictures_have_the_pixels_of_tensorflow(sides):
    batch = np.stack([picture(*sides)] * 3)
    np.testing.assert_array_equal(images.resize(batch, SIZE), at_once(batch))


@pytest.mark.parametrize("sides", [(30, 511), (1, 900), (3, 64)])
def test_wide_pictures_have_them_but_for_rounding(sides):
    whole = picture(*sides)
    batch = np.stack([whole] * 3)
    found = images.resize(tf.constant(batch), SIZE).numpy()
    np.testing.assert_allclose(found, at_once(batch), rtol=0, atol=1)
    np.testing.assert_array_equal(images.resize(tf.constant(whole), SIZE), found[0])


def test_wide_pictures_cost_little_more_than_themselves():
    """In TensorFlow's own order this one takes 32 times 4 million floats of RGB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    images.resize(tf.zeros([1, 1, 4_000_000, 3], tf.uint8), SIZE)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 * 1024
