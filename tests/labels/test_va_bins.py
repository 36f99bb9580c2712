"""Bins of valence and arousal: every value has one, and its centre is near."""

import numpy as np
import pytest

from affect_tf.labels import va_bins


def test_twenty_bins_have_the_centres_of_the_paper():
    centres = va_bins.bin_centres(20)
    assert centres.dtype == np.float32
    np.testing.assert_allclose(centres, np.arange(-0.95, 1.0, 0.1), atol=1e-6)


@pytest.mark.parametrize("num_bins", [1, 2, 7, 20])
def test_a_centre_lies_between_its_edges_and_in_its_bin(num_bins):
    edges, centres = va_bins.bin_edges(num_bins), va_bins.bin_centres(num_bins)
    assert edges.shape == (num_bins + 1,) and edges.dtype == np.float32
    assert edges[0] == -1 and edges[-1] == 1
    np.testing.assert_allclose(centres, (edges[1:] + edges[:-1]) / 2, atol=1e-6)
    assert va_bins.bin_index(centres, num_bins).tolist() == [*range(num_bins)]


@pytest.mark.parametrize("num_bins", [1, 4, 20])
def test_no_value_is_further_from_its_centre_than_half_a_bin(num_bins):
    values = np.linspace(-1, 1, 4001, dtype=np.float32)
    index = va_bins.bin_index(values, num_bins)
    assert index.dtype == np.int32
    assert (np.diff(index) >= 0).all()
    far = np.abs(va_bins.bin_centres(num_bins)[index] - values)
    assert far.max() <= 1 / num_bins + 1e-6


def test_edges_belong_to_the_bin_above_and_the_ends_to_the_outermost():
    values = np.array([[-1.0, -0.5, 0.0], [0.5, 1.0, 1.7]])
    assert va_bins.bin_index(values, 4).tolist() == [[0, 1, 2], [3, 3, 3]]
    assert va_bins.bin_index(np.array([-9.0]), 4).tolist() == [0]
    assert va_bins.bin_index(np.zeros([0]), 4).shape == (0,)
