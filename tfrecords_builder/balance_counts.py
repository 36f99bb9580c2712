"""How the labels of a training split are distributed: before and after balancing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from affect_tf.labels import va_bins
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import balance_units
from tfrecords_builder.annotations import SAMPLING

#: Bins of each dimension in which valence and arousal are counted.
NUM_BINS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Distribution:
    """Labels of the training split.

    Where the table has sampling numbers, a label counts as often as it is drawn in a
    pass on average.

    Attributes:
      frames: Rows.
      labelled: task -> rows with a label for it.
      expressions: class -> rows, in the taxonomy's order.
      units: unit -> rows in which it is labelled.
      positives: unit -> rows in which it is 1.
      grid: float64 [20, 20], rows by bin of valence and bin of arousal over [-1, 1].
    """

    frames: int
    labelled: Mapping[str, float]
    expressions: Mapping[str, float]
    units: Mapping[str, float]
    positives: Mapping[str, float]
    grid: np.ndarray

    @property
    def imbalance(self) -> dict[str, float]:
        """Returns unit -> IRLbl of Charte et al. 2015; NaN without a positive."""
        ratios = balance_units.imbalance(list(self.positives.values()))
        return dict(zip(self.positives, ratios.tolist(), strict=True))


def distribution(table: pd.DataFrame, taxonomy: Taxonomy) -> Distribution:
    """Counts the labels of a table's training rows; 0 everywhere where it has none.

    Args:
      table: As `annotations.DEFAULTS` documents it.
      taxonomy: Its classes and units are listed.
    """
    train = (table["split"] == "train").to_numpy(bool)
    weights = {
        task: table[name].to_numpy()[train] if name in table else np.ones(train.sum())
        for task, name in SAMPLING.items()
    }
    classes = pd.Categorical(table["expression"][train], taxonomy.expressions).codes
    units = table[list(taxonomy.action_units)].to_numpy(np.float64)[train]
    pairs = table[["valence", "arousal"]].to_numpy(np.float64)[train]
    has_class, has_pair = classes >= 0, ~np.isnan(pairs[:, 0])
    has_unit = ~np.isnan(units)
    by_class = np.bincount(
        classes[has_class], weights["expr"][has_class], len(taxonomy.expressions)
    )
    cell = va_bins.bin_index(pairs[has_pair], NUM_BINS).astype(np.int64)
    grid = np.bincount(
        cell[:, 0] * NUM_BINS + cell[:, 1], weights["va"][has_pair], NUM_BINS**2
    )
    drawn = weights["au"][:, None]
    return Distribution(
        frames=int(train.sum()),
        labelled={
            "expr": float(by_class.sum()),
            "au": float(weights["au"][has_unit.any(axis=1)].sum()),
            "va": float(grid.sum()),
        },
        expressions=_named(taxonomy.expressions, by_class),
        units=_named(taxonomy.action_units, (has_unit * drawn).sum(axis=0)),
        positives=_named(taxonomy.action_units, ((units == 1) * drawn).sum(axis=0)),
        grid=grid.reshape(NUM_BINS, NUM_BINS),
    )


def _named(names: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))
