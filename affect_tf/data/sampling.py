"""The records of a stream, pass by pass: each once, or as often as it is to be drawn.

A pass of a balanced stream is a systematic resample: record i of N is drawn

    floor or ceil of N w_i / sum(w)

times, N w_i / sum(w) on average over the passes, where w is the record's sampling
number for the stream's task. The draws of a pass are N exactly, whatever the numbers:
they are counted in whole parts of a draw, never in sums of fractions. So the place of a
balanced stream after n steps is arithmetic, as that of any other.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy

#: Shards read at once. The builder hashes the records of a group over its shards, and
#: orders them at random within each: neighbours have nothing in common but this order,
#: which only the shuffle buffer behind and the choice of shards change by the pass.
_OPEN_SHARDS = 16
#: Records parsed or repeated at once.
_TOGETHER = 512
#: Parts of one draw. A record with less than half a part in a pass, one draw in 2^31
#: passes, is never drawn.
_PARTS = 2**30
#: A record's draws of a pass lie together in the shuffle buffer. Where one has more
#: than this, the shards are read several times a pass, up to so many, and each reading
#: brings a part of them.
_DRAWS_TOGETHER = 4
_MAX_READINGS = 8


def each_once(files: Sequence[str], seed: tf.Tensor) -> tf.data.Dataset:
    """Returns the serialized records of some shards, in an order made of `seed`."""
    shards = tf.data.Dataset.from_tensor_slices(list(files))
    shards = shards.shuffle(len(files), seed, False)
    return shards.interleave(
        tf.data.TFRecordDataset, cycle_length=min(_OPEN_SHARDS, len(files))
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """How the records of a balanced stream are drawn.

    Attributes:
      files: The shards.
      sizes: Records of each.
      parts: int64 [N], how many of the N x 2^30 parts of a pass each record has.
      readings: How often the shards are read in one pass.
    """

    files: tuple[str, ...]
    sizes: tuple[int, ...]
    parts: tf.Tensor
    readings: int

    @classmethod
    def of(
        cls, files: Sequence[str], sizes: Sequence[int], numbers: np.ndarray
    ) -> Draws:
        """Returns the draws for sampling numbers, float [N], file by file.

        Raises:
          UserError: If the numbers draw nothing, as `whole_parts` says.
        """
        parts = whole_parts(numbers)
        together = parts.max() / _PARTS / _DRAWS_TOGETHER
        readings = int(np.clip(np.ceil(together), 1, _MAX_READINGS))
        return cls(tuple(files), tuple(sizes), tf.constant(parts), readings)

    def repeats(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns int64 [N], how often each record is drawn in a pass: N in all.

        Args:
          seed: int64 []. Another seed gives other draws.
        """
        # A mark at every 2^30th part, over the records in a random order: without it
        # the same neighbours would be drawn together in every pass.
        keys = _random(seed, 0, tf.size(self.parts))
        order = tf.argsort(keys, direction="DESCENDING")
        parts = tf.gather(self.parts, order)
        upto = tf.cumsum(parts) - _random(seed, 1, 1, _PARTS) - 1
        marks = upto // _PARTS - (upto - parts) // _PARTS
        return tf.scatter_nd(order[:, None], marks, tf.shape(marks))

    def one_pass(self, seed: tf.Tensor) -> tf.data.Dataset:
        """Returns the N serialized records of a pass; equal ones may be neighbours.

        Args:
          seed: int64 []. Decides the draws and the order.
        """
        readings = self.readings
        repeats = self.repeats(seed)
        first = _random(seed, 2, tf.size(repeats), readings)
        stops = np.cumsum(self.sizes)
        ranges = tf.constant(np.stack([stops - self.sizes, stops], 1), tf.int64)
        files = tf.constant(self.files)

        def one_reading(reading: tf.Tensor) -> tf.data.Dataset:
            reading.graph.seed = 1  # Keeps the global seed out of the shuffle.
            # The k-th draw of a record belongs to the k-th reading after its first.
            wait = (reading - first) % readings
            now = (repeats - wait + readings - 1) // readings

            def one_shard(shard: tf.Tensor) -> tf.data.Dataset:
                begin, end = ranges[shard, 0], ranges[shard, 1]
                return tf.data.Dataset.zip(
                    (
                        tf.data.TFRecordDataset(files[shard]),
                        tf.data.Dataset.from_tensor_slices(now[begin:end]),
                    )
                )

            shards = tf.data.Dataset.range(len(self.files))
            shards = shards.shuffle(len(self.files), seed + reading, False)
            return shards.interleave(
                one_shard, cycle_length=min(_OPEN_SHARDS, len(self.files))
            )

        drawn = tf.data.Dataset.range(readings).flat_map(one_reading)
        # Some hundred records at once: a data set for each would be the slowest part.
        return drawn.batch(_TOGETHER).map(tf.repeat).unbatch()


def draws(
    directory: pathlib.Path, manifest: Manifest, shards: Sequence[Shard], task: str
) -> Draws:
    """Reads the sampling numbers of some shards, once for a whole run.

    Args:
      directory: The folder of the records.
      manifest: What it holds.
      shards: Those of the stream, all of whose samples are labelled for `task`.
      task: Whose numbers to use.

    Raises:
      UserError: If the records have no numbers for the task, are clips, or cannot be
        read; or if every number is 0.
    """
    if task not in manifest.sampling:
        raise UserError(
            "A balanced source must read records with sampling numbers for its task. "
            f"Received: task={task!r} in {directory}, which has them for "
            f"{', '.join(manifest.sampling) or 'no task'}. Build the data with "
            f"--balance={task}=... --balance_as=weights, or set balanced=False."
        )
    if manifest.frames_per_sample["max"] > 1:
        raise UserError(
            "A balanced source must read stills. Received: "
            f"{directory}, with clips of up to {manifest.frames_per_sample['max']} "
            "frames. Build the data without clips, or set balanced=False."
        )
    shards = [shard for shard in shards if shard.samples]
    files = tuple(str(directory / shard.file) for shard in shards)
    sizes = tuple(shard.samples for shard in shards)
    numbers = _numbers(files, sizes, manifest.taxonomy, task)
    return Draws.of(files, sizes, numbers)


def whole_parts(numbers: np.ndarray) -> np.ndarray:
    """Returns how many parts of a pass each record has.

    Args:
      numbers: float [N], finite and not negative.

    Returns:
      int64 [N], N x 2^30 in sum, proportional to the numbers but for rounding.

    Raises:
      UserError: If all are 0, or one is no such number.
    """
    upto = np.cumsum(np.asarray(numbers, np.float64))
    if not (np.isfinite(upto).all() and (np.diff(upto, prepend=0.0) >= 0).all()):
        raise UserError(
            "A sampling number must be finite and at least 0. Received: "
            f"{np.min(numbers)} to {np.max(numbers)}. Build the data again."
        )
    if not upto[-1]:
        raise UserError(
            "A balanced source must have a sample to draw. Received: "
            f"{len(numbers)} samples whose sampling numbers are all 0. Build the data "
            "with another --balance, or set balanced=False."
        )
    # The last sum divides by itself to exactly 1, and so does every one that equals it:
    # the total is exact, and a number of 0 has no part.
    upto = np.rint(upto / upto[-1] * (len(upto) * _PARTS)).astype(np.int64)
    return np.diff(upto, prepend=0)


def _numbers(
    files: tuple[str, ...], sizes: tuple[int, ...], stored: Taxonomy, task: str
) -> np.ndarray:
    """Returns float32 [N], the numbers of a task, file by file."""
    column = stored.tasks.index(task)

    def batches(index: tf.Tensor, file: tf.Tensor) -> tf.data.Dataset:
        strings = tf.data.TFRecordDataset(file).batch(_TOGETHER)
        return strings.map(lambda some: (index, some))

    def numbers(index: tf.Tensor, some: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index, records.sampling(some, stored)[:, column]

    listed = tf.data.Dataset.from_tensor_slices((range(len(files)), list(files)))
    read = listed.flat_map(batches).map(numbers, tf.data.AUTOTUNE)
    found = [np.zeros(0, np.float32)]
    counts = np.zeros(len(files), np.int64)
    try:
        for index, some in read.as_numpy_iterator():
            found.append(some)
            counts[index] += len(some)
    except tf.errors.OpError as error:
        raise _damaged(error.message.splitlines()[0]) from error
    for file, count, size in zip(files, counts, sizes, strict=True):
        if count != size:
            raise _damaged(f"{count} of {size} in {file}")
    return np.concatenate(found)


def _damaged(what: str) -> UserError:
    return UserError(
        f"Every record of a shard must be readable. Received: {what}. "
        "Run 'python -m tfrecords_builder verify' on the folder."
    )


def _random(
    seed: tf.Tensor, purpose: int, count: tf.Tensor | int, below: int | None = None
) -> tf.Tensor:
    """Returns random int64 [count], in [0, below) or over the whole range."""
    return tf.random.stateless_uniform(
        [count],
        tf.stack([tf.cast(seed, tf.int64), purpose]),
        minval=None if below is None else 0,
        maxval=below,
        dtype=tf.int64,
        alg="philox",
    )
