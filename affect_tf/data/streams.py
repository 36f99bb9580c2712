"""From shards to samples: endless streams for training, and a split in order.

A sample is a face, or a window of successive faces. A training stream is a pure
function of (seed, source, pass, position), so a run that stopped after `n` steps
continues with the samples it would have seen. Pictures stay as they are stored: a
shuffle buffer of them is small, and only the rows of a batch are ever decoded.

How well a pass is shuffled: the order is that of the shards, taken 16 at a time in an
order drawn anew, behind a buffer of `shuffle_buffer` faces. Stills are hashed over
their shards by the builder, so a batch is as mixed as the data. The faces of a clip lie
together, and a buffer that holds few clips would give batches of few people: where it
holds less than 128, a pass reads the shards up to 8 times, and each reading brings
another part of every clip. Reading does not decode, and mixes as well as a buffer so
many times larger, which is the other way where there is memory.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib

import tensorflow as tf

from affect_tf.data import cutting
from affect_tf.data import reading
from affect_tf.data import records
from affect_tf.data import sampling
from affect_tf.data import sounds
from affect_tf.data.cut import Cut
from affect_tf.data.cut import Cutter
from affect_tf.data.cutting import Samples
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.past import Past
from affect_tf.data.sources import Source
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy

#: Frames parsed at once where records hold several; one longer record is parsed alone.
_FRAMES_AT_ONCE = 2048
#: Clips whose samples the shuffle buffer should hold at a time, and the readings of a
#: pass that this may cost.
_CLIPS_HELD = 128
_MAX_READINGS = 8
_PASSES = 2**31


@dataclasses.dataclass(frozen=True, eq=False)
class Streams:
    """The records of a folder as streams of samples.

    Attributes:
      directory: Folder with a manifest and its shards.
      manifest: What the folder holds.
      taxonomy: The vocabulary of the labels.
      shuffle_buffer: Faces held for shuffling, which bounds the memory.
      windows: What of clips makes a sample; None where every frame stands alone.
    """

    directory: pathlib.Path
    manifest: Manifest
    taxonomy: Taxonomy
    shuffle_buffer: int
    windows: Cutter | None = None
    _counts: dict[tuple[object, ...], int] = dataclasses.field(
        default_factory=dict, init=False
    )

    def count(self, source: Source) -> int:
        """Returns the samples of a training source, at least 1.

        Stills are counted by the manifest: all of a shard have the labels that it
        says. Of clips, the frames, or windows, with a label for each task of the
        source are counted by a pass over the masks of the records: once for all
        sources with the same tasks and shards.

        Raises:
          ValueError: If there is none.
          UserError: If a shard is damaged.
        """
        shards = self.shards("train", source)
        if self.windows is None and (self._stills or not source.tasks):
            return sum(shard.frames for shard in shards)
        wanted = (frozenset(source.tasks), shards)
        if wanted not in self._counts:
            with reading.readable():
                self._counts[wanted] = self._counted(source)
        if not self._counts[wanted]:
            raise self._empty("train", source)
        return self._counts[wanted]

    def training(
        self, source: Source, rows: int, seed: int, batches: int
    ) -> tf.data.Dataset:
        """Returns an endless data set of `rows` samples of one source at a time.

        Pass follows pass without a break, also inside an element: of the first `n`
        samples, each one of the source's `count` is floor(n / count) or
        ceil(n / count), unless the source is balanced.

        Args:
          source: Which samples: of clips, the frames or windows with a label for each
            of its tasks.
          rows: Samples of an element.
          seed: Of their order.
          batches: Elements to leave out at the start.
        """
        count = self.count(source)
        files = self._files("train", source)
        draws = self._draws(source) if source.balanced else None
        readings = self._readings(source)

        def one_pass(index: tf.Tensor) -> tf.data.Dataset:
            # The global seed must not reach the order of the samples; a shuffle
            # mixes it in, and cannot be built at all when it is 0.
            index.graph.seed = 1
            pass_seed = index * 1_000_003 + seed

            def one_reading(reading: tf.Tensor) -> tf.data.Dataset:
                reading.graph.seed = 1

                def samples(serialized: tf.Tensor) -> tf.data.Dataset:
                    parsed = self._parse(serialized)
                    found = self._samples(source, parsed)
                    found = cutting.part(parsed, found, readings, reading, pass_seed)
                    return cutting.pieces(
                        parsed,
                        tf.zeros_like(parsed.frame),
                        found,
                        self._listener(serialized),
                    )

                clips = sampling.each_once(files, pass_seed + reading)
                return clips.batch(self._clips_at_once).flat_map(samples).unbatch()

            if draws is not None:
                elements = draws.one_pass(pass_seed)
            elif self._stills:
                elements = sampling.each_once(files, pass_seed)
            else:
                elements = tf.data.Dataset.range(readings).flat_map(one_reading)
            return elements.shuffle(self._samples_held, pass_seed + 1, False)

        def stills(serialized: tf.Tensor) -> Samples:
            parsed = self._parse(serialized)
            return cutting.whole(parsed, tf.zeros_like(parsed.frame))

        first, offset = divmod(batches * rows, count)
        elements = tf.data.Dataset.range(first, _PASSES).flat_map(one_pass)
        stream = elements.skip(offset).batch(rows, drop_remainder=True)
        if self._stills:
            # They are parsed a batch at a time, at a quarter of the cost of one by one.
            stream = stream.map(stills)
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
            first: tf.Tensor, serialized: tf.Tensor
        ) -> tuple[tf.Tensor, tuple[tf.Tensor, records.Rows, tf.Tensor]]:
            part = self._parse(serialized)
            stop = first + tf.size(part.frame, tf.int64)
            return stop, (serialized, part, tf.range(first, stop))

        def samples(
            serialized: tf.Tensor, part: records.Rows, numbers: tf.Tensor
        ) -> tf.data.Dataset:
            found = cutting.cut(part, self.windows, training=False)
            heard = self._listener(serialized)
            return cutting.pieces(part, numbers, found, heard, rows)

        parts = strings.batch(at_once).scan(tf.constant(0, tf.int64), number)
        if self._stills:
            return parts.map(lambda _, part, numbers: cutting.whole(part, numbers))
        return parts.flat_map(samples).rebatch(rows)

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
        at_once = max(1, _FRAMES_AT_ONCE // self.manifest.frames_per_sample["max"])
        # Short clips hold as much sound as long ones.
        return min(at_once, _CLIPS_HELD) if self.manifest.sound else at_once

    @property
    def _samples_held(self) -> int:
        if self.windows is None:
            return self.shuffle_buffer
        # Of features, the sound is a vector like the others.
        stored = self.manifest.features
        held = self.windows.length if stored else self.windows.held
        return max(1, self.shuffle_buffer // held)

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
        stored, features = self.manifest.taxonomy, self.manifest.features
        if isinstance(self.windows, Past) and not self.windows.frames and not features:
            return records.parse_labels(serialized, stored, self.taxonomy)
        return records.parse(serialized, stored, self.taxonomy, features)

    def _listener(self, serialized: tf.Tensor) -> sounds.Listener:
        """Returns what gives the sound of some records, where any is listened to."""
        past = self.windows
        if not isinstance(past, Past) or not past.sound or self.manifest.features:
            return sounds.Deaf()
        return sounds.Recordings(records.parse_sounds(serialized), past)

    def _samples(self, source: Source, rows: records.Rows) -> Cut:
        """Returns the samples of a source that some records hold."""
        return cutting.labelled(rows, cutting.cut(rows, self.windows), source.tasks)

    def _readings(self, source: Source) -> int:
        """Returns how often a pass reads the clips, each time for a part of each."""
        if self._stills:
            return 1
        clips = sum(shard.samples for shard in self.shards("train", source))
        samples = self.count(source) / clips
        together = min(clips, _CLIPS_HELD) * samples / self._samples_held
        return min(math.ceil(together), math.ceil(samples), _MAX_READINGS)

    def _counted(self, source: Source) -> int:
        def count(total: tf.Tensor, serialized: tf.Tensor) -> tf.Tensor:
            rows = records.parse_labels(
                serialized, self.manifest.taxonomy, self.taxonomy
            )
            found = self._samples(source, rows)
            return total + tf.shape(found.taught, tf.int64)[0]

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
