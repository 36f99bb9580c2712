"""One row a frame, out of batches whose windows may show a frame several times."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from affect_tf.data.batch import Batch

#: Names of the arrays of frames that a later window may still show.
_ROW, _TIMES, _SUM = "row", "times", "sum/"


class Merger:
    """Gathers the scores and labels of frames, batch by batch.

    Only frames that a later window may show are held with a float64 sum for each
    member of the ensemble; of the others, no more than what `finish` returns.

    Attributes:
      frames: Different frames so far.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._first_open = 0
        self._open: dict[str, np.ndarray] = {}
        self._done: dict[str, list[np.ndarray]] = {}

    def add(self, batch: Batch, members: Sequence[Mapping[str, Any]]) -> None:
        """Takes in a batch.

        Args:
          batch: Tensors or arrays, flat over frames. Rows of weight 0 are left out.
          members: Of each model {task: decoded scores [B, K]}.

        Raises:
          ValueError: If a frame stands before the first frame of an earlier batch.
        """
        kept = np.asarray(batch.weight).reshape(-1) > 0
        if not kept.any():
            return
        new = {
            name: array[kept] for name, array in _named_arrays(batch, members).items()
        }
        first = int(new[_ROW].min())
        if first < self._first_open:
            raise ValueError(
                "Batches of an evaluation must come in the order of their frames. "
                f"Received: row={first} after a batch that began at row "
                f"{self._first_open}. Take the batches from Faces.evaluation."
            )
        before = len(self._open.get(_ROW, ()))
        merged = _merged(self._open, new)
        self.frames += len(merged[_ROW]) - before
        # Windows begin in the order of their frames: none that is still to come shows
        # a frame in front of this batch.
        self._first_open = first
        later = merged[_ROW] >= first
        self._close({name: array[~later] for name, array in merged.items()})
        self._open = {name: array[later] for name, array in merged.items()}

    def finish(self) -> dict[str, np.ndarray]:
        """Returns "key", "frame", "scores/expr", ... of all frames, by their `row`."""
        self._close(self._open)
        self._open = {}
        return {name: np.concatenate(parts) for name, parts in self._done.items()}

    def _close(self, merged: Mapping[str, np.ndarray]) -> None:
        """Keeps of frames that are complete what the caller will see."""
        for name, array in merged.items():
            if name.startswith(_SUM):
                task = name.removeprefix(_SUM)
                times = merged[_TIMES].reshape(-1, 1, 1)
                # Rounded as each member alone would be, so that members collected
                # apart make the same ensemble.
                scores = np.moveaxis((array / times).astype(np.float32), 1, 0)
                mean, spread = mean_and_spread(scores)
                self._keep(f"scores/{task}", mean)
                if len(scores) > 1:
                    self._keep(f"spread/{task}", spread)
            elif name not in (_ROW, _TIMES):
                self._keep(name, array)

    def _keep(self, name: str, array: np.ndarray) -> None:
        self._done.setdefault(name, []).append(array)


def mean_and_spread(members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and population deviation over the leading axis, as float32."""
    exact = members.astype(np.float64)
    return exact.mean(axis=0).astype(np.float32), exact.std(axis=0).astype(np.float32)


def _merged(
    held: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns each row once, in order: sums added up, all else of its first time."""
    both = {
        name: np.concatenate([held[name], array]) if held else array
        for name, array in new.items()
    }
    order = np.argsort(both[_ROW], kind="stable")
    row = both[_ROW][order]
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    return {
        name: np.add.reduceat(array[order], starts, axis=0)
        if name == _TIMES or name.startswith(_SUM)
        else array[order[starts]]
        for name, array in both.items()
    }


def _named_arrays(
    batch: Batch, members: Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    row = np.asarray(batch.row).reshape(-1)
    named = {
        _ROW: row,
        _TIMES: np.ones(len(row), np.int64),
        "key": _text(batch.key),
        "subject": _text(batch.subject),
        "frame": np.asarray(batch.frame).reshape(-1).astype(np.int64),
    }
    for task in members[0]:
        scores = [np.asarray(member[task], np.float64) for member in members]
        named[f"{_SUM}{task}"] = np.stack(scores, axis=1)
    for task in batch.labels:
        named[f"labels/{task}"] = np.asarray(batch.labels[task])
        named[f"masks/{task}"] = np.asarray(batch.masks[task])
    return named


def _text(values: Any) -> np.ndarray:
    flat = np.asarray(values).reshape(-1).tolist()
    texts = [text.decode() if isinstance(text, bytes) else str(text) for text in flat]
    return np.asarray(texts, dtype=np.str_)
