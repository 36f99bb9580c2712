"""The equal-width bins that turn valence and arousal into classes and back.

Source: Deng et al. 2020, Eq. 6 and 7. The released code decodes with 20 points of
linspace(-1, 1), which disagree with the bins it trains on by up to 0.05; here the
centres belong to the bins.
"""

from __future__ import annotations

import numpy as np


def bin_edges(num_bins: int) -> np.ndarray:
    """Returns float32 [K+1], the edges of K equal bins over [-1, 1]."""
    return np.linspace(-1.0, 1.0, num_bins + 1, dtype=np.float32)


def bin_centres(num_bins: int) -> np.ndarray:
    """Returns float32 [K], the middle of each bin.

    >>> bin_centres(4).tolist()
    [-0.75, -0.25, 0.25, 0.75]
    """
    return ((2 * np.arange(num_bins) + 1) / num_bins - 1).astype(np.float32)


def bin_index(values: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns int32, of the shape of `values`: the bin in [0, K-1] of each value.

    A value on an inner edge belongs to the bin above it; 1.0, and anything out of
    range, to the nearest end.
    """
    inner = bin_edges(num_bins)[1:-1]
    values = np.asarray(values, np.float32)
    return np.searchsorted(inner, values, side="right").astype(np.int32)
