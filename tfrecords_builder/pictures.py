"""The bytes of one picture on their way into a record."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from affect_tf.data import images
from tfrecords_builder.picture_source import JPEG_QUALITY

#: Formats that every reader of the records decodes.
_KEPT_FORMATS = ("JPEG", "PNG")


#: Why a picture is refused that Pillow reads and the toolkit's own decoder does not.
UNREADABLE = "cannot be decoded (it is damaged at its end, or has too many pixels)"


class PictureError(ValueError):
    """The bytes are no picture, or not a whole one."""


def prepare(data: bytes, size: int) -> bytes:
    """Returns a JPEG or PNG of the wanted size, untouched where it already is one.

    Another size is resized without regard to its aspect (bilinear, antialiased, as
    `affect_tf.data.images` does, but in integers, so that every machine gives the
    same bytes) and encoded once, as a JPEG.

    Args:
      data: A file in any format that Pillow reads.
      size: Side of the result in pixels.

    Raises:
      PictureError: If the picture cannot be decoded to its end.
    """
    image = _decoded(data)
    if image.format in _KEPT_FORMATS and image.size == (size, size):
        return data
    return _jpeg(_rgb(image).resize((size, size), Image.Resampling.BILINEAR))


def pixels(data: bytes) -> np.ndarray:
    """Returns uint8 [H, W, 3], the pixels of a file as they are stored, red first.

    Raises:
      PictureError: If the picture cannot be decoded to its end.
    """
    return np.asarray(_rgb(_decoded(data)))


def encode(face: np.ndarray) -> bytes:
    """Returns a face, uint8 [H, W, 3], as the JPEG that records store."""
    return _jpeg(Image.fromarray(face))


def check(data: bytes, size: int) -> None:
    """Checks the bytes of a stored picture.

    Raises:
      PictureError: If it cannot be decoded to its end, or has another size.
    """
    image = _decoded(data)
    if image.format not in _KEPT_FORMATS or image.size != (size, size):
        width, height = image.size
        raise PictureError(
            f"is a {image.format} of {width}x{height} pixels, not a JPEG or PNG of "
            f"{size}x{size}"
        )


def readable(stored: Sequence[bytes], size: int) -> list[bool]:
    """Returns whether training and prediction can decode each of these pictures.

    Pillow fills in what a truncated file lacks, or never looks for its end, where
    `affect_tf.data.images` refuses the file. What is stored must pass both.

    Args:
      stored: Pictures as they are stored; there may be none.
      size: Side of the stored pictures.
    """
    if not stored:
        return []
    return _decoder(size)(tf.constant(list(stored), tf.string)).numpy().tolist()


@functools.lru_cache(maxsize=8)
def _decoder(size: int) -> tf.types.experimental.GenericFunction:
    """Returns a graph, so that the decoder is traced once and not for each batch."""
    return tf.function(
        lambda stored: images.decode_batch(stored, size)[1],
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey: the upper byte, where a plain conversion would clip.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    # Converting what is RGB already would copy it.
    return image if image.mode == "RGB" else image.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _decoded(data: bytes) -> Image.Image:
    if not data:
        raise PictureError("is an empty file")
    try:
        image = Image.open(io.BytesIO(data))
        if image.format == "PNG":
            # Decoding ends with the last pixel; other decoders refuse what is wrong
            # behind it. A checked picture cannot be decoded, so it is opened anew.
            image.verify()
            image = Image.open(io.BytesIO(data))
        image.load()
    except Image.UnidentifiedImageError as error:
        raise PictureError("is not a picture") from error
    except Exception as error:  # Pillow's decoders raise a dozen different types.
        raise PictureError(f"cannot be decoded ({error})") from error
    return image
