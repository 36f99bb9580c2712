"""From parsed records to samples: which there are, and their rows piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from affect_tf.data import records
from affect_tf.data import sounds as sounds_lib
from affect_tf.data.cut import Cut
from affect_tf.data.cut import Cutter

#: Rows taken out of a record at once, or one window: with a small stride, the windows
#: of a long film hold each of its pictures many times.
_ROWS_AT_ONCE = 512

#: Stored vectors of which a sample has that of its own frame alone: what a network
#: heard up to it, which holds the past already.
NOT_SHOWN = ("sound_embedding",)


class Samples(NamedTuple):
    """Samples before they are decoded: N of them, which show T frames or one.

    Attributes:
      rows: Each field of the frames that are taught, with the leading axes of
        `number`; `inputs` with those of `present`.
      present: bool [N] or [N, T]. False for frames that are absent.
      number: int64 [N] or [N, T]. Position in its split of each row that is taught; 0
        in training.
      heard: What is heard, by the names of `Batch.inputs`; nothing without sound.
    """

    rows: records.Rows
    present: tf.Tensor
    number: tf.Tensor
    heard: dict[str, tf.Tensor]

    @property
    def taught(self) -> tf.Tensor:
        """Bool, of the shape of `number`: False for the padding of a window."""
        if self.number.shape.rank == self.present.shape.rank:
            return self.present
        return tf.ones_like(self.number, tf.bool)


def cut(rows: records.Rows, cutter: Cutter | None, training: bool = True) -> Cut:
    """Returns the samples of some records, in order.

    Args:
      rows: Of whole records.
      cutter: How they are cut; None where every frame is a sample.
      training: Whether they are to teach.
    """
    if cutter is None:
        index = tf.range(tf.size(rows.frame, tf.int64))
        return Cut(index, tf.ones_like(index, tf.bool), index)
    return cutter.cut(rows, training)


def labelled(rows: records.Rows, found: Cut, tasks: Sequence[str]) -> Cut:
    """Returns the samples with a label for each of some tasks.

    A window has the labels of its frames, not all of the same one. A task that the
    masks lack asks for nothing.
    """
    kept = tf.ones([tf.shape(found.taught)[0]], tf.bool)
    for task in tasks:
        if task not in rows.masks:
            continue
        # Padding repeats a frame of its window: it can be left in.
        mask = tf.reshape(rows.masks[task] > 0, [tf.size(rows.frame), -1])
        known = tf.gather(tf.reduce_any(mask, axis=1), found.taught)
        if known.shape.rank > 1:
            known = tf.reduce_any(known, axis=1)
        kept &= known
    return Cut(*(tf.boolean_mask(value, kept) for value in found))


def part(
    rows: records.Rows, found: Cut, readings: int, reading: tf.Tensor, seed: tf.Tensor
) -> Cut:
    """Returns the samples that one of several readings of the records brings.

    Sample i of a record comes with reading (i + s) mod `readings`, with s from the
    record's key and the seed: over all readings each comes once, whichever records
    are parsed together; neighbours in a film come apart.

    Args:
      rows: Of whole records.
      found: Their samples, of which a part is taken.
      readings: How many there are.
      reading: int64 [], which of them.
      seed: int64 []. Another seed gives other parts.
    """
    if readings == 1:
        return found
    first = tf.reshape(found.taught, [tf.shape(found.taught)[0], -1])[:, 0]
    record = tf.gather(rows.sample, first)
    places = tf.range(tf.size(record, tf.int64))
    # Positions within the record: records follow one another.
    begins = tf.math.segment_min(places, record)
    place = places - tf.gather(begins, record)
    names = tf.strings.join([tf.gather(rows.key, first), tf.strings.as_string(seed)])
    shift = tf.strings.to_hash_bucket_fast(names, readings)
    kept = (place + shift) % readings == reading
    return Cut(*(tf.boolean_mask(value, kept) for value in found))


def pieces(
    rows: records.Rows,
    numbers: tf.Tensor,
    found: Cut,
    listen: sounds_lib.Listener,
    size: int | None = None,
) -> tf.data.Dataset:
    """Returns `Samples`, some at a time, so that few rows are held more than once.

    Args:
      rows: Of whole records.
      numbers: int64 [R]. Position of each row in its split.
      found: The samples.
      listen: Gives what is heard at some rows.
      size: Samples of an element, of which the last may have fewer; None takes as
        many as hold some hundred rows.
    """
    shown = found.shown.shape[1] if found.shown.shape.rank > 1 else 1
    size = size or max(1, _ROWS_AT_ONCE // max(shown, listen.faces))

    def piece(first: tf.Tensor) -> Samples:
        some = Cut(*(value[first : first + size] for value in found))
        return Samples(
            _gathered(rows, some),
            some.present,
            tf.gather(numbers, some.taught),
            listen(*(tf.gather(v, some.taught) for v in (rows.time, rows.sample))),
        )

    count = tf.shape(found.taught, tf.int64)[0]
    return tf.data.Dataset.range(0, count, size).map(piece)


def whole(rows: records.Rows, numbers: tf.Tensor) -> Samples:
    """Returns all rows as faces, each with its number, int64 [R]."""
    return Samples(rows, tf.ones_like(numbers, tf.bool), numbers, {})


def joined(parts: Sequence[Samples]) -> Samples:
    """Returns the samples of several sources, one after the other."""
    return tf.nest.map_structure(lambda *some: tf.concat(some, 0), *parts)


def _gathered(rows: records.Rows, found: Cut) -> records.Rows:
    inputs = {
        name: tf.gather(value, found.taught if name in NOT_SHOWN else found.shown)
        for name, value in rows.inputs.items()
    }
    taught = tf.nest.map_structure(
        lambda value: tf.gather(value, found.taught), rows._replace(inputs={})
    )
    return taught._replace(inputs=inputs)
