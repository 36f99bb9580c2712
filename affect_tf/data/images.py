"""Encoded pictures to the uint8 faces that a model takes: the one home of this step.

Training, evaluation, prediction, the exported model and the server all come through
here, so the same bytes give the same pixels everywhere, alone or in a batch.
Normalisation is not done here: it is the model's first layer.

What is read: JPEG (baseline and progressive; grey, YCbCr, CMYK) and PNG (any bit
depth, palette, grey, alpha dropped, first frame of an animation). Anything else (GIF,
BMP, WebP, text) is refused, and so is a truncated file: half a face would be scored
as if it were one. A JPEG whose stream is whole but damaged inside decodes, as in
every JPEG reader. EXIF orientation is ignored: faces come upright.
"""

from __future__ import annotations

import tensorflow as tf

#: Pictures with more pixels are refused from their header, before any is decoded: a
#: PNG of 100 kB can unpack to gigabytes. 2^25 takes a photograph of 33 megapixels.
MAX_PIXELS = 2**25
#: So are pictures with a longer side, which a PNG of 1 kB can have. A photograph with
#: one would, within `MAX_PIXELS`, be a panorama more than 8 times as long as wide.
MAX_SIDE = 2**14

#: Pictures that are wider than this times their height are resampled lying on their
#: side. Resampling shrinks the height first, and what it holds in between, `size` times
#: the width in floats, would be hundreds of times as large as such a picture.
_WIDE = 16

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"


def decode(
    image_bytes: tf.Tensor, size: int, max_pixels: int = MAX_PIXELS
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes one picture.

    Prefer `decode_batch` where there are several: it gives the same pixels at half
    the cost for each.

    Args:
      image_bytes: string scalar. A JPEG or PNG file.
      size: Side of the result. Other sizes and shapes are stretched to it.
      max_pixels: Refuse pictures of more, as those with a side above `MAX_SIDE`.

    Returns:
      uint8 [size, size, 3], RGB, zeros where the picture cannot be read; and bool
      scalar, whether it could. Never an error, whatever the bytes.
    """
    faces, valid = decode_batch(tf.reshape(image_bytes, [1]), size, max_pixels)
    return faces[0], valid[0]


def decode_batch(
    image_bytes: tf.Tensor, size: int, max_pixels: int = MAX_PIXELS
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch of pictures, each on its own.

    Args:
      image_bytes: string [B]. JPEG or PNG files, of any sizes; B may be 0.
      size: Side of the result. Other sizes and shapes are stretched to it.
      max_pixels: Refuse pictures of more, as those with a side above `MAX_SIDE`.

    Returns:
      uint8 [B, size, size, 3], RGB, zeros where a picture cannot be read; and bool
      [B], whether each could. Never an error, whatever the bytes.
    """
    count = tf.size(image_bytes, tf.int64)

    def read(row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return row, _read(image_bytes[row], size, max_pixels)

    # A graph cannot catch the error of a decoder; a data set can step over it. The
    # rows that are left carry their numbers, and one row more stands for "no row".
    rows = tf.data.Dataset.range(count).map(read).ignore_errors()
    sentinel = (count, tf.zeros([size, size, 3], tf.uint8))
    rows = rows.concatenate(tf.data.Dataset.from_tensors(sentinel))
    rows = rows.batch(count + 1).with_options(_options())
    index, faces = rows.get_single_element()
    index = index[:, tf.newaxis]
    shape = tf.stack([count + 1, size, size, 3])
    valid = tf.scatter_nd(index, tf.ones_like(index[:, 0]), shape[:1]) > 0
    faces = tf.scatter_nd(index, faces, shape)[:-1]
    # Shapes that the graph cannot know are stated for the layers behind.
    static = image_bytes.shape[0]
    faces = tf.ensure_shape(faces, [static, size, size, 3])
    return faces, tf.ensure_shape(valid[:-1], [static])


def resize(images: tf.Tensor, size: int) -> tf.Tensor:
    """Resamples pictures that are already decoded, exactly as `decode` does.

    Args:
      images: uint8 [B, H, W, 3] or [H, W, 3]. H and W at least 1.
      size: Side of the result. The aspect ratio is not kept.

    Returns:
      uint8 [B, size, size, 3] or [size, size, 3]: bilinear, with antialiasing where
      it shrinks, rounded. Pictures of that size come back as they are.
    """
    rank = len(images.shape)
    turned = [*range(rank - 3), rank - 2, rank - 3, rank - 1]

    def resampled(whole: tf.Tensor) -> tf.Tensor:
        exact = tf.image.resize(whole, [size, size], "bilinear", antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(exact), 0.0, 255.0), tf.uint8)

    def lying() -> tf.Tensor:
        return tf.transpose(resampled(tf.transpose(images, turned)), turned)

    height_width = tf.shape(images)[-3:-1]
    same = tf.reduce_all(height_width == size)
    is_wide = height_width[1] // _WIDE > height_width[0]
    result = tf.cond(
        same,
        lambda: tf.identity(images),
        lambda: tf.cond(is_wide, lying, lambda: resampled(images)),
    )
    return tf.ensure_shape(result, [*images.shape[:-3], size, size, 3])


def _read(image_bytes: tf.Tensor, size: int, max_pixels: int) -> tf.Tensor:
    """Returns uint8 [size, size, 3]; raises a TensorFlow error on anything odd."""
    is_jpeg = tf.strings.substr(image_bytes, 0, len(_JPEG_START)) == _JPEG_START
    is_png = tf.strings.substr(image_bytes, 0, len(_PNG_START)) == _PNG_START
    readable = tf.debugging.Assert(is_jpeg | is_png, ["neither JPEG nor PNG"])
    with tf.control_dependencies([readable]):
        image_bytes = tf.identity(image_bytes)
    sides = tf.cond(
        is_png, lambda: _png_sides(image_bytes), lambda: _jpeg_sides(image_bytes)
    )
    fits = (tf.reduce_prod(sides) <= max_pixels) & (tf.reduce_max(sides) <= MAX_SIDE)
    small = tf.debugging.Assert(fits, ["too many pixels"])
    with tf.control_dependencies([small]):
        image_bytes = tf.identity(image_bytes)
    # The operation reads PNG too. INTEGER_ACCURATE is bit-equal to other libraries
    # and no slower than the default. try_recover_truncated stays off: besides guessing
    # the rest of a face, it never returns on some inputs of a few bytes.
    face = tf.image.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")
    return resize(face, size)


def _jpeg_sides(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns int64 [2], height and width."""
    return tf.image.extract_jpeg_shape(image_bytes, tf.int64)[:2]


def _png_sides(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns int64 [2], width and height, from the chunk that a PNG begins with."""
    header = tf.io.decode_raw(tf.strings.substr(image_bytes, 16, 8), tf.uint8)
    digits = tf.cast(tf.reshape(header, [2, 4]), tf.int64)
    sides = tf.reduce_sum(digits * [2**24, 2**16, 2**8, 1], axis=1)
    # Of two 32-bit sides the product may overflow; the sides themselves cannot.
    return tf.minimum(sides, 2**31 - 1)


def _options() -> tf.data.Options:
    """Returns what keeps a data set of a few rows from costing more than they do."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
