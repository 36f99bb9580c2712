"""From shards to batches: training that resumes exactly, and evaluation to the row."""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data import batching as batching_lib
from affect_tf.data import cutting
from affect_tf.data import images
from affect_tf.data import reading
from affect_tf.data.augment import Augmentation
from affect_tf.data.batch import Batch
from affect_tf.data.batching import Batching
from affect_tf.data.batching import STRATIFIED
from affect_tf.data.cut import Cutter
from affect_tf.data.cutting import Samples
from affect_tf.data.manifest import Manifest
from affect_tf.data.sources import Source
from affect_tf.data.streams import Streams
from affect_tf.labels.taxonomy import Taxonomy

__all__ = ["Faces", "Source", "read"]


@dataclasses.dataclass(frozen=True)
class Faces:
    """The face records of one folder, as a model of `taxonomy` wants to see them.

    The folder holds pictures, or features that a network made of them: a batch then
    has these as its inputs, as `Batch` says.

    Attributes:
      directory: Folder with a manifest and its shards.
      manifest: What the folder holds.
      taxonomy: The vocabulary of the batches.
      image_size: Side of the faces in pixels.
      shuffle_buffer: Faces held for shuffling, which bounds the memory.
      windows: What of clips makes a sample; None where every frame stands alone.
    """

    directory: pathlib.Path
    manifest: Manifest
    taxonomy: Taxonomy
    image_size: int
    shuffle_buffer: int = 8192
    windows: Cutter | None = None

    def count(self, source: Source) -> int:
        """Returns the faces, or windows, of a training source, at least 1.

        Those of clips count where they have a label for each task of the source.

        Raises:
          ValueError: If it has none.
          UserError: If a shard is damaged.
        """
        return self._streams.count(source)

    def steps_per_epoch(
        self,
        sources: Sequence[Source],
        batch_size: int,
        batching: Batching = STRATIFIED,
    ) -> int:
        """Returns the steps of an epoch, as `batching` says.

        Of clips the samples are counted first, by a pass over the records: once.

        Raises:
          ValueError: If the sources cannot fill the batch by their shares, or one has
            no sample.
          UserError: If a shard is damaged.
        """
        rows = batching.rows(sources, batch_size)
        return batching.steps_per_epoch([self.count(each) for each in sources], rows)

    def training(
        self,
        sources: Sequence[Source],
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        first_step: int = 0,
        batching: Batching = STRATIFIED,
    ) -> tf.data.Dataset:
        """Returns an endless data set of `Batch`es.

        Every stream shuffles each of its passes anew, as `streams` says how well, and
        goes from one to the next in the middle of a batch; a short stream starts its
        next pass while a long one is still in its first. Features are not augmented.

        Args:
          sources: Where the samples come from.
          batch_size: Faces of a batch, or windows.
          augmentation: Drawn once for a window, the same for all of its frames.
          seed: Of the order and the augmentation.
          first_step: Batches to leave out at the start.
          batching: Which sources a batch is made of.

        Raises:
          ValueError: As `steps_per_epoch`.
          UserError: As `steps_per_epoch`; or if a source that is balanced cannot be.
        """
        rows = batching.rows(sources, batch_size)
        turns = batching.turns([self.count(each) for each in sources], rows)
        given = batching_lib.given_before(first_step, turns, len(sources))
        parts = [
            self._streams.training(source, share, seed + 7919 * position, batches)
            for position, (source, share, batches) in enumerate(
                zip(sources, rows, given, strict=True)
            )
        ]
        steps = tf.data.Dataset.counter(start=first_step)
        if turns is None:
            index = tf.repeat(tf.range(len(rows)), rows)
            samples = tf.data.Dataset.zip(tuple(parts)).map(
                lambda *part: (index, cutting.joined(part))
            )
        else:
            parts = [
                part.map(functools.partial(_of_source, position, rows[position]))
                for position, part in enumerate(parts)
            ]
            turn = steps.map(functools.partial(batching_lib.source_of, turns=turns))
            samples = tf.data.Dataset.choose_from_datasets(parts, turn)

        def assemble(step: tf.Tensor, part: tuple[tf.Tensor, Samples]) -> Batch:
            batch = self._batch(part[1], part[0])
            if "image" not in batch.inputs:
                return batch
            faces = augmentation(batch.inputs["image"], tf.stack([step, seed]))
            return batch._replace(inputs={**batch.inputs, "image": faces})

        joint = tf.data.Dataset.zip((steps, samples))
        return joint.map(assemble, num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)

    def evaluation(self, split: str, batch_size: int) -> tf.data.Dataset:
        """Returns every frame of a split in a fixed order.

        Each comes once, or in every window that shows it, of which there are as many
        in a batch as hold `batch_size` faces (at least one). The last batch is filled
        up with rows of weight 0, so shapes never change.

        Raises:
          ValueError: If the split is empty.
        """
        length = 1 if self.windows is None else self.windows.length
        samples = max(1, batch_size // length)
        source = tf.zeros([], tf.int32)

        def finish(part: Samples) -> Batch:
            batch = self._batch(part, tf.fill([tf.shape(part.number)[0]], source))
            inputs = {
                name: _filled_up(value, samples) for name, value in batch.inputs.items()
            }
            taught = samples * math.prod(part.number.shape[1:])
            rows = tf.nest.map_structure(
                lambda value: _filled_up(value, taught), batch._replace(inputs={})
            )
            number = tf.where(rows.weight > 0, rows.row, -1)
            return rows._replace(inputs=inputs, row=number)

        found = self._streams.in_order(split, samples)
        return found.map(finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)

    @functools.cached_property
    def _streams(self) -> Streams:
        return Streams(
            self.directory,
            self.manifest,
            self.taxonomy,
            self.shuffle_buffer,
            self.windows,
        )

    def _batch(self, samples: Samples, source: tf.Tensor) -> Batch:
        """Returns the batch of some samples; `source` is int32, one for each."""
        rows, shape = samples.rows, samples.number.shape
        inputs = {
            name: tf.cast(value, tf.float32)
            for name, value in rows.inputs.items()
            if name != "image"
        }
        if "image" in rows.inputs:
            faces = self._faces(rows.image, samples)
            faces = tf.reshape(faces, [*_sizes(samples.present), *faces.shape[1:]])
            inputs["image"] = faces
        if samples.present.shape.rank > 1:
            inputs["present"] = samples.present
        inputs |= samples.heard
        if shape.rank > 1:
            source = tf.repeat(source, shape[1])
        rows = rows._replace(inputs={})
        rows = tf.nest.map_structure(lambda value: _flat(value, shape), rows)
        present = _flat(samples.taught, shape)

        def known(value: tf.Tensor) -> tf.Tensor:
            axes = [1] * (len(value.shape) - 1)
            here = tf.reshape(present, [-1, *axes])
            return tf.where(here, value, tf.zeros([], value.dtype))

        # A name is unique within its source only.
        subject = tf.strings.join([rows.source, rows.subject], "/")
        return Batch(
            inputs=inputs,
            labels={task: known(value) for task, value in rows.labels.items()},
            masks={task: known(value) for task, value in rows.masks.items()},
            source=source,
            weight=tf.cast(present, tf.float32),
            key=known(rows.key),
            subject=known(subject),
            frame=known(rows.frame),
            row=_flat(samples.number, shape),
        )

    def _faces(self, stored: tf.Tensor, samples: Samples) -> tf.Tensor:
        """Decodes pictures, string [N] or [N, T], to uint8 [N or N * T, S, S, 3].

        Absent ones are not decoded: any other face stands in their place.
        """
        key = samples.rows.key
        if key.shape.rank < stored.shape.rank:
            key = tf.repeat(key, stored.shape[1])
        stored, key, present = (
            tf.reshape(x, [-1]) for x in (stored, key, samples.present)
        )
        if self.windows is not None:
            stored, key = stored[present], key[present]
        faces, valid = images.decode_batch(stored, self.image_size)
        problem = tf.strings.join(
            [
                "A stored picture must be a readable JPEG or PNG. Received: ",
                tf.strings.reduce_join(tf.unique(key[~valid])[0], separator=", "),
                ". Run 'python -m tfrecords_builder verify' on the folder.",
            ]
        )
        with tf.control_dependencies(
            [tf.debugging.Assert(tf.reduce_all(valid), [problem])]
        ):
            if self.windows is None:
                return tf.identity(faces)
            place = tf.cumsum(tf.cast(present, tf.int32)) - 1
            return tf.gather(faces, tf.maximum(place, 0))


def read(dataset: tf.data.Dataset) -> Iterator[Batch]:
    """Yields the batches of a data set, with a reader's errors made readable.

    Raises:
      UserError: If a shard or a stored picture is damaged.
    """
    with reading.readable():
        yield from dataset


def _of_source(position: int, rows: int, samples: Samples) -> tuple[tf.Tensor, Samples]:
    return tf.fill([rows], position), samples


def _sizes(value: tf.Tensor) -> list[tf.Tensor | int]:
    """Returns the sides of a tensor, as numbers where they are known."""
    dynamic = tf.shape(value)
    return [
        dynamic[axis] if side is None else side for axis, side in enumerate(value.shape)
    ]


def _flat(value: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Returns samples [N, ...] or windows [N, T, ...] as rows."""
    return tf.reshape(value, [-1, *value.shape[len(shape) :]])


def _filled_up(value: tf.Tensor, size: int) -> tf.Tensor:
    """Returns `value` with zeros, or empty strings, as its last rows."""
    missing = size - tf.shape(value)[0]
    filler = tf.zeros(tf.concat([[missing], tf.shape(value)[1:]], 0), value.dtype)
    return tf.ensure_shape(tf.concat([value, filler], 0), [size, *value.shape[1:]])
