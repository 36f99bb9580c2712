"""The one record schema: a clip of faces with the labels that each frame has.

A sample is a clip of T >= 1 frames (a still is T = 1), stored as one
`tf.train.Example`. Beside every label lies a mask, so that a missing label is
data and not a number that means "missing":

    key, source, subject, video, split   bytes, one each
    image       bytes  [T]     JPEG or PNG
    frame       int64  [T]     frame number in the video, 0 in a still
    expr        int64  [T]     class index; with expr_mask [T]
    au          int64  [T*U]   0 or 1, frame by frame; with au_mask [T*U]
    va          float  [T*2]   valence, arousal in [-1, 1]; with va_mask [T]
    sampling    float  [J]     how often a balanced stream of each task draws it
    time        int64  [T]     microseconds from the film's first frame
    sound       bytes  one     PCM, little-endian int16 [N*C]
    sound_start int64  one     which of the film's samples is the first of `sound`

A feature record is the same but for the pictures: in their place it has, for each layer
of a network that saw them,

    feature/<name>   bytes  [T]   the frame's vector, D numbers as little-endian float16

with the same names and the same D in every record of a folder; the manifest says which.

Indices are positions in the taxonomy of the manifest beside the shards, whose J tasks
are in the order of `Taxonomy.tasks`. A task that this taxonomy lacks has no features.
`sampling` is there only where the data set was balanced by weights; without it every
number is 1. `time` is there where the frames' times are known, and `sound` where the
film has a sound track; the manifest says its rate and its C channels. Sample n of a
film is at n / rate seconds, on the clock of `time`, in every film: where the track is
broken off or has not begun there are zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from affect_tf.data.record_encoder import encode
from affect_tf.data.sample import FEATURE
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.data.sample import SCHEMA_VERSION
from affect_tf.data.sample import Sound
from affect_tf.labels.taxonomy import Taxonomy

__all__ = ["SCHEMA_VERSION", "Frame", "Rows", "Sample", "Sound", "Sounds", "encode"]
__all__ += ["parse", "parse_labels", "parse_sounds", "sampling"]


class Rows(NamedTuple):
    """A parsed batch, one row a frame; R is the sum of the samples' T.

    Attributes:
      inputs: {"image": string [R]}, JPEG or PNG bytes; or, of feature records,
        name -> float16 [R, D]; or nothing, from `parse_labels`.
      labels: task -> expr int32 [R], au float32 [R, U], va float32 [R, 2]; 0
        where masked.
      masks: task -> expr float32 [R], au float32 [R, U], va float32 [R]; 1
        where labelled, else 0.
      key: string [R]. Key of the row's sample.
      subject: string [R].
      video: string [R].
      source: string [R].
      frame: int64 [R]. Frame number.
      sample: int64 [R]. Position of the row's sample in the batch.
      time: int64 [R]. Microseconds from the film's first frame; 0 where unknown.
    """

    inputs: dict[str, tf.Tensor]
    labels: dict[str, tf.Tensor]
    masks: dict[str, tf.Tensor]
    key: tf.Tensor
    subject: tf.Tensor
    video: tf.Tensor
    source: tf.Tensor
    frame: tf.Tensor
    sample: tf.Tensor
    time: tf.Tensor

    @property
    def image(self) -> tf.Tensor:
        """Strings [R]: JPEG or PNG bytes, where the records hold pictures."""
        return self.inputs["image"]


class Sounds(NamedTuple):
    """The sound of a batch, one entry a sample.

    Attributes:
      pcm: string [S]. Little-endian int16 numbers, the channels of a sample one after
        the other; empty where there is no sound.
      start: int64 [S]. Which of the film's samples is the first; 0 without sound.
    """

    pcm: tf.Tensor
    start: tf.Tensor


def parse(
    serialized: tf.Tensor,
    stored: Taxonomy,
    wanted: Taxonomy,
    features: Mapping[str, int] | None = None,
) -> Rows:
    """Parses a batch of records into one row a frame.

    Labels go from one vocabulary to the other by name: a frame whose class
    `wanted` lacks is masked, and so is a unit that `stored` lacks.

    Args:
      serialized: string [N]. Serialized samples; N may be 0.
      stored: The vocabulary that they were encoded with.
      wanted: The vocabulary of the result.
      features: Name -> width of the vectors to read; without any, pictures are read.

    Returns:
      `Rows`; labels and masks hold the tasks of `wanted` and no others.

    Raises:
      tf.errors.InvalidArgumentError: If a record is not in the schema.
    """
    stores = [FEATURE + name for name in features or ()] or ["image"]
    parsed, rows = _parsed(serialized, stored, wanted, stores)
    count = tf.size(rows.frame)
    if not features:
        pictures = tf.reshape(parsed["image"].flat_values, [count])
        return rows._replace(inputs={"image": pictures})
    inputs = {}
    for name, width in features.items():
        vectors = parsed[FEATURE + name].flat_values
        numbers = tf.io.decode_raw(vectors, tf.float16, little_endian=True)
        inputs[name] = tf.reshape(numbers, [count, width])
    return rows._replace(inputs=inputs)


def parse_labels(serialized: tf.Tensor, stored: Taxonomy, wanted: Taxonomy) -> Rows:
    """Parses all but the pictures, vectors and sound, which it steps over.

    Takes and returns what `parse` does; `inputs` is empty.
    """
    return _parsed(serialized, stored, wanted, [])[1]


def _parsed(
    serialized: tf.Tensor, stored: Taxonomy, wanted: Taxonomy, stores: Sequence[str]
) -> tuple[dict[str, tf.RaggedTensor], Rows]:
    """Returns the features as they are stored, and the rows without inputs."""
    features = tf.io.parse_example(serialized, _specification(stored, wanted, stores))
    frame = features["frame"].flat_values
    sample = features["frame"].value_rowids()

    def column(name: str, width: int) -> tf.Tensor:
        # The frame numbers rule, so a short label list is an error right here;
        # a feature that `stored` lacks is a column of zeros, or no column.
        shape = [tf.size(frame), width]
        if name not in features:
            return tf.zeros(shape, tf.int64)
        return tf.reshape(features[name].flat_values, shape)

    labels, masks = {}, {}
    if "expr" in wanted.tasks:
        index, mask = column("expr", 1)[:, 0], column("expr_mask", 1)[:, 0]
        labels["expr"], masks["expr"] = _wanted_expressions(index, mask, stored, wanted)
    if "au" in wanted.tasks:
        width = len(stored.action_units)
        positions = wanted.action_units_from(stored)
        known = _wanted_columns(column("au_mask", width), positions) > 0
        values = _wanted_columns(column("au", width), positions)
        labels["au"], masks["au"] = _where(known, values), tf.cast(known, tf.float32)
    if "va" in wanted.tasks:
        known = column("va_mask", 1) > 0
        labels["va"] = _where(known, tf.cast(column("va", 2), tf.float32))
        masks["va"] = tf.cast(known[:, 0], tf.float32)
    texts = ("key", "subject", "video", "source")
    return features, Rows(
        inputs={},
        labels=labels,
        masks=masks,
        frame=frame,
        sample=sample,
        time=_times(features["time"], features["frame"]),
        **{name: tf.gather(features[name], sample) for name in texts},
    )


def parse_sounds(serialized: tf.Tensor) -> Sounds:
    """Parses the sound of a batch of records, and nothing else.

    `parse` leaves it out, so that who sees pictures alone does not copy it.

    Args:
      serialized: string [N]. Serialized samples; N may be 0.

    Returns:
      `Sounds` of N entries.

    Raises:
      tf.errors.InvalidArgumentError: If a record is not in the schema.
    """
    parsed = tf.io.parse_example(
        serialized,
        {
            "sound": tf.io.FixedLenFeature([], tf.string, ""),
            "sound_start": tf.io.FixedLenFeature([], tf.int64, 0),
        },
    )
    return Sounds(parsed["sound"], parsed["sound_start"])


def sampling(serialized: tf.Tensor, stored: Taxonomy) -> tf.Tensor:
    """Returns how often balanced streams draw each of a batch of records.

    Reads nothing else of them, so it costs little.

    Args:
      serialized: string [N]. Serialized samples; N may be 0.
      stored: The vocabulary that they were encoded with.

    Returns:
      float32 [N, J], a column a task of `stored`; 1 where a record has no numbers.

    Raises:
      tf.errors.InvalidArgumentError: If a record is not in the schema.
    """
    width = len(stored.tasks)
    feature = tf.io.FixedLenFeature([width], tf.float32, [1.0] * width)
    return tf.io.parse_example(serialized, {"sampling": feature})["sampling"]


def _specification(
    stored: Taxonomy, wanted: Taxonomy, stores: Sequence[str]
) -> dict[str, object]:
    """Returns the features to parse: only those that someone will read."""
    columns = {"frame": tf.int64, "time": tf.int64, **dict.fromkeys(stores, tf.string)}
    for task in stored.tasks:
        if task in wanted.tasks:
            columns[task] = tf.float32 if task == "va" else tf.int64
            columns[f"{task}_mask"] = tf.int64
    return {
        **{
            name: tf.io.FixedLenFeature([], tf.string)
            for name in ("key", "source", "subject", "video")
        },
        **{
            name: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
            for name, dtype in columns.items()
        },
    }


def _times(stored: tf.RaggedTensor, frame: tf.RaggedTensor) -> tf.Tensor:
    """Returns int64 [R]; records with times may stand beside others without."""
    timed = tf.gather(stored.row_lengths() > 0, frame.value_rowids())
    shape = tf.shape(timed, tf.int64)
    # Fails where the times are fewer or more than the frames that should have one.
    return tf.scatter_nd(tf.where(timed), stored.flat_values, shape)


def _wanted_expressions(
    index: tf.Tensor, mask: tf.Tensor, stored: Taxonomy, wanted: Taxonomy
) -> tuple[tf.Tensor, tf.Tensor]:
    """Maps class indices between vocabularies; masks classes that have no place."""
    known = mask > 0
    index = _where(known, tf.cast(index, tf.int32))
    if stored.expressions and stored.expressions != wanted.expressions:
        table = stored.expressions_from(wanted)
        index = tf.gather(tf.constant(table, tf.int32), index)
        known &= index >= 0
    return _where(known, index), tf.cast(known, tf.float32)


def _where(known: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns zeros where a label is missing, whatever is stored there, even a NaN."""
    return tf.where(known, values, tf.zeros([], values.dtype))


def _wanted_columns(values: tf.Tensor, positions: Sequence[int]) -> tf.Tensor:
    """Picks columns as float32; those at position -1 are zeros."""
    values = tf.cast(values, tf.float32)
    if tuple(positions) == tuple(range(values.shape[1])):
        return values
    values = tf.pad(values, [[0, 0], [0, 1]])
    last = values.shape[1] - 1
    return tf.gather(values, [p if p >= 0 else last for p in positions], axis=1)
