"""From annotations to shards and a manifest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent import futures
from typing import Protocol

import affect_tf
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import checks
from tfrecords_builder import counts
from tfrecords_builder import encoder
from tfrecords_builder import folder as folder_lib
from tfrecords_builder import plan as plan_lib
from tfrecords_builder import rejects as rejects_lib
from tfrecords_builder import shards
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.folder import Folder
from tfrecords_builder.plan import Plan
from tfrecords_builder.plan import PlannedShard
from tfrecords_builder.rejects import Reject
from tfrecords_builder.runners import Runner
from tfrecords_builder.shards import Job

#: Defaults of `build`, and of the command line.
SIZE = 112
FRAMES_PER_SHARD = 8192
MAX_REJECTS = 0.01


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
    runner: Runner | None = None,
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
      runner: Who writes the shards; by default threads of this process. Others must
        see `out` and the pictures under the same paths.

    Returns:
      The manifest, which is also in the folder. Where the same build was finished
      before, nothing is written.

    Raises:
      UserError: If the annotations break a rule, the folder holds another build, or
        too much is rejected (`rejected.csv` is written all the same).
    """
    check_options(size, frames_per_shard, workers, max_rejects)
    folder = Folder(out)
    folder.check(overwrite)
    if annotations.table.empty:
        folder.write_rejects(annotations.rejects)
    checks.check(annotations)
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
        written, rejects = _write_shards(
            folder, plan, annotations, workers, progress, runner
        )
        everything = [*annotations.rejects, *rejects]
        _check_rejects(folder, annotations, everything, max_rejects)
        folder.write_rejects(everything)
        written = [shard for shard in written if shard.samples]
        _check_splits(folder, plan, written)
        folder.write_films(annotations.films)
        manifest = _manifest(plan, annotations, written, rejects)
        folder.end(manifest)
    return manifest


def dry_run(
    annotations: Annotations,
    out: str | os.PathLike[str],
    *,
    size: int = SIZE,
    seed: int = 0,
    frames_per_shard: int = FRAMES_PER_SHARD,
    max_rejects: float = MAX_REJECTS,
) -> Manifest:
    """Returns what `build` would write, as far as that follows from the table.

    No picture is read and nothing is written; shards have no size or checksum.

    Raises:
      UserError: Where `build` would raise one before it reads pictures, but for what
        the folder holds and the number of rejects.
    """
    check_options(size, frames_per_shard, None, max_rejects)
    Folder(out).check(overwrite=True)
    checks.check(annotations)
    plan = plan_lib.make(annotations, size, seed, frames_per_shard)
    clips = plan.table["clip"].to_numpy()
    planned_shards = []
    for planned in plan.shards:
        rows = slice(planned.start, planned.stop)
        planned_shards.append(
            Shard(
                file=planned.file,
                split=planned.split,
                source=planned.source,
                tasks=planned.tasks,
                samples=len(plan_lib.clip_starts(clips[rows])),
                frames=planned.stop - planned.start,
                bytes=0,
                sha256="",
            )
        )
    return _manifest(plan, annotations, planned_shards, ())


def _manifest(
    plan: Plan,
    annotations: Annotations,
    written: Sequence[Shard],
    rejects: Sequence[Reject],
) -> Manifest:
    """Returns the manifest of a finished plan, less the frames that were rejected."""
    table = plan.table[~plan.table["key"].isin({reject.value for reject in rejects})]
    everything = [*annotations.rejects, *rejects]
    return Manifest(
        taxonomy=annotations.taxonomy,
        shards=tuple(written),
        counts=counts.of_table(table, annotations.taxonomy),
        seed=plan.seed,
        frames_per_sample=counts.frames_per_sample(table),
        image_size=plan.size,
        created_by=f"affect_tf {affect_tf.__version__}",
        rejected=rejects_lib.num_rows(everything),
        fingerprint=plan.fingerprint,
        dropped=annotations_lib.sum_of_dropped([annotations.dropped]),
        sampling=tuple(t for t, c in annotations_lib.SAMPLING.items() if c in table),
        reader=annotations.reader,
        subjects_known=annotations.subjects_known,
        sound={} if annotations.sounds is None else annotations.sounds.format,
        timed=bool(table["time"].notna().all()) and not table.empty,
    )


def check_options(
    size: int, frames_per_shard: int, workers: int | None, max_rejects: float
) -> None:
    """Raises a UserError where an option of `build` is out of range."""
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
    runner: Runner | None,
) -> tuple[list[Shard], list[Reject]]:
    """Writes every shard that an earlier run did not finish."""
    done = 0

    def advance(frames: int, kept: bool = False) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, len(plan.table), kept)

    finished: dict[int, tuple[Shard, list[Reject]]] = {}
    for index, planned in enumerate(plan.shards):
        earlier = folder.finished_shard(index, plan)
        if earlier and _same_rejects(earlier[1], planned, plan, annotations):
            finished[index] = earlier
            advance(planned.stop - planned.start, kept=True)
    left = [index for index in range(len(plan.shards)) if index not in finished]
    jobs = (_job(index, folder, plan, annotations) for index in left)
    if runner is not None:
        results = runner.map(shards.write_alone, [*jobs])
        for index, result in zip(left, results, strict=True):
            finished[index] = result
            advance(plan.shards[index].stop - plan.shards[index].start)
    else:
        executor = futures.ThreadPoolExecutor(workers)
        try:
            for job in jobs:
                result = shards.write(job, executor, workers, advance)
                finished[job.index] = result
        finally:
            # On Ctrl-C, what has not begun never does.
            executor.shutdown(cancel_futures=True)
    ordered = [finished[index] for index in range(len(plan.shards))]
    return [shard for shard, _ in ordered], [r for _, found in ordered for r in found]


def _job(index: int, folder: Folder, plan: Plan, annotations: Annotations) -> Job:
    planned = plan.shards[index]
    rows = plan.table.iloc[planned.start : planned.stop]
    sounds, videos = annotations.sounds, rows["video"].unique()
    return Job(
        folder=os.path.abspath(folder.path),
        index=index,
        planned=planned,
        plan=tuple(plan_lib.note(plan, index)),
        table=rows,
        pictures=annotations.pictures.only(rows["picture"].unique()),
        taxonomy=annotations.taxonomy,
        size=plan.size,
        sounds=sounds and sounds.only(planned.source, videos),
    )


def _same_rejects(
    rejects: list[Reject], planned: PlannedShard, plan: Plan, annotations: Annotations
) -> bool:
    """Returns whether what an earlier run rejected would be rejected again."""
    if not rejects:
        return True
    rows = plan.table.iloc[planned.start : planned.stop]
    clips = rows.loc[rows["key"].isin({reject.value for reject in rejects}), "clip"]
    rows = rows[rows["clip"].isin(clips)]
    # Sound rejects nothing, so that none has to be read here.
    again = encoder.encode(
        rows, planned, annotations.pictures, annotations.taxonomy, plan.size
    )
    return [reject for sample in again for reject in sample.rejects] == rejects


def _check_rejects(
    folder: Folder, annotations: Annotations, rejects: Sequence[Reject], limit: float
) -> None:
    """Raises where there are too many, and writes their list."""
    count, total = rejects_lib.num_rows(rejects), annotations.num_rows
    if rejects and (count > limit * total or count == total):
        first, path = rejects[0], folder.write_rejects(rejects)
        raise UserError(
            f"At most {limit:.2%} of the rows may be rejected, and never all. "
            f"Received: {count} of {total} ({count / total:.2%}). The first: "
            f"{first.file}, line {first.row}: {first.field}={first.value!r} "
            f"{first.reason}. All are in {path}. "
            "Correct them, or allow more with --max_rejects."
        )


def _check_splits(folder: Folder, plan: Plan, written: Sequence[Shard]) -> None:
    """Raises where a split has lost every picture."""
    kept = {shard.split for shard in written}
    lost = [shard.split for shard in plan.shards if shard.split not in kept]
    if lost:
        rows = (plan.table["split"] == lost[0]).sum()
        raise UserError(
            "A split must keep at least one picture. "
            f"Received: {lost[0]}, of which all {rows} were rejected. See "
            f"{folder.path / folder_lib.REJECTS_FILE} and correct them."
        )
