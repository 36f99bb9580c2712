"""Reads a folder of records again and says what is wrong in it, record by record."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from concurrent import futures
from typing import NamedTuple

import tensorflow as tf

from affect_tf import files
from affect_tf.data import record_decoder
from affect_tf.data.manifest import FILE_NAME as MANIFEST
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.sample import check
from affect_tf.data.sample import Sample
from affect_tf.errors import UserError
from tfrecords_builder import counts
from tfrecords_builder import film_check
from tfrecords_builder import folder
from tfrecords_builder import pictures
from tfrecords_builder import place_check
from tfrecords_builder import rejects
from tfrecords_builder import removal_journal
from tfrecords_builder import report
from tfrecords_builder.writer import Progress

#: What is said of a file of records that no build left there.
STRANGER = "is not in the manifest"

_BATCH = 256
#: Records whose pictures a thread decodes at once.
_CHUNK = 32


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
    lies where it belongs and the seed put it, every picture decodes as in training
    and has the right size, no key occurs twice, no subject and no film lies in two
    splits, and the counts, the lengths of the clips and the number of rejects are
    those of the files. Feature records have the vectors that the manifest states, all
    of finite numbers, in place of pictures. Times rise, and sound is of the manifest's
    format and ends at the last frame of its clip. The tables of films, where there are
    any, do not contradict the records or each other.

    Args:
      directory: The folder.
      workers: Threads that decode pictures; by default one a core.
      progress: Called now and then.

    Returns:
      What is wrong, in order of files and records; nothing where all is well.

    Raises:
      UserError: If there is no readable manifest, or the folder is not finished.
    """
    root = pathlib.Path(directory)
    removal_journal.check_none_stopped(root)
    if folder.Folder(directory).stopped:
        raise UserError(
            "A folder must be finished to be verified. Received: "
            f"{os.fspath(directory)!r}, whose build was stopped or is running. "
            "Give the command that built it again: it continues."
        )
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
            reading.add(file, None, STRANGER)
    reading.compare_counts()
    reading.compare_rejects()
    reading.compare_films()
    return tuple(reading.problems)


class _Reading:
    """What was found so far."""

    def __init__(self, root: pathlib.Path, manifest: Manifest) -> None:
        self._root = root
        self._manifest = manifest
        self._tally = counts.Tally(manifest.taxonomy)
        self._places = place_check.Places(manifest)
        self._films = film_check.FilmCheck(root, manifest)
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
        elif files.sha256(path) != shard.sha256:
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
        self._tally.count()
        yield found
        for noun, is_, was in (
            ("readable record", index, shard.samples),
            ("readable frame", frames, shard.frames),
        ):
            if is_ != was:
                number = report.counted(is_, noun)
                self.add(shard.file, None, f"has {number} instead of {was:,}")
        if shard.file in self._places.unordered:
            seed = self._manifest.seed
            self.add(shard.file, None, f"is not in the order of seed {seed}")

    def compare_counts(self) -> None:
        """Compares the manifest's counts with those of the records."""
        for reason in place_check.manifest_faults(self._manifest):
            self.add(MANIFEST, None, reason)
        if self.problems:
            return  # They differ because of those.
        found = self._tally.total
        # One subject or film may be in several shards.
        for split in found:
            found[split] |= self._places.counts(split)
        lengths = self._tally.lengths or {"min": 0, "max": 0}
        stated = self._manifest.frames_per_sample
        if stated != lengths:
            self.add(
                MANIFEST,
                None,
                f"states frames_per_sample={stated}, but the records have {lengths}",
            )
        for split in sorted({*found, *self._manifest.counts}):
            ours = found.get(split, {})
            theirs = self._manifest.counts.get(split, {})
            for name in [*dict.fromkeys([*ours, *theirs])]:
                if name == "videos" and name not in theirs:
                    continue  # Older folders do not count them.
                if ours.get(name) != theirs.get(name):
                    self.add(
                        MANIFEST,
                        None,
                        f"counts {name}={theirs.get(name)} in {split}, but the records "
                        f"hold {ours.get(name)}",
                    )

    def compare_rejects(self) -> None:
        """Compares the number of rejected rows with those that are listed."""
        path = self._root / folder.REJECTS_FILE
        if self._manifest.features and not path.exists():
            return  # The list is beside the pictures that the features were made of.
        listed = rejects.num_rows(rejects.read(path) or ())
        stated = self._manifest.rejected
        if stated != listed:
            self.add(
                folder.REJECTS_FILE,
                None,
                f"lists {report.counted(listed, 'row')}, but the manifest counts "
                f"{stated:,}",
            )

    def compare_films(self) -> None:
        """Compares the tables of films with the records and with each other."""
        for file, reason in self._films.table_faults():
            self.add(file, None, reason)

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
        chunks = [batch[i : i + _CHUNK] for i in range(0, len(batch), _CHUNK)]
        results = [one for some in executor.map(self._examined, chunks) for one in some]
        for offset, (sample, faults) in enumerate(results):
            if sample is not None:
                faults += self._places.faults(sample, shard)
                faults += self._films.sample_faults(sample)
                frames += len(sample.frames)
                self._tally.take(sample)
            for reason in faults:
                self.add(shard.file, first + offset, reason)
        return frames

    def _examined(self, chunk: list[bytes]) -> list[tuple[Sample | None, list[str]]]:
        """Returns the sample in each record, and what is wrong with it. Thread-safe."""
        size = self._manifest.image_size
        found: list[tuple[Sample | None, list[str]]] = []
        stored: list[tuple[list[str], str, bytes]] = []
        for serialized in chunk:
            try:
                sample = record_decoder.decode(serialized, self._manifest.taxonomy)
                check(sample, self._manifest.taxonomy)
            except ValueError as error:
                found.append((None, [f"is no sample: {error}"]))
                continue
            faults: list[str] = []
            found.append((sample, faults))
            for position, frame in enumerate(sample.frames):
                if frame.features:
                    continue
                name = f"picture {position} of {sample.key!r}"
                try:
                    pictures.check(frame.image, size)
                except pictures.PictureError as error:
                    faults.append(f"{name} {error}")
                else:
                    stored.append((faults, name, frame.image))
        valid = pictures.readable([image for _, _, image in stored], size)
        for (faults, name, _), is_valid in zip(stored, valid, strict=True):
            if not is_valid:
                faults.append(f"{name} {pictures.UNREADABLE}")
        return found
