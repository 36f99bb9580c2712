"""What a table or a folder of records holds, counted."""

from __future__ import annotations

from typing import Any

import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.data.sample import Sample
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import plan


def of_table(table: pd.DataFrame, taxonomy: Taxonomy) -> dict[str, dict[str, Any]]:
    """Returns the counts of a manifest, split by split.

    Args:
      table: The annotation columns `split`, `clip`, `source`, `subject`, `video`,
        `expression`, `valence` and the units; one row a stored frame.
      taxonomy: Its classes and units are listed, with 0 where there is none.
    """
    return {
        split: _of_split(table[table["split"] == split], taxonomy)
        for split in SPLITS
        if (table["split"] == split).any()
    }


def add(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Returns the sums of two nested dictionaries of numbers; a missing one is 0.

    Samples of two tables that share no clip add up. Subjects do not: one may be in
    both.
    """
    total = dict(one)
    for name, value in other.items():
        if isinstance(value, dict):
            total[name] = add(total.get(name, {}), value)
        else:
            total[name] = total.get(name, 0) + value
    return total


class Tally:
    """Counts samples as they are read; it keeps no more rows than it is given at once.

    Attributes:
      total: What `of_table` would return for all of them, but for the subjects.
      lengths: What `frames_per_sample` would; empty where there was no sample.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._rows: list[dict[str, Any]] = []
        self.total: dict[str, Any] = {}
        self.lengths: dict[str, int] = {}

    def take(self, sample: Sample) -> None:
        """Takes the labels of a sample; `count` counts them."""
        for frame in sample.frames:
            self._rows.append(
                {
                    "clip": sample.key,
                    "split": sample.split,
                    "source": sample.source,
                    "subject": sample.subject,
                    "video": sample.video,
                    "expression": frame.expression,
                    "valence": frame.valence,
                    **frame.action_units,
                }
            )

    def count(self) -> None:
        """Adds what was taken to the total, and forgets it."""
        if not self._rows:
            return
        names = ("expression", "valence", *self._taxonomy.action_units)
        table = pd.DataFrame(self._rows)
        table = table.reindex(columns=[*dict.fromkeys([*table, *names])])
        self._rows = []
        self.total = add(self.total, of_table(table, self._taxonomy))
        lengths = frames_per_sample(table)
        for name, nearest in (("min", min), ("max", max)):
            known = self.lengths.get(name, lengths[name])
            self.lengths[name] = nearest(known, lengths[name])


def frames_per_sample(table: pd.DataFrame) -> dict[str, int]:
    """Returns the lengths of the shortest and the longest clip, 0 where none is."""
    lengths = table["clip"].value_counts()
    if lengths.empty:
        return {"min": 0, "max": 0}
    return {"min": int(lengths.min()), "max": int(lengths.max())}


def _of_split(table: pd.DataFrame, taxonomy: Taxonomy) -> dict[str, Any]:
    flags = plan.labelled(table, taxonomy.action_units)
    films = table[table["video"] != ""]
    classes = table["expression"].value_counts()
    units = {}
    for unit in taxonomy.action_units:
        values = table[unit]
        units[unit] = {
            "labelled": int(values.notna().sum()),
            "positive": int((values == 1).sum()),
        }
    return {
        "frames": len(table),
        "samples": int(table["clip"].nunique()),
        "subjects": len(table[["source", "subject"]].drop_duplicates()),
        "videos": len(films[["source", "video"]].drop_duplicates()),
        "by_source": _sorted_counts(table["source"]),
        "by_task": {task: int(flags[task].sum()) for task in taxonomy.tasks},
        "classes": {name: int(classes.get(name, 0)) for name in taxonomy.expressions},
        "action_units": units,
        "label_sets": _sorted_counts(plan.label_sets(flags)),
    }


def _sorted_counts(values: pd.Series) -> dict[str, int]:
    return {str(k): int(n) for k, n in sorted(values.value_counts().items())}
