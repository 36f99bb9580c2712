"""Which sources a training batch is made of, step by step.

Every schedule is a pure function of the step, so that a run that goes on at step n sees
the batch that would have come.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from affect_tf.data.sources import Source


class Batching(Protocol):
    """Decides which sources give the samples of each step; a pure function of it.

    Samples are faces, or windows where clips are cut into windows.
    """

    def rows(self, sources: Sequence[Source], batch_size: int) -> tuple[int, ...]:
        """Returns how many samples each source gives to a batch that it is part of.

        Raises:
          ValueError: If the sources cannot fill such a batch by their shares.
        """

    def turns(
        self, counts: Sequence[int], rows: Sequence[int]
    ) -> tuple[int, ...] | None:
        """Returns for how many steps on end each source has its turn, in order.

        After the last it is the first one's turn again. None where every source is in
        every batch.

        Args:
          counts: Samples of each source, at least 1.
          rows: From `rows`.
        """

    def steps_per_epoch(self, counts: Sequence[int], rows: Sequence[int]) -> int:
        """Returns steps in which every source gives as many samples as it has.

        So the first epoch shows every sample, but of balanced sources, which draw by
        weight. A pass of a source need not end with
        the epoch: the next one begins where it was left, in the middle of a batch.
        What holds over the first k epochs is that a source that gave n samples showed
        each of its `count` floor(n / count) or ceil(n / count) times; a later epoch
        may show one twice and leave another to the next.

        Args:
          counts: Samples of each source, at least 1.
          rows: From `rows`.
        """


@dataclasses.dataclass(frozen=True)
class Stratified:
    """Every batch holds samples of every source, by their shares.

    Source: Deng et al. 2020, section III-B; Vu et al. 2021, section 3.2.
    """

    def rows(self, sources: Sequence[Source], batch_size: int) -> tuple[int, ...]:
        """Divides the batch by the shares."""
        parts = sum(source.share for source in sources)
        if not parts or batch_size % parts:
            multiple = max(1, round(batch_size / max(parts, 1))) * parts
            raise ValueError(
                f"A batch must divide into {parts} equal parts, one for each share of "
                f"the sources. Received: batch_size={batch_size}. Use a multiple of "
                f"{parts}, such as {multiple}."
            )
        return tuple(batch_size // parts * source.share for source in sources)

    def turns(self, counts: Sequence[int], rows: Sequence[int]) -> None:
        """Returns None: every source is in every batch."""

    def steps_per_epoch(self, counts: Sequence[int], rows: Sequence[int]) -> int:
        """Returns the steps that take the longest source through one pass."""
        return max(_steps(counts, rows))


STRATIFIED = Stratified()


@dataclasses.dataclass(frozen=True)
class RoundRobin:
    """Each batch is of one source; the sources take turns, step by step.

    Source: Jeong et al. 2022, Algorithm 1.
    """

    def rows(self, sources: Sequence[Source], batch_size: int) -> tuple[int, ...]:
        """Gives every source whole batches."""
        return _whole_batches(sources, batch_size)

    def turns(self, counts: Sequence[int], rows: Sequence[int]) -> tuple[int, ...]:
        """Returns one step for each source."""
        return (1,) * len(counts)

    def steps_per_epoch(self, counts: Sequence[int], rows: Sequence[int]) -> int:
        """Returns the steps that take the longest source through one pass."""
        return len(counts) * max(_steps(counts, rows))


@dataclasses.dataclass(frozen=True)
class Sequential:
    """Each batch is of one source; an epoch visits the sources one after the other.

    Batches are whole: a source whose count is no multiple of the batch begins its next
    pass in the last batch of its turn, and its next turn goes on from there.

    Source: Thinh et al. 2021, Algorithm 1.
    """

    def rows(self, sources: Sequence[Source], batch_size: int) -> tuple[int, ...]:
        """Gives every source whole batches."""
        return _whole_batches(sources, batch_size)

    def turns(self, counts: Sequence[int], rows: Sequence[int]) -> tuple[int, ...]:
        """Returns, for each source, the steps that hold as many samples as it has."""
        return _steps(counts, rows)

    def steps_per_epoch(self, counts: Sequence[int], rows: Sequence[int]) -> int:
        """Returns the steps of all sources together."""
        return sum(_steps(counts, rows))


def source_of(step: tf.Tensor, turns: Sequence[int]) -> tf.Tensor:
    """Returns int64, whose turn it is at a step.

    Args:
      step: int64 [], from 0.
      turns: From `Batching.turns`.
    """
    ends = tf.cumsum(tf.constant(turns, tf.int64))
    place = tf.math.floormod(tf.cast(step, tf.int64), ends[-1])
    return tf.reduce_sum(tf.cast(place >= ends, tf.int64))


def given_before(step: int, turns: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """Returns how many batches each of `count` sources was part of before a step."""
    if turns is None:
        return (step,) * count
    cycles, place = divmod(step, sum(turns))
    begins = [sum(turns[:source]) for source in range(count)]
    return tuple(
        cycles * turn + min(max(place - begin, 0), turn)
        for turn, begin in zip(turns, begins, strict=True)
    )


def _steps(counts: Sequence[int], rows: Sequence[int]) -> tuple[int, ...]:
    """Returns the fewest batches that hold as many samples as each source has."""
    pairs = zip(counts, rows, strict=True)
    return tuple(math.ceil(count / of_batch) for count, of_batch in pairs)


def _whole_batches(sources: Sequence[Source], batch_size: int) -> tuple[int, ...]:
    for source in sources:
        if source.share != 1:
            raise ValueError(
                "A source that fills whole batches must have a share of 1. Received: "
                f"share={source.share} of source {source.name!r}. Leave it at 1, or "
                "set batching=Stratified()."
            )
    if not sources or batch_size < 1:
        raise ValueError(
            "A batch must have a source and at least one sample. Received: "
            f"{len(sources)} sources, batch_size={batch_size}. Add what is missing."
        )
    return (batch_size,) * len(sources)
