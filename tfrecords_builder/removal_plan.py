"""What a folder will hold when some people are gone from it; nothing is written."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from tfrecords_builder import people as people_lib
from tfrecords_builder import removal_journal
from tfrecords_builder import removal_search
from tfrecords_builder import removal_tables
from tfrecords_builder.people import Person
from tfrecords_builder.removal_journal import Journal
from tfrecords_builder.removal_search import Loss
from tfrecords_builder.removal_search import Search
from tfrecords_builder.removal_tables import Tables
from tfrecords_builder.writer import Progress

#: Reason in the manifest for the frames of people who were removed.
REASON = "person_removed"

#: Bytes that are copied at once.
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Removal:
    """What is to be done, and what people should know of it.

    Attributes:
      people: Who goes.
      absent: Names of those who go, and of whom there is no record (any more).
      manifest: The one that will be there.
      journal: What to do.
      tables: The new versions of the tables, and what goes from them.
      losses: Of the shards that hold these people.
      warnings: What is left without a sample.
    """

    people: tuple[Person, ...]
    absent: tuple[str, ...]
    manifest: Manifest
    journal: Journal
    tables: Tables
    losses: tuple[Loss, ...]
    warnings: tuple[str, ...]

    def frames(self, split: str) -> int:
        """Returns how many frames a split loses."""
        return sum(loss.frames for loss in self.losses if loss.shard.split == split)


def plan(
    directory: str | os.PathLike[str],
    manifest: Manifest,
    subjects: Sequence[str],
    progress: Progress | None = None,
) -> Removal:
    """Looks for people in every record, and works out the folder without them.

    Args:
      directory: A finished folder.
      manifest: Its manifest.
      subjects: Names as a command line gives them; see `people.resolve`.
      progress: Called now and then.

    Raises:
      UserError: If a name means several people, or nobody of whom anything is left,
        or the folder is damaged.
    """
    _check_files(directory, manifest)
    texts = frozenset(subjects)
    named = frozenset().union(*map(people_lib.film_names, texts))
    search = removal_search.search(
        directory,
        manifest,
        lambda who: people_lib.may_be_meant(who, texts),
        progress,
        named,
    )
    people, absent = people_lib.resolve(subjects, search.everybody)
    gone = [_left_of(directory, search, text) for text in absent]
    if search.meant != set(people):
        # One of the names is also, without its source, that of somebody else.
        search = removal_search.search(
            directory, manifest, lambda who: who in people, progress, named
        )
    shards, cuts, removed = _plan_shards(directory, manifest, search)
    losses = tuple(search.losses.values())
    others = removal_search.rows_of_others(directory, manifest, search)
    tables = removal_tables.plan(
        directory,
        (*people, *gone),
        search.traces,
        search.shared_videos,
        others,
        _films(gone),
    )
    without = _manifest(manifest, search, shards, losses, tables)
    journal = Journal(
        people=(*people, *gone),
        before=manifest.fingerprint,
        after=without.fingerprint,
        cuts=cuts,
        removed=(*removed, *tables.removed),
        tables=tuple(tables.texts),
    )
    warnings = tuple(_warnings(manifest, without))
    return Removal(people, absent, without, journal, tables, losses, warnings)


def kept_chunks(
    path: str | os.PathLike[str], cuts: Sequence[tuple[int, int]]
) -> Iterator[bytes]:
    """Yields the bytes of a file but for some ranges of it, in order."""
    size = os.path.getsize(path)
    starts = [0, *(stop for _, stop in cuts)]
    stops = [*(start for start, _ in cuts), size]
    with pathlib.Path(path).open("rb") as stream:
        for start, stop in zip(starts, stops, strict=True):
            stream.seek(start)
            while start < stop:
                chunk = stream.read(min(_CHUNK, stop - start))
                if not chunk:
                    return
                start += len(chunk)
                yield chunk


def _left_of(directory: str | os.PathLike[str], search: Search, text: str) -> Person:
    """Returns who is meant by a name without a record, of whom something is left.

    A build that was refused after the removal may have made the crops again.

    Raises:
      UserError: If nothing is left of anybody of that name.
    """
    for person in people_lib.absent(text, search.everybody):
        found = removal_tables.plan(
            directory,
            [person],
            removal_tables.Traces(),
            search.shared_videos,
            (),
            _films([person]),
        )
        if found.rows or found.removed:
            return person
    raise people_lib.nobody(text, os.fspath(directory), search.everybody)


def _films(people: Sequence[Person]) -> set[str]:
    """Returns the names that films of people without a record may have."""
    return {name for person in people for name in people_lib.film_names(person.subject)}


def _plan_shards(
    directory: str | os.PathLike[str], manifest: Manifest, search: Search
) -> tuple[list[Shard], dict[str, list[tuple[int, int]]], list[str]]:
    """Returns the shards that will be there, what is cut from them, and who go."""
    shards, cuts, removed = [], {}, []
    for shard in manifest.shards:
        loss = search.losses.get(shard.file)
        if loss is None:
            shards.append(shard)
        elif loss.samples == shard.samples:
            removed.append(shard.file)
        else:
            cuts[shard.file] = _joined(search.cuts[shard.file])
            shards.append(_cut_shard(directory, loss, cuts[shard.file]))
    return shards, cuts, removed


def _manifest(
    manifest: Manifest,
    search: Search,
    shards: Sequence[Shard],
    losses: Sequence[Loss],
    tables: Tables,
) -> Manifest:
    """Returns the manifest of what is left."""
    dropped = {split: dict(reasons) for split, reasons in manifest.dropped.items()}
    for loss in losses:
        of_split = dropped.setdefault(loss.shard.split, {})
        of_split[REASON] = of_split.get(REASON, 0) + loss.frames
    fingerprint = removal_journal.changed_fingerprint(manifest.fingerprint, shards)
    return dataclasses.replace(
        manifest,
        shards=tuple(shards),
        counts=search.manifest_counts(),
        frames_per_sample=search.lengths or {"min": 0, "max": 0},
        rejected=tables.rejected,
        dropped=dropped,
        fingerprint=fingerprint,
    )


def _cut_shard(
    directory: str | os.PathLike[str], loss: Loss, cuts: Sequence[tuple[int, int]]
) -> Shard:
    """Returns what a shard will be."""
    checksum, size = hashlib.sha256(), 0
    for chunk in kept_chunks(pathlib.Path(directory, loss.shard.file), cuts):
        checksum.update(chunk)
        size += len(chunk)
    return dataclasses.replace(
        loss.shard,
        samples=loss.shard.samples - loss.samples,
        frames=loss.shard.frames - loss.frames,
        bytes=size,
        sha256=checksum.hexdigest(),
    )


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns ordered ranges with neighbours made one."""
    joined: list[tuple[int, int]] = []
    for start, stop in ranges:
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, stop))
    return joined


def _check_files(directory: str | os.PathLike[str], manifest: Manifest) -> None:
    """Raises where a shard is not the file that was written."""
    problems = manifest.file_problems(directory)
    if problems:
        raise UserError(problems[0])
    for shard in manifest.shards:
        path = pathlib.Path(directory, shard.file)
        if path.is_symlink():
            raise UserError(
                "A shard must be a file of the folder, so that it can be replaced. "
                f"Received: {path}, which is a link to {os.readlink(path)}. Put the "
                "file itself there."
            )


def _warnings(before: Manifest, after: Manifest) -> Iterator[str]:
    """Yields what had samples and has none left."""
    for split in before.splits:
        if split not in after.splits:
            yield f"The {split} split has no sample left."
            continue
        for task, count in before.counts[split]["by_task"].items():
            if count and not after.counts[split]["by_task"][task]:
                yield f"The {split} split has no label for {task} left."
