"""Counts what a reader leaves out although nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

#: Reasons that every reader of this folder reports, with a 0 where it found none.
USUAL = ("invalid_label_only", "no_image", "no_annotation")


def count(
    split: np.ndarray, reason: np.ndarray, unlisted: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Returns split -> reason -> number of rows, as `Annotations.dropped` has it.

    Args:
      split: str [N]. The split of each row.
      reason: str [N]. Why it is left out, "" where it is not.
      unlisted: split -> number of pictures without a row.
    """
    gone = pd.DataFrame({"split": split, "reason": reason})
    gone = gone[gone["reason"] != ""].value_counts()
    found = {s: dict.fromkeys(USUAL, 0) for s in dict.fromkeys([*split, *unlisted])}
    for (name, why), number in gone.items():
        found[name][why] = int(number)
    for name, number in unlisted.items():
        found[name]["no_annotation"] = number
    return found
