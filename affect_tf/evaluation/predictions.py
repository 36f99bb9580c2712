"""What one model, or an ensemble, says about every row of a data set."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from affect_tf import files
from affect_tf.evaluation import merging
from affect_tf.labels.taxonomy import Taxonomy

if TYPE_CHECKING:
    from affect_tf.data.batch import Batch

#: Batch inputs to decoded scores: {"expr": float32 [B, C], "au": float32 [B, U],
#: "va": float32 [B, 2]}, tensors or arrays.
Model = Callable[[Any], Mapping[str, Any]]

_GROUPS = ("scores", "spread", "labels", "masks")


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Scores beside labels, one row a frame, as NumPy arrays.

    Attributes:
      scores: {task: float32}, decoded: `expr` [N, C] probabilities, `au` [N, U]
        probabilities, `va` [N, 2] valence and arousal. Finite.
      labels: {task: array}: `expr` int32 [N], `au` float32 [N, U], `va` float32
        [N, 2]. Of no meaning where masked. Tasks may be absent.
      masks: {task: float32}, 1 where labelled: `expr` [N], `au` [N, U], `va` [N].
      subject: str [N], who is seen; "" where unknown.
      key: str [N], the sample that the row comes from.
      spread: Standard deviation (population form) of the scores over the members of
        an ensemble, shaped as `scores`; None for a single model.
      frame: int64 [N], number of the frame in its film, 0 in stills; None becomes
        zeros, for files and callers that do not know it.

    Raises:
      ValueError: If lengths or shapes disagree, or a score or a labelled value is
        not finite.
    """

    scores: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    subject: np.ndarray
    key: np.ndarray
    spread: dict[str, np.ndarray] | None = None
    frame: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Checks the arrays once, so that no metric has to."""
        if self.frame is None:
            object.__setattr__(self, "frame", np.zeros(len(self.key), np.int64))
        for name, array in self._arrays():
            if len(array) != len(self.key):
                raise ValueError(
                    f"Predictions.{name} must have one entry a row. "
                    f"Received: {len(array)} entries for {len(self.key)} keys. "
                    "Collect every array from the same batches."
                )
        if set(self.labels) != set(self.masks):
            raise ValueError(
                "Predictions must mask what they label. Received: labels="
                f"{sorted(self.labels)}, masks={sorted(self.masks)}. Give both."
            )
        for task, values in self.scores.items():
            _check_finite(f"scores of {task!r}", values, self.key)
        for task, values in self.labels.items():
            mask = np.asarray(self.masks[task]) > 0
            mask = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
            _check_finite(f"labels of {task!r}", np.where(mask, values, 0), self.key)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.key)

    def select(self, rows: np.ndarray) -> Predictions:
        """Returns the rows that a boolean mask or an index array names, in order."""
        groups = {
            name: {task: array[rows] for task, array in group.items()}
            for name in _GROUPS
            if (group := getattr(self, name)) is not None
        }
        return Predictions(
            subject=self.subject[rows],
            key=self.key[rows],
            frame=self.frame[rows],
            **groups,
        )

    def save(
        self,
        path: str | os.PathLike[str],
        taxonomy: Taxonomy | None = None,
    ) -> None:
        """Writes a whole .npz or nothing; `taxonomy` travels along, to be checked."""
        arrays = dict(self._arrays())
        if taxonomy is not None:
            arrays["taxonomy"] = np.asarray(json.dumps(taxonomy.to_json()))
        with files.atomic_writer(path) as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        taxonomy: Taxonomy | None = None,
    ) -> Predictions:
        """Reads what `save` wrote.

        Args:
          path: The .npz file.
          taxonomy: What the caller takes the columns for. Checked against the file's
            own, where it has one.

        Returns:
          The same arrays, with the same types.

        Raises:
          FileNotFoundError: If there is no such file.
          ValueError: If the file's columns have other names than `taxonomy`'s.
        """
        with np.load(pathlib.Path(path), allow_pickle=False) as stored:
            named = dict(stored)
        _check_taxonomy(named.pop("taxonomy", None), taxonomy, path)
        return _from_named(named)

    def _arrays(self) -> list[tuple[str, np.ndarray]]:
        named = [
            ("key", self.key),
            ("subject", self.subject),
            ("frame", self.frame),
        ]
        for group in _GROUPS:
            for task, array in (getattr(self, group) or {}).items():
                named.append((f"{group}/{task}", array))
        return named


def collect(
    models: Sequence[Model],
    dataset: Iterable[Batch],
    progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Runs the models over a data set and gives one row a frame.

    Args:
      models: Callables from batch inputs to decoded scores. Several are an ensemble:
        probabilities (and decoded valence and arousal) are averaged, never logits
        and never votes.
      dataset: Batches of tensors or arrays, in the order of their frames. Rows of
        weight 0 are padding and dropped. A frame that several windows show (equal
        `row`) has the mean of its decoded scores, and its labels once.
      progress: Called after each batch with the number of frames collected so far.

    Returns:
      One row a frame of the data set, in the order of `row`.

    Raises:
      ValueError: If there is no model or no row, if frames come out of order, or if a
        score is not finite.

    Source: Deng et al. 2020 only say "ensemble", and their code has three ways. As an
      expectation is linear, the mean of bin probabilities is the mean of what is
      decoded, so this is the one rule for all three tasks. Their code drops the tail
      of a film, or counts overlaps twice; here every frame counts once.
    """
    _check_members(models)
    merger = merging.Merger()
    for batch in dataset:
        merger.add(batch, [model(batch.inputs) for model in models])
        if progress is not None:
            progress(merger.frames)
    if not merger.frames:
        raise ValueError(
            "A data set must have a row to be evaluated on. Received: none. "
            "Check the split and the sources that were asked for."
        )
    return _from_named(merger.finish())


def average(members: Sequence[Predictions]) -> Predictions:
    """Returns the ensemble of predictions that were collected apart.

    Equal to `collect` on all the models at once, without running any again.

    Raises:
      ValueError: If there is no member, or the rows or the tasks differ.
    """
    _check_members(members)
    first = members[0]
    for member in members[1:]:
        check_same_rows(first, member)
        if set(member.scores) != set(first.scores):
            raise ValueError(
                "Members of an ensemble must score the same tasks. Received: "
                f"{[*first.scores]} and {[*member.scores]}. Leave the odd one out."
            )
    if len(members) == 1:
        return first
    summaries = {
        task: merging.mean_and_spread(
            np.stack([member.scores[task] for member in members])
        )
        for task in first.scores
    }
    return dataclasses.replace(
        first,
        scores={task: mean for task, (mean, _) in summaries.items()},
        spread={task: spread for task, (_, spread) in summaries.items()},
    )


def check_same_rows(first: Predictions, second: Predictions) -> None:
    """Raises a ValueError unless both are about the same rows with the same labels."""
    same = (
        np.array_equal(first.key, second.key)
        and np.array_equal(first.frame, second.frame)
        and set(first.labels) == set(second.labels)
        and all(
            np.array_equal(first.masks[task], second.masks[task])
            and np.array_equal(first.labels[task], second.labels[task], equal_nan=True)
            for task in first.labels
        )
    )
    if not same:
        raise ValueError(
            "Predictions must be about the same rows, in the same order and with the "
            f"same labels. Received: {len(first)} and {len(second)} rows that differ. "
            "Collect both from the same split, unshuffled."
        )


def _from_named(named: Mapping[str, np.ndarray]) -> Predictions:
    """Undoes the names "scores/expr", ..., "key" of arrays."""
    groups: dict[str, Any] = {"scores": {}, "labels": {}, "masks": {}}
    for name, array in named.items():
        group, _, task = name.partition("/")
        if task:
            groups.setdefault(group, {})[task] = array
        else:
            groups[group] = array
    return Predictions(**groups)


def _check_members(members: Sequence[Any]) -> None:
    if not members:
        raise ValueError(
            "An ensemble must have a member. Received: none. Give at least one model."
        )


def _check_finite(what: str, values: np.ndarray, key: np.ndarray) -> None:
    bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if bad.any():
        raise ValueError(
            f"The {what} must be finite. Received: {int(bad.sum())} of {len(key)} rows "
            f"that are not, the first with key={str(key[bad][0])!r}. "
            "Look for a diverged model or a label that its mask should have hidden."
        )


def _check_taxonomy(
    stored: np.ndarray | None,
    expected: Taxonomy | None,
    path: str | os.PathLike[str],
) -> None:
    if stored is None or expected is None:
        return
    found = Taxonomy.from_json(str(stored))
    if dataclasses.replace(found, name=expected.name) != expected:
        raise ValueError(
            "Predictions must be read with the taxonomy that they were made with. "
            f"Received: {expected.name!r} for {os.fspath(path)}, made with "
            f"{found.name!r}. Pass that one."
        )
