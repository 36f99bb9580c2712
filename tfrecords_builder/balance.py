"""Balances the training split of a table before anything is written.

Rare labels become more frequent and frequent ones rarer, task by task: by copies of
rows and by labels that go, or by sampling numbers that training draws by. All of it is
a function of the rows, the plan and the seed, and not of the order of the rows.
"""

from __future__ import annotations

import dataclasses
import fnmatch

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import balance_classes
from tfrecords_builder import balance_counts
from tfrecords_builder import balance_rows
from tfrecords_builder import balance_units
from tfrecords_builder.annotations import SAMPLING
from tfrecords_builder.balance_counts import Distribution
from tfrecords_builder.balance_flags import parse
from tfrecords_builder.balance_plan import Classes
from tfrecords_builder.balance_plan import Keep
from tfrecords_builder.balance_plan import MlRos
from tfrecords_builder.balance_plan import Plan
from tfrecords_builder.report import counted

__all__ = ["Balanced", "Plan", "apply", "parse"]


@dataclasses.dataclass(frozen=True, eq=False)
class Balanced:
    """A table after balancing.

    Attributes:
      table: The rows that stay, in their order, then the copies. A copy has the key
        "<key>#2" (or 3, ...), which is its clip, and the same picture.
      dropped: split -> reason -> rows that are left without any label, and go.
      notes: What was done, a line each.
      before: Of the table that came in.
      after: Of this one, with the sampling numbers as weights.
      sampling: Tasks that have sampling numbers.
    """

    table: pd.DataFrame
    dropped: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    before: Distribution
    after: Distribution
    sampling: tuple[str, ...] = ()


def apply(
    table: pd.DataFrame, taxonomy: Taxonomy, plan: Plan, seed: int = 0
) -> Balanced:
    """Balances the training rows of a table.

    Args:
      table: As `annotations.complete` returns it; it is not changed.
      taxonomy: Its classes and units.
      plan: What to do; an empty one changes nothing.
      seed: Decides which rows go and which are copied.

    Returns:
      The new table. Its labels of other splits are the old ones.

    Raises:
      UserError: If the plan names a class, a source or a task that the data lack, the
        training split has clips, or the key of a copy is taken.
    """
    before = balance_counts.distribution(table, taxonomy)
    if not plan.keeps and not plan.methods:
        return Balanced(table, {}, (), before, before)
    work = _Work(table, taxonomy, seed)
    for keep in plan.keeps:
        work.thin(keep)
    for method in plan.methods:
        work.balance(method, plan.as_weights)
    balanced, dropped = work.result()
    after = balance_counts.distribution(balanced, taxonomy)
    return Balanced(
        balanced, dropped, tuple(work.notes), before, after, tuple(work.weights)
    )


class _Work:
    """What is to become of each row so far.

    Attributes:
      labelled: task -> bool [N], whether the row keeps (or has) a label for it.
      copies: task -> int64 [N], further rows with its label.
      weights: task -> float64 [N].
      notes: For people.
    """

    def __init__(self, table: pd.DataFrame, taxonomy: Taxonomy, seed: int) -> None:
        self._table = table
        self._taxonomy = taxonomy
        self._seed = seed % 2**63  # A generator takes no negative one.
        self._units = table[list(taxonomy.action_units)].to_numpy(np.float64)
        self._train = (table["split"] == "train").to_numpy(bool)
        clips = table["clip"][self._train]
        if clips.duplicated().any():
            clip = clips[clips.duplicated()].iloc[0]
            raise UserError(
                "Balancing must be of stills: frames of a clip belong together. "
                f"Received: clip={clip!r} of several frames. Leave out --balance and "
                "--keep, or the option that makes clips.",
                exit_code=2,
            )
        self._order = balance_rows.canonical_order(table, np.flatnonzero(self._train))
        self.labelled = {
            "expr": table["expression"].notna().to_numpy(bool).copy(),
            "au": (~np.isnan(self._units)).any(axis=1),
            "va": table["valence"].notna().to_numpy(bool).copy(),
        }
        self.copies: dict[str, np.ndarray] = {}
        self.weights: dict[str, np.ndarray] = {}
        self.notes: list[str] = []

    def thin(self, keep: Keep) -> None:
        """Takes away the labels that a plan does not keep."""
        if not self._known(keep):
            return
        rows = self._rows(keep.task)
        sources = self._table["source"].to_numpy()[rows]
        names = tuple(pd.unique(sources))
        matching = [n for n in names if fnmatch.fnmatchcase(n, keep.source)]
        if not matching and not keep.optional:
            raise UserError(
                f"--keep must name a source with labels of {keep.task} to train on. "
                f"Received: {keep.source!r}. {closest(keep.source, names)}",
                exit_code=2,
            )
        rows = rows[np.isin(sources, matching)]
        stays = balance_classes.stays(len(rows), keep.factor)
        thinned = np.ones(len(rows), bool)
        if keep.expression is not None:
            classes = self._table["expression"].to_numpy()[rows]
            thinned = classes == keep.expression
        self.labelled[keep.task][rows[thinned & ~stays]] = False
        place = "" if keep.source == "*" else f" from {keep.source}"
        self.notes.append(
            f"{keep.factor} of {keep.expression or keep.task}{place}: "
            f"{(thinned & stays).sum():,} of {thinned.sum():,} labels stay"
        )

    def balance(self, method: Classes | MlRos, as_weights: bool) -> None:
        """Decides the copies or the weights of a task."""
        if not self._known(method):
            return
        task, rows = method.task, self._rows(method.task)
        if not len(rows):
            self.notes.append(f"{task}: no training label to balance")
            return
        if isinstance(method, MlRos):
            repeats, numbers = self._cloned(method, rows)
        else:
            repeats, numbers = self._evened(method, rows)
        if as_weights:
            self.weights[task] = np.ones(len(self._table))
            self.weights[task][rows] = numbers
            self.notes.append(
                f"{task}: sampling numbers from {numbers.min():.3g} to "
                f"{numbers.max():.3g}"
            )
            return
        copies = np.maximum(repeats - 1, 0)
        self.labelled[task][rows[repeats == 0]] = False
        self.copies[task] = np.zeros(len(self._table), np.int64)
        self.copies[task][rows] = copies
        self.notes.append(
            f"{task}: {repeats.sum():,} labels instead of {len(rows):,}, of which "
            f"{copies.sum():,} are copies; a sample occurs at most "
            f"{counted(int(repeats.max()), 'time')}"
        )

    def result(self) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
        """Returns the new table, and the rows that are left without a label."""
        columns = {SAMPLING[task]: numbers for task, numbers in self.weights.items()}
        return balance_rows.assembled(
            self._table.assign(**columns),
            self._taxonomy.action_units,
            self.labelled,
            self.copies,
        )

    def _known(self, step: Keep | Classes | MlRos) -> bool:
        """Returns whether the data have what a step is about."""
        flag = "--keep" if isinstance(step, Keep) else "--balance"
        name, allowed = step.task, self._taxonomy.tasks
        if name in allowed and isinstance(step, Keep) and step.expression is not None:
            name, allowed = step.expression, self._taxonomy.expressions
        if name in allowed:
            return True
        if not step.optional:
            raise UserError(
                f"{flag} must name what is in taxonomy {self._taxonomy.name!r}. "
                f"Received: {name!r}. {closest(name, allowed)}",
                exit_code=2,
            )
        self.notes.append(f"{flag}: nothing to do for {name}, which the data lack")
        return False

    def _rows(self, task: str) -> np.ndarray:
        """Returns the training rows that still have a label, in canonical order."""
        return self._order[self.labelled[task][self._order]]

    def _cloned(self, method: MlRos, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns how often each row occurs, or else is drawn, by ML-ROS.

        The sampler that Deng et al. 2020 released weighs a row cloned n times by n, so
        that the first clone changes nothing; here it is n + 1, which are the rows that
        there would be.
        """
        found = balance_units.ml_ros(
            self._units[rows],
            method.threshold,
            method.budget,
            (self._seed, TASKS.index("au")),
        )
        names = self._taxonomy.action_units
        for unit in found.absent:
            self.notes.append(f"{names[unit]} has no positive label: left out")
        rare = ", ".join(names[unit] for unit in found.rare) or "none"
        still = [names[unit] for unit in found.rare if unit not in found.relieved]
        self.notes.append(
            f"au: imbalance ratio above {found.threshold:.3g}: {rare}"
            + (f"; still when the budget ended: {', '.join(still)}" if still else "")
        )
        repeats = found.clones + 1
        return repeats, repeats / repeats.mean()

    def _evened(
        self, method: Classes, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns how often each row occurs, or else is drawn, by its class."""
        if method.task == "expr":
            names = self._taxonomy.expressions
            values = self._table["expression"].to_numpy()[rows]
            codes = pd.Categorical(values, names).codes
            counts = np.bincount(codes, minlength=len(names))
            absent = [n for n, count in zip(names, counts, strict=True) if not count]
            if absent:
                self.notes.append(f"expr: no label of {', '.join(absent)}: left out")
            codes, counts = np.cumsum(counts > 0)[codes] - 1, counts[counts > 0]
        else:
            pairs = self._table[["valence", "arousal"]].to_numpy(np.float64)[rows]
            codes, number = balance_classes.cells(
                pairs, method.num_bins, method.data_range
            )
            counts = np.bincount(codes, minlength=number)
            self.notes.append(
                f"va: {number} of {method.num_bins**2} bins are occupied, by "
                f"{counts.min():,} to {counts.max():,} samples"
            )
        random = np.random.default_rng([self._seed, TASKS.index(method.task)])
        wanted = balance_classes.sizes(counts, method.target, method.cap)
        return (
            balance_classes.repeats(codes, wanted, random),
            balance_classes.weights(codes, counts, method.cap),
        )
