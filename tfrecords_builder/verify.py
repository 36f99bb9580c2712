"""Reads a folder of records again and says what is wrong in it, record by record."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from concurrent import futures
from typing import Any
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from affect_tf.data import record_decoder
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.sample import check
from affect_tf.data.sample import Sample
from tfrecords_builder import counts
from tfrecords_builder import folder
from tfrecords_builder import pictures
from tfrecords_builder.writer import Progress

_BATCH = 256


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
      file: The file, relative to the folder.
      record: Its position in the file, from 0; None where it is the file itself.
      reason: What is wrong, without a full stop.
    """

    file: str
    record: int | None
    reason: str

    def __str__(self) -> str:
        """Returns one line for people."""
        place = (
            self.file if self.record is None else f"{self.file}, record {self.record}"
        )
        return f"{place}: {self.reason}"


def verify(
    directory: str | os.PathLike[str],
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Problem, ...]:
    """Checks a folder against its manifest, and its records against the schema.

    Every file has its checksum, every record parses in the manifest's taxonomy and
    lies where it belongs, every picture decodes to its end and has the right size,
    no key occurs twice, no subject lies in two splits, and the counts are those of
    the records.

    Args:
      directory: The folder.
      workers: Threads that decode pictures; by default one a core.
      progress: Called now and then.

    Returns:
      What is wrong, in order of files and records; nothing where all is well.

    Raises:
      UserError: If there is no readable manifest.
    """
    root = pathlib.Path(directory)
    manifest = Manifest.load(root)
    reading = _Reading(root, manifest)
    total = sum(shard.frames for shard in manifest.shards)
    done = 0
    with futures.ThreadPoolExecutor(workers or os.cpu_count() or 1) as executor:
        for shard in manifest.shards:
            for frames in reading.shard(shard, executor):
                done += frames
                if progress is not None:
                    progress(done, total, False)
    listed = {shard.file for shard in manifest.shards}
    for path in sorted(root.rglob("*.tfrecord")):
        file = path.relative_to(root).as_posix()
        if file not in listed and not file.startswith("."):
            reading.add(file, None, "is not in the manifest")
    reading.compare_counts()
    return tuple(reading.problems)


class _Reading:
    """What was found so far."""

    def __init__(self, root: pathlib.Path, manifest: Manifest) -> None:
        self._root = root
        self._manifest = manifest
        self._rows: list[dict[str, Any]] = []
        self._keys: dict[str, str] = {}
        self._splits: dict[tuple[str, str], str] = {}
        self.problems: list[Problem] = []

    def add(self, file: str, record: int | None, reason: str) -> None:
        self.problems.append(Problem(file, record, reason))

    def shard(self, shard: Shard, executor: futures.Executor) -> Iterator[int]:
        """Checks a shard; yields the frames of each batch of records."""
        path = self._root / shard.file
        if not path.is_file():
            self.add(shard.file, None, "is missing")
            return
        if path.stat().st_size != shard.bytes:
            size = path.stat().st_size
            self.add(shard.file, None, f"has {size} bytes instead of {shard.bytes}")
        elif folder.sha256(path) != shard.sha256:
            self.add(shard.file, None, "has another checksum than when it was built")
        index, frames = 0, 0
        batch: list[bytes] = []
        for serialized in self._records(shard):
            batch.append(serialized)
            if len(batch) == _BATCH:
                found = self._batch(shard, index, batch, executor)
                index, frames, batch = index + len(batch), frames + found, []
                yield found
        found = self._batch(shard, index, batch, executor)
        index, frames = index + len(batch), frames + found
        yield found
        for name, is_, was in (
            ("records", index, shard.samples),
            ("frames", frames, shard.frames),
        ):
            if is_ != was:
                self.add(
                    shard.file, None, f"has {is_} readable {name} instead of {was}"
                )

    def compare_counts(self) -> None:
        """Compares the manifest's counts with those of the records."""
        if self.problems:
            return  # They differ because of those.
        found: dict[str, Any] = {}
        if self._rows:
            table = pd.DataFrame(self._rows)
            taxonomy = self._manifest.taxonomy
            names = ["expression", "valence", "arousal", *taxonomy.action_units]
            table = table.reindex(columns=[*dict.fromkeys([*table, *names])])
            found = counts.of_table(table, taxonomy)
        for split in sorted({*found, *self._manifest.counts}):
            ours = found.get(split, {})
            theirs = self._manifest.counts.get(split, {})
            for name in [*dict.fromkeys([*ours, *theirs])]:
                if ours.get(name) != theirs.get(name):
                    self.add(
                        "manifest.json",
                        None,
                        f"counts {name}={theirs.get(name)} in {split}, but the records "
                        f"hold {ours.get(name)}",
                    )

    def _records(self, shard: Shard) -> Iterator[bytes]:
        """Yields the records of a file as far as they can be read."""
        position = 0
        try:
            for record in tf.data.TFRecordDataset(str(self._root / shard.file)):
                yield record.numpy()
                position += 1
        except tf.errors.OpError as error:
            reason = error.message.split("\n")[0].split(" [Op:")[0]
            self.add(shard.file, position, f"cannot be read ({reason})")

    def _batch(
        self, shard: Shard, first: int, batch: list[bytes], executor: futures.Executor
    ) -> int:
        """Checks some records; returns their number of frames."""
        frames = 0
        for offset, result in enumerate(executor.map(self._examined, batch)):
            sample, faults = result
            if sample is not None:
                faults = [*faults, *self._misplaced(sample, shard)]
                frames += len(sample.frames)
            for reason in faults:
                self.add(shard.file, first + offset, reason)
        return frames

    def _examined(self, serialized: bytes) -> tuple[Sample | None, list[str]]:
        """Returns the sample in a record, and what is wrong with it. Thread-safe."""
        try:
            sample = record_decoder.decode(serialized, self._manifest.taxonomy)
            check(sample, self._manifest.taxonomy)
        except ValueError as error:
            return None, [f"is no sample: {error}"]
        faults = []
        for position, frame in enumerate(sample.frames):
            try:
                pictures.check(frame.image, self._manifest.image_size)
            except pictures.PictureError as error:
                faults.append(f"picture {position} of {sample.key!r} {error}")
        return sample, faults

    def _misplaced(self, sample: Sample, shard: Shard) -> Iterator[str]:
        """Yields what sets a sample apart from its shard and the other samples."""
        for name in ("split", "source", "tasks"):
            is_, expected = getattr(sample, name), getattr(shard, name)
            if is_ != expected:
                yield f"{sample.key!r} has {name}={is_!r} in a file of {expected!r}"
        if sample.key in self._keys:
            yield f"{sample.key!r} is also in {self._keys[sample.key]}"
        self._keys[sample.key] = shard.file
        who = (sample.source, sample.subject)
        split = self._splits.setdefault(who, sample.split)
        if split != sample.split:
            yield f"subject {sample.subject!r} is in {split} and in {sample.split}"
        for frame in sample.frames:
            self._rows.append(
                {
                    "clip": sample.key,
                    "split": sample.split,
                    "source": sample.source,
                    "subject": sample.subject,
                    "expression": frame.expression,
                    "valence": np.nan if frame.valence is None else frame.valence,
                    **frame.action_units,
                }
            )
