"""Requests that TensorFlow Serving sends to a model before it says that it is ready.

The first call of a graph is many times slower than the next, and so is the first call
of a batch size. While it loads a version, Serving replays the requests of
`assets.extra/tf_serving_warmup_requests`: a TFRecord file of at most 1000
`PredictionLog` messages.

Those messages belong to a package that needs gRPC and a TensorFlow of its own. They are
written here field by field, in protocol-buffer wire format; only the tensor in the
middle is TensorFlow's own message.

    PredictionLog.predict_log = 6 -> PredictLog.request = 1 -> PredictRequest
    PredictRequest.model_spec = 1 -> ModelSpec.name = 1, .signature_name = 3
    PredictRequest.inputs = 2     -> an entry of a map: key = 1, value = 2, TensorProto

The pictures are drawn: a model that is handed on shows nobody.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from affect_tf.data.past import Past
from affect_tf.data.windows import Windows

#: Where Serving looks, under the folder of a version.
FILE = "assets.extra/tf_serving_warmup_requests"
#: Pictures of a request; one request each.
BATCH_SIZES = (1, 8, 32)
#: The same for models of time, whose rows hold many pictures.
SEQUENCE_BATCH_SIZES = (1, 4)
#: Under which the documentation serves the model. Serving does not compare it.
MODEL_NAME = "affect"

_LENGTH_DELIMITED = 2


def write(
    version: str | os.PathLike[str],
    image_size: int,
    time: Windows | Past | None = None,
) -> pathlib.Path:
    """Writes the warm-up requests of a version.

    Args:
      version: Its folder.
      image_size: Side of its faces, pixels.
      time: What a model of time looks at.

    Returns:
      The file.
    """
    path = pathlib.Path(version) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = BATCH_SIZES if time is None else SEQUENCE_BATCH_SIZES
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in sizes:
            writer.write(prediction_log(inputs(pictures(size, image_size), time)))
    return path


def inputs(
    files: list[bytes], time: Windows | Past | None = None
) -> dict[str, tf.Tensor]:
    """Returns the inputs of `serving_default` for some pictures, a row each.

    A row of a model of time ends with its picture; the others are of its neighbours in
    the list. What is heard is a tone, of which half is there.
    """
    if time is None:
        return {"image_bytes": tf.constant(files, tf.string)}
    rows = [
        [files[(row - back) % len(files)] for back in reversed(range(time.length))]
        for row in range(len(files))
    ]
    found = {"image_bytes": tf.constant(rows, tf.string)}
    if isinstance(time, Past) and time.num_samples:
        wave = 5000 * np.sin(np.arange(time.num_samples) / 30)
        sound = np.broadcast_to(
            wave.astype(np.int16)[:, np.newaxis],
            [len(files), time.num_samples, time.channels],
        )
        heard = np.full([len(files)], time.num_samples // 2, np.int32)
        found |= {"sound": tf.constant(sound), "heard": tf.constant(heard)}
    return found


def pictures(count: int, image_size: int) -> list[bytes]:
    """Returns drawn pictures, in turn a JPEG that is resized and a PNG that is not."""
    small = _shades(image_size)
    large = _shades(image_size + image_size // 2)
    kinds = [tf.io.encode_jpeg(large).numpy(), tf.io.encode_png(small).numpy()]
    return [kinds[number % 2] for number in range(count)]


def prediction_log(given: Mapping[str, tf.Tensor]) -> bytes:
    """Returns a serialized PredictionLog that asks `serving_default` for inputs."""
    spec = _field(1, MODEL_NAME.encode()) + _field(3, b"serving_default")
    request = _field(1, spec)
    for name, values in given.items():
        tensor = tf.make_tensor_proto(values)
        entry = _field(1, name.encode()) + _field(2, tensor.SerializeToString())
        request += _field(2, entry)
    return _field(6, _field(1, request))


def _shades(side: int) -> np.ndarray:
    """Returns uint8 [side, side, 3]: smooth, so that the files are small."""
    ramp = np.linspace(0, 255, side)
    down, right = np.meshgrid(ramp, ramp, indexing="ij")
    return np.stack([down, right, (down + right) / 2], axis=-1).astype(np.uint8)


def _field(number: int, content: bytes) -> bytes:
    """Returns a field of bytes, text or a message, in wire format."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Returns a whole number, 7 bits a byte, lowest first.

    >>> _varint(300).hex()
    'ac02'
    """
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)
