"""Who is in which split: nobody, and no film, in two of them."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import sum_of_dropped

#: What can be done about a film or person in two splits.
LEAKAGE = ("refuse", "drop")

#: Which of several splits keeps a film or person: what is measured on comes first.
_PRECEDENCE = tuple(reversed(SPLITS))


def by_group(groups: pd.Series, fraction: float, seed: int) -> np.ndarray:
    """Returns a split for each row: no group in both, at random but repeatably.

    Args:
      groups: str [N]. What must stay together: a subject, a clip.
      fraction: Share of the rows that becomes the validation split, in [0, 1).
      seed: Seed of the choice; a group's place depends on its name and the seed.

    Returns:
      object [N], "train" or "validation". At least one group stays in training,
      and at least one is in validation where `fraction` is positive and there are
      two.

    Raises:
      UserError: If the fraction is out of range.
    """
    if not 0 <= fraction < 1:
        raise UserError(
            "--validation_fraction must lie in [0, 1). "
            f"Received: {fraction}. Use 0 for no validation split.",
            exit_code=2,
        )
    sizes = groups.value_counts()
    order = sorted(
        sizes.index,
        key=lambda name: hashlib.blake2b(f"{seed}\0{name}".encode()).digest(),
    )
    target, chosen, rows = fraction * len(groups), [], 0
    # The last group stays in training, whatever the fraction.
    for name in order[:-1]:
        if abs(rows + sizes[name] - target) <= abs(rows - target):
            chosen.append(name)
            rows += sizes[name]
    if fraction and not chosen:
        chosen = order[:-1][:1]
    return np.where(groups.isin(chosen), "validation", "train").astype(object)


def check_leakage(leakage: str) -> None:
    """Raises a UserError where `leakage` is not one of `LEAKAGE`."""
    if leakage not in LEAKAGE:
        raise UserError(
            f"--leakage must be one of {', '.join(LEAKAGE)}. Received: {leakage!r}. "
            "Choose one of them.",
            exit_code=2,
        )


def settle(annotations: Annotations, leakage: str) -> Annotations:
    """Removes what is in two splits from all but one of them, if that is wanted.

    A film that one task trains on and another validates on occurs in Aff-Wild2. Its
    training rows go; where it is in the test split, so do its validation rows.

    Args:
      annotations: From a reader.
      leakage: "drop"; or "refuse", which leaves them for `annotations.check`.

    Returns:
      The annotations without these rows, which are counted as "leakage".

    Raises:
      UserError: If `leakage` is neither.
    """
    check_leakage(leakage)
    table = annotations.table
    if leakage == "refuse" or table.empty:
        return annotations
    rank = table["split"].map({s: i for i, s in enumerate(_PRECEDENCE)})
    rank = rank.fillna(len(_PRECEDENCE))
    leaks = pd.Series(False, table.index)
    names: set[str] = set()
    # Once by film and once by person; what the first removed no longer counts.
    for field in ("video", "subject"):
        named = (table[field] != "") & ~leaks
        groups = [table.loc[named, "archive"], table.loc[named, field]]
        first = rank[named].groupby(groups).transform("min")
        later = named & (rank > first.reindex(table.index))
        names |= set(table.loc[later, field])
        leaks |= later
    if not leaks.any():
        return annotations
    removed = table.loc[leaks, "split"].value_counts()
    dropped = {split: {"leakage": int(n)} for split, n in removed.items()}
    some = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
    rows = ", ".join(f"{n:,} {split}" for split, n in removed.items())
    note = (
        f"Removed {rows} rows, of films or people that are in another split too "
        f"({len(names):,}: {some})."
    )
    return dataclasses.replace(
        annotations,
        table=table[~leaks].reset_index(drop=True),
        dropped=sum_of_dropped([annotations.dropped, dropped]),
        notes=(*annotations.notes, note),
    )
