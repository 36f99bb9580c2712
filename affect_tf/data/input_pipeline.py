"""From shards to batches: streams that resume exactly, and evaluation to the row.

A training stream is a pure function of (seed, source, pass, position), so a run
that stopped after `n` steps continues with the batch it would have seen.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
from collections.abc import Iterator
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import images
from affect_tf.data import records
from affect_tf.data import sampling
from affect_tf.data.augment import Augmentation
from affect_tf.data.batch import Batch
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy

#: Clips parsed at once where records hold several frames.
_CLIPS_AT_ONCE = 64
_PASSES = 2**31


@dataclasses.dataclass(frozen=True)
class Source:
    """One stream of a stratified batch.

    Attributes:
      name: What logs call it.
      task: The primary task: the stream holds every sample with a label for it.
        None takes all samples, labelled or not.
      origins: Patterns over the records' source names ("affwild2", "disfa*").
      keep_shared: Whether labels of other tasks are kept beside the primary one.
        Without them (Vu et al. 2021, Eq. 9) a sample teaches its primary task only.
      share: Parts of the batch that it fills.
      balanced: Whether a sample is drawn as often as the data say
        (--balance_as=weights of the builder), instead of once a pass.

    Raises:
      ValueError: If the task is unknown, a field needs a task that is not there, or
        the share is not positive.
    """

    name: str
    task: str | None = None
    origins: tuple[str, ...] = ("*",)
    keep_shared: bool = True
    share: int = 1
    balanced: bool = False

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.task is not None and self.task not in TASKS:
            raise ValueError(
                f"Source.task must be None or one of {TASKS}. "
                f"Received: task={self.task!r}. Use None for all samples."
            )
        if self.share < 1:
            raise ValueError(
                "Source.share must be a positive whole number. "
                f"Received: share={self.share}. Leave the source out instead."
            )
        for field, needs in (
            ("keep_shared=False", not self.keep_shared),
            ("balanced=True", self.balanced),
        ):
            if needs and self.task is None:
                raise ValueError(
                    f"Source.{field} must come with a primary task. "
                    "Received: task=None. Name the task."
                )

    def masked(self, rows: records.Rows) -> records.Rows:
        """Returns the rows with the labels that this source lets through."""
        if self.keep_shared:
            return rows
        masks = {
            task: mask if task == self.task else tf.zeros_like(mask)
            for task, mask in rows.masks.items()
        }
        return rows._replace(masks=masks)


@dataclasses.dataclass(frozen=True)
class Faces:
    """The face records of one folder, as a model of `taxonomy` wants to see them.

    Attributes:
      directory: Folder with a manifest and its shards.
      manifest: What the folder holds.
      taxonomy: The vocabulary of the batches.
      image_size: Side of the faces in pixels.
      shuffle_buffer: Records held for shuffling, which bounds the memory.
    """

    directory: pathlib.Path
    manifest: Manifest
    taxonomy: Taxonomy
    image_size: int
    shuffle_buffer: int = 8192

    def steps_per_epoch(self, sources: Sequence[Source], batch_size: int) -> int:
        """Returns the steps in which the longest stream is seen once.

        Raises:
          ValueError: If the batch cannot be divided by the shares, or a source has
            no sample.
        """
        rows = _rows_of_each(sources, batch_size)
        return max(
            math.ceil(self._count(source) / share)
            for source, share in zip(sources, rows, strict=True)
        )

    def training(
        self,
        sources: Sequence[Source],
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        first_step: int = 0,
    ) -> tf.data.Dataset:
        """Returns an endless data set of stratified `Batch`es.

        Each batch has `batch_size` rows, divided between the sources by their
        shares. Every stream shuffles each of its passes anew; a short stream starts
        its next pass while a long one is still in its first.
        """
        rows = _rows_of_each(sources, batch_size)
        streams = [
            self._stream(source, share, seed + 7919 * position, first_step)
            for position, (source, share) in enumerate(zip(sources, rows, strict=True))
        ]
        index = tf.repeat(tf.range(len(rows)), rows)

        def assemble(step: tf.Tensor, parts: tuple[records.Rows, ...]) -> Batch:
            joined = tf.nest.map_structure(lambda *part: tf.concat(part, 0), *parts)
            batch = self._batch(joined, index)
            faces = augmentation(batch.inputs["image"], tf.stack([step, seed]))
            return batch._replace(inputs={"image": faces})

        joint = tf.data.Dataset.zip(tuple(streams))
        counter = tf.data.Dataset.counter(start=first_step)
        joint = tf.data.Dataset.zip((counter, joint))
        return joint.map(assemble, num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)

    def evaluation(self, split: str, batch_size: int) -> tf.data.Dataset:
        """Returns every row of a split once, in a fixed order.

        The last batch is filled up with rows of weight 0, so shapes never change.

        Raises:
          ValueError: If the split is empty.
        """
        strings = tf.data.TFRecordDataset(self._files(split, Source("all")))
        if self._stills:
            rows = strings.batch(batch_size).map(self._parse)
        else:
            rows = strings.batch(_CLIPS_AT_ONCE).map(self._parse).unbatch()
            rows = rows.batch(batch_size)

        def finish(part: records.Rows) -> Batch:
            batch = self._batch(part, tf.zeros_like(part.frame, tf.int32))
            missing = batch_size - tf.shape(part.key)[0]
            return tf.nest.map_structure(
                lambda value: _filled_up(value, missing, batch_size), batch
            )

        return rows.map(finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)

    @property
    def _stills(self) -> bool:
        return self.manifest.frames_per_sample["max"] == 1

    def _shards(self, split: str, source: Source) -> tuple[Shard, ...]:
        shards = self.manifest.select(split, task=source.task, sources=source.origins)
        if not sum(shard.frames for shard in shards):
            raise ValueError(
                f"Source {source.name!r} must have samples in split {split!r}. "
                f"Received: task={source.task!r}, origins={source.origins}, which "
                f"{self.directory} has none of. Remove the source, or build the data "
                "with such labels."
            )
        return shards

    def _count(self, source: Source) -> int:
        return sum(shard.frames for shard in self._shards("train", source))

    def _files(self, split: str, source: Source) -> list[str]:
        shards = self._shards(split, source)
        return [str(self.directory / shard.file) for shard in shards]

    def _parse(self, serialized: tf.Tensor) -> records.Rows:
        return records.parse(serialized, self.manifest.taxonomy, self.taxonomy)

    def _stream(
        self, source: Source, rows: int, seed: int, first_step: int
    ) -> tf.data.Dataset:
        """Returns an endless data set of `rows` rows of one source at a time."""
        files, count = self._files("train", source), self._count(source)
        if source.balanced:
            shards = self._shards("train", source)
            draws = sampling.draws(self.directory, self.manifest, shards, source.task)

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
                elements = elements.batch(_CLIPS_AT_ONCE).map(self._parse).unbatch()
            return elements.shuffle(self.shuffle_buffer, pass_seed + 1, False)

        first, offset = divmod(first_step * rows, count)
        elements = tf.data.Dataset.range(first, _PASSES).flat_map(one_pass)
        stream = elements.skip(offset).batch(rows, drop_remainder=True)
        # Stills are parsed a batch at a time, at a quarter of the cost of one by one.
        stream = stream.map(self._parse) if self._stills else stream
        return stream.map(source.masked)

    def _batch(self, rows: records.Rows, source: tf.Tensor) -> Batch:
        faces, valid = images.decode_batch(rows.image, self.image_size)
        problem = tf.strings.join(
            [
                "A stored picture must be a readable JPEG or PNG. Received: ",
                tf.strings.reduce_join(rows.key[~valid], separator=", "),
                ". Run 'python -m tfrecords_builder verify' on the folder.",
            ]
        )
        with tf.control_dependencies(
            [tf.debugging.Assert(tf.reduce_all(valid), [problem])]
        ):
            faces = tf.identity(faces)
        return Batch(
            inputs={"image": faces},
            labels=rows.labels,
            masks=rows.masks,
            source=source,
            weight=tf.ones_like(rows.frame, tf.float32),
            key=rows.key,
            # A name is unique within its source only.
            subject=tf.strings.join([rows.source, rows.subject], "/"),
        )


def read(dataset: tf.data.Dataset) -> Iterator[Batch]:
    """Yields the batches of a data set, with a reader's errors made readable.

    Raises:
      UserError: If a shard or a stored picture is damaged.
    """
    try:
        yield from dataset
    except (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
    ) as error:
        # The assertion's own words, without the trace of operations around them.
        found = re.search(r"assertion failed: \[b?['\"]?(.*?)['\"]?\]", error.message)
        reason = found.group(1) if found else error.message.splitlines()[0]
        raise UserError(reason) from error


def _rows_of_each(sources: Sequence[Source], batch_size: int) -> list[int]:
    """Returns how many rows of a batch each source fills."""
    parts = sum(source.share for source in sources)
    if not parts or batch_size % parts:
        raise ValueError(
            f"A batch must divide into {parts} equal parts, one for each share of the "
            f"sources. Received: batch_size={batch_size}. Use a multiple of {parts}, "
            f"such as {max(1, round(batch_size / max(parts, 1))) * parts}."
        )
    return [batch_size // parts * source.share for source in sources]


def _filled_up(value: tf.Tensor, missing: tf.Tensor, batch_size: int) -> tf.Tensor:
    """Returns `value` with zeros, or empty strings, as its last rows."""
    filler = tf.zeros(tf.concat([[missing], tf.shape(value)[1:]], 0), value.dtype)
    return tf.ensure_shape(
        tf.concat([value, filler], 0), [batch_size, *value.shape[1:]]
    )
