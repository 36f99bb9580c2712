"""One shard: its pictures read, checked and encoded by threads, written by one.

The bytes do not depend on how many threads there are, nor on where it is done.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures

import numpy as np
import pandas as pd
import tensorflow as tf

from affect_tf import files
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import encoder
from tfrecords_builder import plan as plan_lib
from tfrecords_builder.folder import Folder
from tfrecords_builder.picture_source import Pictures
from tfrecords_builder.plan import PlannedShard
from tfrecords_builder.rejects import Reject
from tfrecords_builder.sound_source import Soundtracks

#: Frames that a thread takes at once: enough to make the hand-over cheap.
_CHUNK = 32
#: Chunks in flight for each thread; together with `_CHUNK` it bounds the memory.
_AHEAD = 4


@dataclasses.dataclass(frozen=True)
class Job:
    """All that is needed to write one shard, here or on another machine.

    Attributes:
      folder: Path of the output folder.
      index: Of the shard in the plan.
      planned: The shard.
      plan: The note by which a restart recognises it; see `plan.note`.
      table: Its rows, in order.
      pictures: Where its pictures come from.
      taxonomy: The vocabulary of the records.
      size: Side of the stored pictures.
      sounds: Where its sound comes from; None stores none.
    """

    folder: str
    index: int
    planned: PlannedShard
    plan: tuple[str, ...]
    table: pd.DataFrame
    pictures: Pictures
    taxonomy: Taxonomy
    size: int
    sounds: Soundtracks | None = None


def write_alone(job: Job) -> tuple[Shard, list[Reject]]:
    """Writes one shard with a thread of its own."""
    with futures.ThreadPoolExecutor(1) as executor:
        return write(job, executor, 1, lambda frames: None)


def write(
    job: Job,
    executor: futures.Executor,
    workers: int,
    advance: Callable[[int], None],
) -> tuple[Shard, list[Reject]]:
    """Writes one shard and notes in its folder that it is finished.

    Args:
      job: The shard.
      executor: Encodes.
      workers: Its threads.
      advance: Told of frames that are done.

    Raises:
      UserError: If it does not fit on the disk.
    """
    rejects, num_samples, num_frames = [], 0, 0
    folder, planned = Folder(job.folder), job.planned
    path = folder.unfinished(job.index)
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for sample in _samples(job, executor, _AHEAD * workers):
                rejects += sample.rejects
                if sample.record is not None:
                    writer.write(sample.record)
                    num_samples += 1
                    num_frames += sample.frames
                advance(sample.rows)
    except tf.errors.OpError as error:
        raise UserError(
            f"A shard must fit on the disk. Received: {error.message} while writing "
            f"{planned.file}. Make room and give the same command again: finished "
            "shards are kept."
        ) from error
    shard = Shard(
        file=planned.file,
        split=planned.split,
        source=planned.source,
        tasks=planned.tasks,
        samples=num_samples,
        frames=num_frames,
        bytes=path.stat().st_size,
        sha256=files.sha256(path),
    )
    folder.finish_shard(job.index, job.plan, shard, rejects)
    return shard, rejects


def _samples(
    job: Job, executor: futures.Executor, ahead: int
) -> Iterator[encoder.Written]:
    """Yields the samples of a shard in order; at most `ahead` chunks are under way."""

    def encode(start: int, stop: int) -> futures.Future[list[encoder.Written]]:
        rows = job.table.iloc[start:stop]
        return executor.submit(
            encoder.encode,
            rows,
            job.planned,
            job.pictures,
            job.taxonomy,
            job.size,
            job.sounds,
        )

    starts = plan_lib.clip_starts(job.table["clip"].to_numpy())
    # Whole clips, about `_CHUNK` frames at once.
    starts = starts[np.r_[True, np.diff(starts // _CHUNK) > 0]]
    waiting = collections.deque()
    for start, stop in zip(starts, [*starts[1:], len(job.table)], strict=True):
        waiting.append(encode(start, stop))
        if len(waiting) > ahead:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
