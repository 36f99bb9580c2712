"""Records of features: those of pictures, with a network's vectors in their place."""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from affect_tf import files
from affect_tf.data import images
from affect_tf.data import reading
from affect_tf.data import records
from affect_tf.data.past import Past
from affect_tf.data.sample import FEATURE
from affect_tf.data.sounds import Recordings
from affect_tf.errors import UserError

#: The inputs of N frames, as of a `Batch`, to name -> float [N, D], tensors or arrays.
Extractor = Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]

#: How vectors are stored: half the space, and an error of 1 in 2,000 at the most.
_STORED = np.dtype("<f2")


def write_shard(
    source: pathlib.Path,
    target: pathlib.Path,
    extract: Extractor,
    image_size: int,
    batch_size: int,
    past: Past | None = None,
) -> Iterator[int]:
    """Writes the feature records of one shard, record by record in its order.

    Everything else of a record (labels, masks, names, times, sampling numbers) is kept
    as it is, but for the sound, of which the features hold what was heard. Memory holds
    one record and one batch of decoded faces, however long clips are.

    Args:
      source: A shard of pictures.
      target: The shard of features; it is whole or absent.
      extract: The network.
      image_size: Side of the faces that it sees.
      batch_size: Faces that it sees at once.
      past: How much of the sound before each frame it hears; None for none.

    Yields:
      The frames of each record that was written.

    Raises:
      UserError: If the shard is damaged, a picture cannot be read, or a feature does
        not fit in float16.
    """
    part = target.with_name(f".{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    vectors = _Vectors(_batches(source, extract, image_size, batch_size, past))
    damage = reading.readable(f"Shard {source}")
    with tf.io.TFRecordWriter(str(part)) as writer, damage:
        for serialized in tf.data.TFRecordDataset(str(source)).as_numpy_iterator():
            example = tf.train.Example.FromString(serialized)
            count = len(example.features.feature["image"].bytes_list.value)
            replaced = _replaced(example, vectors.take(count), source)
            writer.write(replaced.SerializeToString(deterministic=True))
            yield count
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    files.rename(part, target)


class _Vectors:
    """Rows that come in batches, taken out in other numbers."""

    def __init__(self, batches: Iterator[dict[str, np.ndarray]]) -> None:
        self._batches = batches
        self._waiting: collections.deque[dict[str, np.ndarray]] = collections.deque()
        self._count = 0

    def take(self, count: int) -> dict[str, np.ndarray]:
        """Returns the next `count` rows of each array."""
        while self._count < count:
            batch = next(self._batches)
            self._waiting.append(batch)
            self._count += len(batch["valid"])
        rows = {
            name: np.concatenate([batch[name] for batch in self._waiting])
            for name in self._waiting[0]
        }
        self._waiting.clear()
        self._waiting.append({name: array[count:] for name, array in rows.items()})
        self._count -= count
        return {name: array[:count] for name, array in rows.items()}


def _batches(
    source: pathlib.Path,
    extract: Extractor,
    image_size: int,
    batch_size: int,
    past: Past | None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yields vectors of the shard's frames, and whether each picture was read."""
    columns = {
        "image": tf.io.RaggedFeature(tf.string),
        "time": tf.io.RaggedFeature(tf.int64),
    }

    def frames(serialized: tf.Tensor) -> tf.data.Dataset:
        stored = tf.io.parse_single_example(serialized, columns)
        image = stored["image"]
        if past is None or not past.num_samples:
            return tf.data.Dataset.from_tensor_slices({"image": image})
        sounds = records.parse_sounds(serialized[tf.newaxis])
        listen = Recordings(sounds, past)
        # Without times there is no sound either.
        time = tf.cond(
            tf.size(stored["time"]) > 0,
            lambda: stored["time"],
            lambda: tf.zeros_like(image, tf.int64),
        )

        def some(first: tf.Tensor) -> dict[str, tf.Tensor]:
            part = slice(first, first + batch_size)
            clip = tf.zeros_like(time[part])
            return {"image": image[part], **listen(time[part], clip)}

        count = tf.size(image, tf.int64)
        return tf.data.Dataset.range(0, count, batch_size).map(some).unbatch()

    def decoded(inputs: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        faces, valid = images.decode_batch(inputs["image"], image_size)
        return {**inputs, "image": faces}, valid

    dataset = tf.data.TFRecordDataset(str(source)).flat_map(frames)
    dataset = dataset.batch(batch_size).map(decoded, tf.data.AUTOTUNE).prefetch(2)
    for inputs, valid in dataset:
        vectors = {name: array.numpy() for name, array in extract(inputs).items()}
        yield {**vectors, "valid": valid.numpy()}


def _replaced(
    example: tf.train.Example, rows: dict[str, np.ndarray], source: pathlib.Path
) -> tf.train.Example:
    """Returns the record with vectors in place of its pictures."""
    features = example.features.feature
    key = features["key"].bytes_list.value[0].decode()
    numbers = features["frame"].int64_list.value
    valid = rows.pop("valid")
    if not valid.all():
        raise UserError(
            "A stored picture must be a readable JPEG or PNG. Received: frame "
            f"{numbers[int(np.argmin(valid))]} of {key!r} in {source}. Run 'python -m "
            "tfrecords_builder verify' on the folder."
        )
    for name in ("image", "sound", "sound_start"):
        if name in features:
            del features[name]
    for name, vectors in rows.items():
        with np.errstate(over="ignore"):
            stored = vectors.astype(_STORED)
        finite = np.isfinite(stored).all(axis=1)
        if not finite.all():
            raise UserError(
                "A feature must be finite in float16. Received: "
                f"{name} of frame {numbers[int(np.argmin(finite))]} of {key!r} in "
                f"{source}. Look at the run's training: its weights have diverged."
            )
        column = features[FEATURE + name].bytes_list.value
        column.extend(row.tobytes() for row in stored)
    return example
