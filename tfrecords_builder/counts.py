"""What a table or a folder of records holds, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import plan


def of_table(table: pd.DataFrame, taxonomy: Taxonomy) -> dict[str, dict[str, Any]]:
    """Returns the counts of a manifest, split by split.

    Args:
      table: The annotation columns `split`, `clip`, `source`, `subject`,
        `expression`, `valence` and the units; one row a stored frame.
      taxonomy: Its classes and units are listed, with 0 where there is none.
    """
    return {
        split: _of_split(table[table["split"] == split], taxonomy)
        for split in SPLITS
        if (table["split"] == split).any()
    }


def frames_per_sample(table: pd.DataFrame) -> dict[str, int]:
    """Returns the lengths of the shortest and the longest clip."""
    lengths = table["clip"].value_counts()
    return {"min": int(lengths.min()), "max": int(lengths.max())}


def _of_split(table: pd.DataFrame, taxonomy: Taxonomy) -> dict[str, Any]:
    flags = plan.labelled(table, taxonomy.action_units)
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
        "by_source": _sorted_counts(table["source"]),
        "by_task": {task: int(flags[task].sum()) for task in taxonomy.tasks},
        "classes": {name: int(classes.get(name, 0)) for name in taxonomy.expressions},
        "action_units": units,
        "label_sets": _sorted_counts(_label_sets(flags)),
    }


def _label_sets(flags: dict[str, np.ndarray]) -> pd.Series:
    """Returns each frame's labelled tasks, written "expr+va", or "none"."""
    names = pd.Series("", index=range(len(flags["va"])), dtype=object)
    for task in TASKS:
        names += np.where(flags[task], f"+{task}", "")
    return names.str[1:].replace("", "none")


def _sorted_counts(values: pd.Series) -> dict[str, int]:
    return {str(k): int(n) for k, n in sorted(values.value_counts().items())}
