"""From shards to rows: endless streams of training samples, and a split in order.

A sample is a face, or a window of successive faces. A training stream is a pure
function of (seed, source, pass, position), so a run that stopped after `n` steps
continues with the samples it would have seen. Pictures stay as they are stored: a
shuffle buffer of them is small, and only the rows of a batch are ever decoded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from affect_tf.data import records
from affect_tf.data import sampling
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy

#: Frames parsed at once where records hold several; one longer record is parsed alone.
_FRAMES_AT_ONCE = 2048
_PASSES = 2**31


class Samples(NamedTuple):
    """Faces [N], or windows [N, T], before they are decoded.

    Attributes:
      rows: Each field with the leading axes [N] or [N, T].
      present: bool [N] or [N, T]. False for the padding of a window, whose row repeats
        the one before.
      number: int64 [N] or [N, T]. Position of the row in its split; 0 in training.
    """

    rows: records.Rows
    present: tf.Tensor
    number: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Streams:
    """The records of a folder as streams of samples.

    Attributes:
      directory: Folder with a manifest and its shards.
      manifest: What the folder holds.
      taxonomy: The vocabulary of the labels.
      shuffle_buffer: Faces held for shuffling, which bounds the memory.
      windows: How clips are cut; None where every frame stands alone.
    """

    directory: pathlib.Path
    manifest: Manifest
    taxonomy: Taxonomy
    shuffle_buffer: int
    windows: Windows | None = None
    _counts: dict[Source, int] = dataclasses.field(default_factory=dict, init=False)

    def count(self, source: Source) -> int:
        """Returns the samples of a training source, at least 1.

        Faces are counted by the manifest. Windows are counted by a pass over the
        frame numbers and masks of the records, once.

        Raises:
          ValueError: If there is none.
          UserError: If a shard is damaged.
        """
        if source not in self._counts:
            shards = self.shards("train", source)
            count = sum(shard.frames for shard in shards)
            if self.windows is not None:
                with readable():
                    count = self._counted_windows(source)
            if not count:
                raise self._empty("train", source)
            self._counts[source] = count
        return self._counts[source]

    def training(
        self, source: Source, rows: int, seed: int, batches: int
    ) -> tf.data.Dataset:
        """Returns an endless data set of `rows` samples of one source at a time.

        Args:
          source: Which samples.
          rows: Samples of an element.
          seed: Of their order.
          batches: Elements to leave out at the start.
        """
        count = self.count(source)
        files = self._files("train", source)
        if source.balanced:
            draws = self._draws(source)

        def one_pass(index: tf.Tensor) -> tf.data.Dataset:
            # The global seed must not reach the order of the samples; a shuffle
            # mixes it in, and cannot be built at all when it is 0.
            index.graph.seed = 1
            pass_seed = index * 1_000_003 + seed
            if source.balanced:
                elements = draws.one_pass(pass_seed)
            else:
                elements = sampling.each_once(files, pass_seed)
            if not self._stills:
                elements = elements.batch(self._clips_at_once)
                elements = elements.map(functools.partial(self._samples, source))
                elements = elements.unbatch()
            return elements.shuffle(self._samples_held, pass_seed + 1, False)

        first, offset = divmod(batches * rows, count)
        elements = tf.data.Dataset.range(first, _PASSES).flat_map(one_pass)
        stream = elements.skip(offset).batch(rows, drop_remainder=True)
        if self._stills:
            # They are parsed a batch at a time, at a quarter of the cost of one by one.
            stream = stream.map(functools.partial(self._samples, source))
        return stream.map(lambda part: part._replace(rows=source.masked(part.rows)))

    def in_order(self, split: str, rows: int) -> tf.data.Dataset:
        """Returns every frame of a split, `rows` samples at a time.

        Each frame comes once, or in every window that shows it. The last element may
        be smaller.

        Raises:
          ValueError: If the split is empty.
        """
        strings = tf.data.TFRecordDataset(self._files(split, Source("all")))
        at_once = rows if self._stills else self._clips_at_once

        def number(
            first: tf.Tensor, part: records.Rows
        ) -> tuple[tf.Tensor, tuple[records.Rows, tf.Tensor]]:
            stop = first + tf.size(part.frame, tf.int64)
            return stop, (part, tf.range(first, stop))

        def frames(part: records.Rows, numbers: tf.Tensor) -> Samples:
            return Samples(part, tf.ones_like(numbers, tf.bool), numbers)

        def windows(part: records.Rows, numbers: tf.Tensor) -> tf.data.Dataset:
            index, present = self.windows.windows_of(
                part.frame, self.windows.stride_in_evaluation, part.sample
            )

            def some(first: tf.Tensor) -> Samples:
                chosen = index[first : first + rows]
                return Samples(
                    _gathered(part, chosen),
                    present[first : first + rows],
                    tf.gather(numbers, chosen),
                )

            # Piece by piece: the windows of a long film hold its pictures many times.
            return tf.data.Dataset.range(0, tf.shape(index, tf.int64)[0], rows).map(
                some
            )

        parts = strings.batch(at_once).map(self._parse)
        parts = parts.scan(tf.constant(0, tf.int64), number)
        if self.windows is not None:
            return parts.flat_map(windows).rebatch(rows)
        return parts.map(frames) if self._stills else parts.map(frames).rebatch(rows)

    def shards(self, split: str, source: Source) -> tuple[Shard, ...]:
        """Returns the shards that hold the samples of a source.

        Raises:
          ValueError: If there is no sample.
        """
        shards = self.manifest.select(split, source.task, source.origins, source.also)
        if not sum(shard.frames for shard in shards):
            raise self._empty(split, source)
        return shards

    @property
    def _stills(self) -> bool:
        return self.windows is None and self.manifest.frames_per_sample["max"] == 1

    @property
    def _clips_at_once(self) -> int:
        return max(1, _FRAMES_AT_ONCE // self.manifest.frames_per_sample["max"])

    @property
    def _samples_held(self) -> int:
        length = 1 if self.windows is None else self.windows.length
        return max(1, self.shuffle_buffer // length)

    def _files(self, split: str, source: Source) -> list[str]:
        shards = self.shards(split, source)
        return [str(self.directory / shard.file) for shard in shards]

    def _draws(self, source: Source) -> sampling.Draws:
        if self.windows is not None:
            raise UserError(
                "A balanced source must read single faces. Received: balanced=True of "
                f"source {source.name!r}, beside windows. Set balanced=False."
            )
        shards = self.shards("train", source)
        return sampling.draws(self.directory, self.manifest, shards, source.task)

    def _parse(self, serialized: tf.Tensor) -> records.Rows:
        return records.parse(
            serialized, self.manifest.taxonomy, self.taxonomy, self.manifest.features
        )

    def _samples(self, source: Source, serialized: tf.Tensor) -> Samples:
        """Returns the samples of a source that some records hold."""
        rows = self._parse(serialized)
        if self.windows is None:
            zeros = tf.zeros_like(rows.frame)
            return Samples(rows, tf.ones_like(zeros, tf.bool), zeros)
        index, present = self._labelled_windows(source, rows)
        return Samples(_gathered(rows, index), present, tf.zeros_like(index))

    def _labelled_windows(
        self, source: Source, rows: records.Rows
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the windows with a label for each task of a source, [W, T] twice."""
        windows = self.windows
        index, present = windows.windows_of(rows.frame, windows.stride, rows.sample)
        kept = tf.ones_like(present[:, 0])
        for task in source.tasks:
            if task not in rows.masks:
                continue
            # Padding repeats a frame of its window: it can be left in.
            mask = tf.reshape(rows.masks[task] > 0, [tf.size(rows.frame), -1])
            labelled = tf.reduce_any(mask, axis=1)
            kept &= tf.reduce_any(tf.gather(labelled, index), axis=1)
        return tf.boolean_mask(index, kept), tf.boolean_mask(present, kept)

    def _counted_windows(self, source: Source) -> int:
        def count(total: tf.Tensor, serialized: tf.Tensor) -> tf.Tensor:
            rows = records.parse_labels(
                serialized, self.manifest.taxonomy, self.taxonomy
            )
            index, _ = self._labelled_windows(source, rows)
            return total + tf.shape(index, tf.int64)[0]

        strings = tf.data.TFRecordDataset(self._files("train", source))
        strings = strings.batch(self._clips_at_once).prefetch(1)
        return int(strings.reduce(tf.constant(0, tf.int64), count))

    def _empty(self, split: str, source: Source) -> ValueError:
        return ValueError(
            f"Source {source.name!r} must have samples in split {split!r}. "
            f"Received: task={source.task!r}, also={source.also}, "
            f"origins={source.origins}, which {self.directory} has none of. Remove "
            "the source, or build the data with such labels."
        )


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Makes a reader's errors readable.

    Raises:
      UserError: If a shard or a stored picture is damaged.
    """
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
    ) as error:
        # The assertion's own words, without the trace of operations around them.
        found = re.search(r"assertion failed: \[b?['\"]?(.*?)['\"]?\]", error.message)
        reason = found.group(1) if found else error.message.splitlines()[0]
        raise UserError(reason) from error


def joined(parts: Sequence[Samples]) -> Samples:
    """Returns the samples of several sources, one after the other."""
    return tf.nest.map_structure(lambda *part: tf.concat(part, 0), *parts)


def _gathered(rows: records.Rows, index: tf.Tensor) -> records.Rows:
    return tf.nest.map_structure(lambda value: tf.gather(value, index), rows)
