"""From parsed records to samples: which there are, and their rows piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.windows import Windows

#: Rows taken out of a record at once, or one window: with a small stride, the windows
#: of a long film hold each of its pictures many times.
_ROWS_AT_ONCE = 512


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


class Cut(NamedTuple):
    """Where the samples of some records are: faces [N], or windows [N, T].

    Attributes:
      index: int64 [N] or [N, T]. Rows of each; padding repeats the one before.
      present: bool, the same shape. False for padding.
    """

    index: tf.Tensor
    present: tf.Tensor


def cut(rows: records.Rows, windows: Windows | None, stride: int | None = None) -> Cut:
    """Returns the samples of some records, in order.

    Args:
      rows: Of whole records.
      windows: How they are cut; None where every frame is a sample.
      stride: Frames from one window to the next; None takes that of training.
    """
    if windows is None:
        index = tf.range(tf.size(rows.frame, tf.int64))
        return Cut(index, tf.ones_like(index, tf.bool))
    return Cut(*windows.windows_of(rows.frame, stride or windows.stride, rows.sample))


def labelled(rows: records.Rows, found: Cut, tasks: Sequence[str]) -> Cut:
    """Returns the samples with a label for each of some tasks.

    A window has the labels of its frames, not all of the same one. A task that the
    masks lack asks for nothing.
    """
    kept = tf.ones([tf.shape(found.index)[0]], tf.bool)
    for task in tasks:
        if task not in rows.masks:
            continue
        # Padding repeats a frame of its window: it can be left in.
        mask = tf.reshape(rows.masks[task] > 0, [tf.size(rows.frame), -1])
        known = tf.gather(tf.reduce_any(mask, axis=1), found.index)
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
    first = tf.reshape(found.index, [tf.shape(found.index)[0], -1])[:, 0]
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
    rows: records.Rows, numbers: tf.Tensor, found: Cut, size: int | None = None
) -> tf.data.Dataset:
    """Returns `Samples`, some at a time, so that few rows are held more than once.

    Args:
      rows: Of whole records.
      numbers: int64 [R]. Position of each row in its split.
      found: The samples.
      size: Samples of an element, of which the last may have fewer; None takes as
        many as hold some hundred rows.
    """
    length = found.index.shape[1] if found.index.shape.rank > 1 else 1
    size = size or max(1, _ROWS_AT_ONCE // length)

    def piece(first: tf.Tensor) -> Samples:
        index = found.index[first : first + size]
        present = found.present[first : first + size]
        return Samples(_gathered(rows, index), present, tf.gather(numbers, index))

    count = tf.shape(found.index, tf.int64)[0]
    return tf.data.Dataset.range(0, count, size).map(piece)


def whole(rows: records.Rows, numbers: tf.Tensor) -> Samples:
    """Returns all rows as faces, each with its number, int64 [R]."""
    return Samples(rows, tf.ones_like(numbers, tf.bool), numbers)


def joined(parts: Sequence[Samples]) -> Samples:
    """Returns the samples of several sources, one after the other."""
    return tf.nest.map_structure(lambda *some: tf.concat(some, 0), *parts)


def _gathered(rows: records.Rows, index: tf.Tensor) -> records.Rows:
    return tf.nest.map_structure(lambda value: tf.gather(value, index), rows)
