"""ML-ROS, multilabel random oversampling, for action units.

Source: Charte, Rivera, del Jesus, Herrera 2015, Addressing imbalance in multilabel
classification: measures and random resampling algorithms, Neurocomputing 163.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

#: Random numbers drawn at once.
_BLOCK = 4096


class Clones(NamedTuple):
    """What ML-ROS did.

    Attributes:
      clones: int64 [N], how many copies of each row were made.
      threshold: The imbalance ratio at which a unit is rare no longer.
      rare: Positions of the units that were above it at the start.
      relieved: Those of them that came down to it before the budget ended.
      absent: Positions of the units without a positive label, which take no part.
    """

    clones: np.ndarray
    threshold: float
    rare: tuple[int, ...]
    relieved: tuple[int, ...]
    absent: tuple[int, ...]


def imbalance(positives: np.ndarray) -> np.ndarray:
    """Returns IRLbl of each unit: positives of the most frequent unit / its own.

    Args:
      positives: int or float [U].

    Returns:
      float64 [U]; NaN for a unit without positives.
    """
    positives = np.asarray(positives, np.float64)
    most = positives.max(initial=0.0)
    some = np.where(positives > 0, positives, np.nan)
    return most / some


def mean_imbalance(positives: np.ndarray) -> float:
    """Returns MeanIR, the mean of IRLbl over the units with positives; 1 for none."""
    ratios = imbalance(positives)
    known = ratios[~np.isnan(ratios)]
    return float(known.mean()) if len(known) else 1.0


def ml_ros(
    labels: np.ndarray, threshold: float | None, budget: float, seed: tuple[int, ...]
) -> Clones:
    """Clones rows with rare units until these are rare no longer.

    As the paper lists it. Rare are the units with IRLbl > MeanIR. Each has a bag, the
    rows that it is positive in, fixed at the start. In each round, one random row of
    each bag is cloned, with all its labels; a unit whose IRLbl, counted anew, is then
    at most MeanIR, that of the start, is left alone from there on. It ends when no
    unit is left, or the number of clones has reached the budget; a round that has
    begun is finished.

    The paper knows no missing labels. Here they are neither positive nor negative, so
    only labelled rows are counted; a unit without a positive has no IRLbl, no bag and
    no part in MeanIR.

    Args:
      labels: float [N, U], 1, 0 or NaN where unlabelled.
      threshold: Takes the place of MeanIR; None for MeanIR. The code that Deng et al.
        2020 released uses 2.
      budget: The paper's P, as a share of N.
      seed: The draws of unit u come from the generator seeded with (*seed, u), whose
        k-th number r in [0, 1) chooses row floor(r * size) of the bag.

    Returns:
      `Clones`; none where no unit is rare, or N is 0.
    """
    positive = np.asarray(labels) == 1
    counts = positive.sum(axis=0)
    ratios = imbalance(counts)
    limit = mean_imbalance(counts) if threshold is None else threshold
    rare = [int(unit) for unit in np.flatnonzero(ratios > limit)]
    bags = {unit: np.flatnonzero(positive[:, unit]) for unit in rare}
    members, kind = _unit_sets(positive)
    draws = {
        unit: _draws(bag, np.random.default_rng([*seed, unit]))
        for unit, bag in bags.items()
    }
    clones: list[int] = []
    positives, active, relieved = counts.tolist(), list(rare), []
    most = budget * len(positive)
    while active and len(clones) < most:
        for unit in tuple(active):
            row = next(draws[unit])
            clones.append(row)
            for member in members[kind[row]]:
                positives[member] += 1
            if max(positives) / positives[unit] <= limit:
                active.remove(unit)
                relieved.append(unit)
    return Clones(
        clones=np.bincount(np.asarray(clones, np.int64), minlength=len(positive)),
        threshold=limit,
        rare=tuple(rare),
        relieved=tuple(sorted(relieved)),
        absent=tuple(np.flatnonzero(counts == 0).tolist()),
    )


def _unit_sets(positive: np.ndarray) -> tuple[list[list[int]], list[int]]:
    """Returns the sets of units that rows have, and the set of each row by position.

    There are few such sets, so that a row's units are looked up and not searched for.
    """
    places = np.arange(positive.shape[1], dtype=np.int64)
    sets, kind = np.unique(positive @ (1 << places), return_inverse=True)
    return [np.flatnonzero(one >> places & 1).tolist() for one in sets], kind.tolist()


def _draws(bag: np.ndarray, random: np.random.Generator) -> Iterator[int]:
    while True:
        yield from bag[(random.random(_BLOCK) * len(bag)).astype(np.int64)].tolist()
