"""The pixels of a picture file, upright, whatever is damaged beside them."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

import numpy as np
from PIL import Image

from affect_tf.faces import picture_metadata

#: How a picture is turned upright, by the orientation that its EXIF data tell.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: The highest number of 16-bit grey.
_WHITE = 65535
#: A picture file with more is not read a second time, and whole, where it is damaged.
_MOST_BYTES = 256 << 20


class _RefusedError(ValueError):
    """A picture that is whole and is not read all the same."""


def read(path: str | os.PathLike[str] | BinaryIO, max_pixels: int | None) -> np.ndarray:
    """Returns what `films.picture` does; raises whatever Pillow does.

    A picture that Pillow does not open for what is damaged beside its pixels is read
    again without that, where it is a JPEG or a TIFF of no more than 256 MiB.

    Raises:
      ValueError: If it has too many pixels, or 32 bits a colour.
      Exception: Whatever Pillow raises of a file that is damaged.
    """
    try:
        return _read(path, max_pixels)
    except _RefusedError:
        raise
    except Exception:  # Readers of damaged files raise whatever they run into.
        image = _read_without_metadata(path, max_pixels)
        if image is None:
            raise
        return image


def upright(image: Image.Image) -> Image.Image:
    """Returns a picture as its EXIF data turn it; itself where they do not.

    Data that are damaged turn nothing.
    """
    try:
        turn = _TURNS.get(image.getexif().get(picture_metadata.ORIENTATION, 1))
    except Exception:  # Damaged EXIF data raise anything; the pixels are there.
        return image
    return image if turn is None else image.transpose(turn)


def _read(
    path: str | os.PathLike[str] | BinaryIO, max_pixels: int | None
) -> np.ndarray:
    """Returns what `picture` does; raises whatever Pillow does."""
    with Image.open(path) as image:
        # The size by which Pillow will decode, whatever another header says.
        width, height = image.size
        if max_pixels is not None and width * height > max_pixels:
            raise _RefusedError(
                f"it has {width} x {height} pixels, and at most {max_pixels} are "
                "decoded"
            )
        turn = getattr(image, "tag_v2", {}).get(picture_metadata.ORIENTATION, 1)
        if turn not in picture_metadata.TURNS:
            # A decoder in C would write a line to stderr, which nothing here can hold.
            raise ValueError(f"its orientation is {turn!r}")
        if turn != 1:
            # Without a name Pillow reads the file. Where it maps a plain TIFF into
            # memory, it takes its rows for as long as they are once it is turned.
            image.filename = ""
        image.load()
        shown = upright(image)
        if shown.mode == "F" or shown.mode.startswith("I"):
            shown = Image.fromarray(_upper_byte(np.asarray(shown)))
        if shown.mode != "RGB":
            shown = shown.convert("RGB")
        return np.array(shown)


def _upper_byte(grey: np.ndarray) -> np.ndarray:
    """Returns uint8 [H, W] of 16-bit grey, where a plain conversion would clip."""
    # Pillow has 16 bits as 32, too. Numbers with a sign or a point have no one white.
    if grey.dtype.kind == "f" or grey.min() < 0 or grey.max() > _WHITE:
        raise _RefusedError(
            "32-bit pictures are not read; save it with 8 or 16 bits a colour"
        )
    return (grey >> 8).astype(np.uint8)


def _read_without_metadata(
    path: str | os.PathLike[str] | BinaryIO, max_pixels: int | None
) -> np.ndarray | None:
    """Returns what `picture` does, of the pixels alone; None where they are damaged."""
    try:
        if isinstance(path, str | os.PathLike):
            with open(path, "rb") as file:
                data = _loaded(file)
        else:
            data = _loaded(path)
        bare = None if data is None else picture_metadata.removed(data)
        return None if bare is None else _read(io.BytesIO(bare), max_pixels)
    except Exception:  # As above.
        return None


def _loaded(file: BinaryIO) -> bytes | None:
    """Returns a file whose data beside the pixels could be removed; None of others."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > _MOST_BYTES or not picture_metadata.is_known(file.read(4)):
        return None
    file.seek(0)
    return file.read()
