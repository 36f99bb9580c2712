"""The records of a folder as columns of labels, a bounded number at a time."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy

#: Bytes that a TFRecord file spends on each record beside the record itself: its
#: length and the two checksums.
_FRAMING = 16
#: Frames that are parsed at once; their pictures bound the memory.
_FRAMES = 1024


class Block(NamedTuple):
    """Neighbouring records of one shard.

    Attributes:
      shard: The shard.
      rows: Their frames, R of N records, labels in the manifest's taxonomy. The
        pictures are as they are stored; vectors of feature records are float16.
      sizes: int64 [N]. Bytes of each record in the file, its framing included.
      sounds: int64 [N]. Bytes of the sound in each; 0 where there is none.
    """

    shard: Shard
    rows: records.Rows
    sizes: np.ndarray
    sounds: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """int64 [N]: the first row of each record."""
        return np.searchsorted(self.rows.sample.numpy(), np.arange(len(self.sizes)))

    def names(self, column: str) -> np.ndarray:
        """Returns object [N]: the key, subject or video of each record, as text."""
        values = getattr(self.rows, column).numpy()[self.starts]
        return np.array([value.decode() for value in values], object)


def blocks(
    directory: str | os.PathLike[str], manifest: Manifest, shards: Sequence[Shard]
) -> Iterator[Block]:
    """Reads shards in order; no picture is decoded.

    Args:
      directory: The folder of the manifest.
      manifest: What the records were encoded with.
      shards: Those to read; there may be none.

    Yields:
      About a thousand frames at a time, and at least one record.

    Raises:
      UserError: If a file is missing or damaged, or holds something else than the
        manifest says.
    """
    longest = max(manifest.frames_per_sample.get("max", 1), 1)
    parse = _parser(manifest.taxonomy, tuple(manifest.features.items()))
    for shard in shards:
        path = pathlib.Path(directory) / shard.file
        number = 0
        try:
            data = tf.data.TFRecordDataset(str(path), buffer_size=1 << 20)
            for serialized in data.batch(max(1, _FRAMES // longest)).prefetch(1):
                sizes = tf.strings.length(serialized).numpy().astype(np.int64)
                rows, sounds = parse(serialized)
                yield Block(shard, rows, sizes + _FRAMING, sounds.numpy())
                number += len(sizes)
        except tf.errors.OpError as error:
            reason = error.message.split("\n")[0].split(" [Op:")[0]
            raise _damaged(directory, shard, reason) from error
        if number != shard.samples:
            raise _damaged(directory, shard, f"{number} records of {shard.samples}")


def table(block: Block, taxonomy: Taxonomy) -> pd.DataFrame:
    """Returns the columns that `counts` counts, one row a frame.

    Args:
      block: What `blocks` gave.
      taxonomy: Of the manifest.
    """
    rows, shard = block.rows, block.shard
    sample = rows.sample.numpy()
    columns = {
        "clip": block.names("key")[sample],
        "split": shard.split,
        "source": shard.source,
        "subject": block.names("subject")[sample],
        "video": block.names("video")[sample],
        "frame": rows.frame.numpy(),
        "expression": np.full(len(sample), None, object),
        "valence": np.full(len(sample), np.nan),
        "arousal": np.full(len(sample), np.nan),
    }
    if "expr" in rows.labels:
        classes = np.array([*taxonomy.expressions, None], object)
        index = np.where(rows.masks["expr"] > 0, rows.labels["expr"], -1)
        columns["expression"] = classes[index]
    if "va" in rows.labels:
        known = rows.masks["va"].numpy()[:, None] > 0
        pair = np.where(known, rows.labels["va"], np.nan)
        columns["valence"], columns["arousal"] = pair.T
    if "au" in rows.labels:
        units = np.where(rows.masks["au"] > 0, rows.labels["au"], np.nan)
        columns |= dict(zip(taxonomy.action_units, units.T, strict=True))
    return pd.DataFrame(columns)


@functools.lru_cache(maxsize=8)
def _parser(
    taxonomy: Taxonomy, features: tuple[tuple[str, int], ...]
) -> Callable[[tf.Tensor], tuple[records.Rows, tf.Tensor]]:
    """Returns a graph, so that parsing is traced once and not for each shard."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def parse(serialized: tf.Tensor) -> tuple[records.Rows, tf.Tensor]:
        rows = records.parse(serialized, taxonomy, taxonomy, dict(features))
        pcm = records.parse_sounds(serialized).pcm
        return rows, tf.cast(tf.strings.length(pcm), tf.int64)

    return parse


def _damaged(directory: str | os.PathLike[str], shard: Shard, reason: str) -> UserError:
    return UserError(
        "A folder must hold what was built. Received: "
        f"{pathlib.Path(directory) / shard.file}, which cannot be read to its end "
        f"({reason}). Run 'python -m tfrecords_builder verify {os.fspath(directory)}', "
        "then build it again."
    )
