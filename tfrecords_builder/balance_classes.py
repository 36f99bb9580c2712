"""Classes of one label brought to one size: by repeating rows, or by weights.

Deng et al. 2020 draw each sample with a probability of 1 / (number of samples of its
class), where the classes of valence and arousal are the occupied cells of 20 x 20 bins.
"""

from __future__ import annotations

import fractions

import numpy as np

from affect_tf.labels import va_bins


def stays(count: int, factor: fractions.Fraction) -> np.ndarray:
    """Returns bool [count]: which positions stay when a list is thinned evenly.

    Position i stays where ceil(i f) < ceil((i + 1) f): those divisible by 10 for 1/10,
    which is how the released code of Deng et al. 2020 thins. The first always stays.

    Args:
      count: Length of the list.
      factor: f, in (0, 1].
    """
    kept, of = factor.numerator, factor.denominator
    rest = np.arange(count, dtype=np.int64) * kept % of
    return (rest == 0) | (rest + kept > of)


def cells(
    pairs: np.ndarray, num_bins: int, data_range: bool = False
) -> tuple[np.ndarray, int]:
    """Returns the cell of each pair in a square grid of bins, empty cells left out.

    Args:
      pairs: float [N, 2], valence and arousal; N may be 0.
      num_bins: Bins of each dimension.
      data_range: Whether the grid spans the least to the greatest value of each
        dimension, as the released code of Deng et al. 2020 has it, and not [-1, 1].

    Returns:
      int64 [N], numbers of occupied cells from 0, and how many there are.
    """
    index = np.zeros(len(pairs), np.int64)
    for values in pairs.T if len(pairs) else ():
        if data_range:
            edges = np.histogram_bin_edges(values, num_bins)
            place = np.searchsorted(edges[1:-1], values, side="right")
        else:
            place = va_bins.bin_index(values, num_bins)
        index = index * num_bins + place
    occupied, codes = np.unique(index, return_inverse=True)
    return codes.reshape(-1), len(occupied)


def level(counts: np.ndarray, cap: int | None) -> float:
    """Returns the size of a class at which all together keep their size.

    Args:
      counts: int [K], samples of each class, at least 1.
      cap: How often a sample may occur at most; None for any number.

    Returns:
      s, such that the sum of min(s, cap * count) is the sum of the counts.
    """
    total = counts.sum()
    if cap is None:
        return total / len(counts)
    limits = np.sort(counts) * cap
    # What is left for those that the cap does not bind, if it binds the k smallest.
    bound = np.concatenate([[0], np.cumsum(limits)[:-1]])
    shares = (total - bound) / np.arange(len(limits), 0, -1)
    return float(shares[np.argmax(shares <= limits)])


def sizes(counts: np.ndarray, target: str | int, cap: int | None) -> np.ndarray:
    """Returns how many samples each class is to have.

    Args:
      counts: int [K], what it has, at least 1.
      target: "equal" (all together as many as before), "over" (as many as the
        largest), "under" (as the smallest), or a number.
      cap: How often a sample may occur at most; None for any number.

    Returns:
      int64 [K]; the same for every class that the cap does not bind.
    """
    size = {
        "equal": lambda: max(1, int(level(counts, cap) + 0.5)),
        "over": counts.max,
        "under": counts.min,
    }.get(target, lambda: target)()
    wanted = np.full(len(counts), size, np.int64)
    return wanted if cap is None else np.minimum(wanted, counts * cap)


def repeats(
    codes: np.ndarray, wanted: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Returns how often each row is to occur, so that each class has its size.

    The rows of a class occur equally often, but for one more of some, drawn at random.

    Args:
      codes: int [N], class of each row, in [0, K).
      wanted: int [K], the sizes.
      random: Draws the rows that occur once more.

    Returns:
      int64 [N]; 0 for a row that goes.
    """
    counts = np.bincount(codes, minlength=len(wanted))
    order = np.lexsort((random.random(len(codes)), codes))
    # The place of each row in the random order of its class.
    first = np.cumsum(counts) - counts
    place = np.empty(len(codes), np.int64)
    place[order] = np.arange(len(codes)) - first[codes[order]]
    each, more = np.divmod(wanted, np.maximum(counts, 1))
    return each[codes] + (place < more[codes])


def weights(codes: np.ndarray, counts: np.ndarray, cap: int | None) -> np.ndarray:
    """Returns how often each row is drawn, in place of `repeats` for "equal".

    Args:
      codes: int [N], class of each row, in [0, K).
      counts: int [K], rows of each class, at least 1.
      cap: The greatest weight; None for any.

    Returns:
      float64 [N], of mean 1: inverse to the size of the class, up to the cap.
    """
    each = level(counts, cap) / counts
    return (each if cap is None else np.minimum(each, cap))[codes]
