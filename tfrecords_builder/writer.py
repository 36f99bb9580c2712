"""From annotations to shards and a manifest.

Threads read, check and encode the pictures; one thread writes, in the order of the
plan, so the bytes do not depend on how many there are.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
from typing import Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

import affect_tf
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import counts
from tfrecords_builder import encoder
from tfrecords_builder import folder as folder_lib
from tfrecords_builder import plan as plan_lib
from tfrecords_builder import rejects as rejects_lib
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.folder import Folder
from tfrecords_builder.plan import Plan
from tfrecords_builder.plan import PlannedShard
from tfrecords_builder.rejects import Reject

#: Defaults of `build`, and of the command line.
SIZE = 112
FRAMES_PER_SHARD = 8192
MAX_REJECTS = 0.01

#: Frames that a thread takes at once: enough to make the hand-over cheap.
_CHUNK = 32
#: Chunks in flight for each thread; together with `_CHUNK` it bounds the memory.
_AHEAD = 4


class Progress(Protocol):
    """Told how far a build is."""

    def __call__(self, frames: int, total: int, kept: bool) -> None:
        """Takes the frames done, of how many, and whether a run before did them."""


def build(
    annotations: Annotations,
    out: str | os.PathLike[str],
    *,
    size: int = SIZE,
    seed: int = 0,
    frames_per_shard: int = FRAMES_PER_SHARD,
    workers: int | None = None,
    max_rejects: float = MAX_REJECTS,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Writes annotations as TFRecords, or finishes what a stopped build began.

    Args:
      annotations: What a reader returned.
      out: The folder; it is made where it does not exist.
      size: Side of the stored pictures. One that has it keeps its bytes.
      seed: Seed of the order of the samples.
      frames_per_shard: Target size of a file.
      workers: Threads; by default one a core. The result does not depend on it.
      max_rejects: Share of the input's rows that may be rejected.
      overwrite: Whether another build in the folder may be replaced.
      progress: Called now and then, from this thread.

    Returns:
      The manifest, which is also in the folder. Where the same build was finished
      before, nothing is written.

    Raises:
      UserError: If the annotations break a rule, the folder holds another build, or
        too much is rejected (`rejected.csv` is written all the same).
    """
    _check_options(size, frames_per_shard, workers, max_rejects)
    folder = Folder(out)
    folder.check()
    if annotations.table.empty:
        folder.write_rejects(annotations.rejects)
    annotations_lib.check(annotations)
    plan = plan_lib.make(annotations, size, seed, frames_per_shard)
    # Looked up before the folder is held: a finished one may lie on a read-only disk.
    manifest = None if overwrite else folder.finished_build(plan)
    if manifest is not None:
        return manifest
    with folder.locked():
        # Too many bad rows in the input itself end it before the long part, and
        # before an older build goes.
        _check_rejects(folder, annotations, annotations.rejects, max_rejects)
        folder.begin(plan, overwrite)
        workers = workers or os.cpu_count() or 1
        shards, rejects = _write_shards(folder, plan, annotations, workers, progress)
        everything = [*annotations.rejects, *rejects]
        _check_rejects(folder, annotations, everything, max_rejects)
        folder.write_rejects(everything)
        shards = [shard for shard in shards if shard.samples]
        _check_splits(folder, plan, shards)
        manifest = _manifest(plan, annotations, shards, rejects)
        folder.end(manifest)
    return manifest


def _manifest(
    plan: Plan,
    annotations: Annotations,
    shards: Sequence[Shard],
    rejects: Sequence[Reject],
) -> Manifest:
    """Returns the manifest of a finished plan, less the frames that were rejected."""
    table = plan.table[~plan.table["key"].isin({reject.value for reject in rejects})]
    everything = [*annotations.rejects, *rejects]
    return Manifest(
        taxonomy=annotations.taxonomy,
        shards=tuple(shards),
        counts=counts.of_table(table, annotations.taxonomy),
        seed=plan.seed,
        frames_per_sample=counts.frames_per_sample(table),
        image_size=plan.size,
        created_by=f"affect_tf {affect_tf.__version__}",
        rejected=rejects_lib.num_rows(everything),
        fingerprint=plan.fingerprint,
        reader=annotations.reader,
        subjects_known=annotations.subjects_known,
    )


def _check_options(
    size: int, frames_per_shard: int, workers: int | None, max_rejects: float
) -> None:
    for name, value, allowed, rule in (
        ("size", size, 8 <= size <= 4096, "lie in 8 ... 4096"),
        ("frames_per_shard", frames_per_shard, frames_per_shard > 0, "be positive"),
        ("workers", workers, workers is None or workers > 0, "be positive"),
        ("max_rejects", max_rejects, 0 <= max_rejects <= 1, "be a share, 0 ... 1"),
    ):
        if not allowed:
            raise UserError(
                f"--{name} must {rule}. Received: --{name}={value}. Change it.",
                exit_code=2,
            )


def _write_shards(
    folder: Folder,
    plan: Plan,
    annotations: Annotations,
    workers: int,
    progress: Progress | None,
) -> tuple[list[Shard], list[Reject]]:
    """Writes every shard that an earlier run did not finish."""
    shards, rejects, done = [], [], 0
    total = len(plan.table)

    def advance(frames: int, kept: bool = False) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, total, kept)

    def encode(table: pd.DataFrame, planned: PlannedShard) -> futures.Future:
        return executor.submit(encoder.encode, table, planned, annotations, plan.size)

    executor = futures.ThreadPoolExecutor(workers)
    try:
        for index, planned in enumerate(plan.shards):
            finished = folder.finished_shard(index, plan)
            if finished and _same_rejects(finished[1], planned, plan, annotations):
                advance(planned.stop - planned.start, kept=True)
            else:
                samples = _samples(planned, plan.table, encode, _AHEAD * workers)
                finished = _write_shard(folder, planned, samples, advance)
                folder.finish_shard(index, plan, *finished)
            shards.append(finished[0])
            rejects += finished[1]
    finally:
        # On Ctrl-C, what has not begun never does.
        executor.shutdown(cancel_futures=True)
    return shards, rejects


def _same_rejects(
    rejects: list[Reject], planned: PlannedShard, plan: Plan, annotations: Annotations
) -> bool:
    """Returns whether what an earlier run rejected would be rejected again."""
    if not rejects:
        return True
    rows = plan.table.iloc[planned.start : planned.stop]
    clips = rows.loc[rows["key"].isin({reject.value for reject in rejects}), "clip"]
    rows = rows[rows["clip"].isin(clips)]
    again = encoder.encode(rows, planned, annotations, plan.size)
    return [reject for sample in again for reject in sample.rejects] == rejects


def _write_shard(
    folder: Folder,
    planned: PlannedShard,
    samples: Iterator[encoder.Written],
    advance: Callable[[int], None],
) -> tuple[Shard, list[Reject]]:
    """Writes one shard into the folder's unfinished file."""
    rejects, num_samples, num_frames = [], 0, 0
    path = folder.unfinished
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for sample in samples:
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
        sha256=folder_lib.sha256(path),
    )
    return shard, rejects


def _samples(
    planned: PlannedShard,
    table: pd.DataFrame,
    encode: Callable[..., futures.Future],
    ahead: int,
) -> Iterator[encoder.Written]:
    """Yields the samples of a shard in order, encoded by threads.

    Args:
      planned: The shard.
      table: The plan's.
      encode: Starts the encoding of a few rows of it.
      ahead: How many such calls may be under way.
    """
    starts = plan_lib.clip_starts(
        table["clip"].to_numpy()[planned.start : planned.stop]
    )
    # Whole clips, about `_CHUNK` frames at once.
    starts = starts[np.r_[True, np.diff(starts // _CHUNK) > 0]] + planned.start
    chunks = zip(starts, [*starts[1:], planned.stop], strict=True)
    waiting = collections.deque()
    for start, stop in chunks:
        waiting.append(encode(table.iloc[start:stop], planned))
        if len(waiting) > ahead:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _check_rejects(
    folder: Folder, annotations: Annotations, rejects: Sequence[Reject], limit: float
) -> None:
    """Raises where there are too many, and writes their list."""
    count, total = rejects_lib.num_rows(rejects), annotations.num_rows
    if count > limit * total or count == total:
        first, path = rejects[0], folder.write_rejects(rejects)
        raise UserError(
            f"At most {limit:.2%} of the rows may be rejected, and never all. "
            f"Received: {count} of {total} ({count / total:.2%}). The first: "
            f"{first.file}, line {first.row}: {first.field}={first.value!r} "
            f"{first.reason}. All are in {path}. "
            "Correct them, or allow more with --max_rejects."
        )


def _check_splits(folder: Folder, plan: Plan, shards: Sequence[Shard]) -> None:
    """Raises where a split has lost every picture."""
    kept = {shard.split for shard in shards}
    lost = [shard.split for shard in plan.shards if shard.split not in kept]
    if lost:
        rows = (plan.table["split"] == lost[0]).sum()
        raise UserError(
            "A split must keep at least one picture. "
            f"Received: {lost[0]}, of which all {rows} were rejected. See "
            f"{folder.path / folder_lib.REJECTS_FILE} and correct them."
        )
