"""Looks for people in every record of a folder, and counts what is of others."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import numpy as np
import pandas as pd

from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.manifest import SPLITS
from tfrecords_builder import counts
from tfrecords_builder import record_stream
from tfrecords_builder import removal_tables
from tfrecords_builder.people import Person
from tfrecords_builder.record_stream import Block
from tfrecords_builder.writer import Progress


class Loss(NamedTuple):
    """What one shard loses.

    Attributes:
      shard: As it was.
      samples: Records that go.
      frames: Frames that go.
    """

    shard: Shard
    samples: int
    frames: int


def search(
    directory: str | os.PathLike[str],
    manifest: Manifest,
    is_meant: Callable[[Person], bool],
    progress: Progress | None,
    named: Collection[str] = (),
) -> Search:
    """Reads every record of a folder once.

    Args:
      directory: The folder.
      manifest: Its manifest.
      is_meant: Who is looked for.
      progress: Called now and then.
      named: Photographs of which it should be known whether somebody stays in them.

    Raises:
      UserError: If a shard is damaged.
    """
    found = Search(manifest, is_meant, named)
    total = sum(shard.frames for shard in manifest.shards)
    done = 0
    for block in record_stream.blocks(directory, manifest, manifest.shards):
        found.take(block)
        done += len(block.rows.sample)
        if progress is not None:
            progress(done, total, False)
    return found


def rows_of_others(
    directory: str | os.PathLike[str], manifest: Manifest, found: Search
) -> Iterator[pd.DataFrame]:
    """Yields the rows of those who stay in the films of those who go."""
    films = found.traces.videos
    sources = {person.source for person in found.meant}
    shards = [shard for shard in manifest.shards if shard.source in sources]
    for block in record_stream.blocks(directory, manifest, shards):
        people = [Person(block.shard.source, name) for name in block.names("subject")]
        stays = np.array([person not in found.meant for person in people], bool)
        table = record_stream.table(block, manifest.taxonomy)
        yield table[stays[block.rows.sample.numpy()] & table["video"].isin(films)]


class Search:
    """What was found so far, of those who are meant and of all others.

    Attributes:
      everybody: Who is in the folder.
      meant: Those of them who are meant.
      lengths: The shortest and the longest clip of the others; empty without one.
      losses: File of a shard -> what is theirs in it.
      cuts: File -> the bytes that are theirs, (start, stop), in order.
      traces: Of their records.
    """

    def __init__(
        self,
        manifest: Manifest,
        is_meant: Callable[[Person], bool],
        named: Collection[str] = (),
    ) -> None:
        self._named = frozenset(named)
        self._photographs: set[str] = set()
        self._taxonomy = manifest.taxonomy
        self._is_meant = is_meant
        self._shard: Shard | None = None
        self._position = 0
        self._subjects_left: dict[str, set[Person]] = {}
        self._videos_left: dict[str, set[tuple[str, str]]] = {}
        self.everybody: set[Person] = set()
        self.meant: set[Person] = set()
        # Of the others, but for subjects and videos.
        self._counts: dict[str, Any] = {}
        self.lengths: dict[str, int] = {}
        self.losses: dict[str, Loss] = {}
        self.cuts: dict[str, list[tuple[int, int]]] = {}
        self.traces = removal_tables.Traces()

    def take(self, block: Block) -> None:
        """Takes the next records."""
        shard = block.shard
        if shard is not self._shard:
            self._shard, self._position = shard, 0
        subjects, videos = block.names("subject"), block.names("video")
        people = [Person(shard.source, subject) for subject in subjects]
        self.everybody.update(people)
        meant = {person for person in set(people) if self._is_meant(person)}
        self.meant |= meant
        goes = np.array([person in meant for person in people], bool)
        stops = self._position + np.cumsum(block.sizes)
        starts = stops - block.sizes
        self._position = int(stops[-1])
        left = self._subjects_left.setdefault(shard.split, set())
        left.update(person for person in people if person not in meant)
        named = {v for v, gone in zip(videos, goes, strict=True) if v and not gone}
        left = self._videos_left.setdefault(shard.split, set())
        left.update((shard.source, video) for video in named)
        keys = block.names("key")[~goes]
        # "<name>_p0" where everybody's face is kept, "<name>#2" where balancing copies.
        stems = {key.partition("#")[0] for key in keys}
        stems |= {stem.rpartition("_p")[0] for stem in stems}
        self._photographs |= stems & self._named
        table = record_stream.table(block, self._taxonomy)
        of_sample = block.rows.sample.numpy()
        self._count(table[~goes[of_sample]])
        if not goes.any():
            return
        before = self.losses.get(shard.file, Loss(shard, 0, 0))
        frames = int(goes[of_sample].sum())
        self.losses[shard.file] = Loss(
            shard, before.samples + int(goes.sum()), before.frames + frames
        )
        ranges = zip(starts[goes].tolist(), stops[goes].tolist(), strict=True)
        self.cuts.setdefault(shard.file, []).extend(ranges)
        self.traces.add(table[goes[of_sample]])

    @property
    def shared_videos(self) -> set[str]:
        """Films in which somebody stays, and such photographs of those named."""
        videos = {video for left in self._videos_left.values() for _, video in left}
        return videos | self._photographs

    def manifest_counts(self) -> dict[str, dict[str, Any]]:
        """Returns the counts of those who stay, split by split."""
        found = {
            split: self._counts[split] for split in SPLITS if split in self._counts
        }
        for split, of_split in found.items():
            # One subject, or film, may be in several blocks.
            of_split["subjects"] = len(self._subjects_left[split])
            of_split["videos"] = len(self._videos_left[split])
        return found

    def _count(self, table: pd.DataFrame) -> None:
        if table.empty:
            return
        self._counts = counts.add(self._counts, counts.of_table(table, self._taxonomy))
        lengths = counts.frames_per_sample(table)
        for name, nearest in (("min", min), ("max", max)):
            known = self.lengths.get(name, lengths[name])
            self.lengths[name] = nearest(known, lengths[name])
