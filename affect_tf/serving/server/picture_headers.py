"""Width and height of a JPEG or PNG file from its header, without decoding it.

The model checks the same for itself, but cannot tell why it refused a picture, and
would take a place in a batch to do so.
"""

from __future__ import annotations

import struct

from affect_tf.data.images import MAX_SIDE

_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
#: Markers of a JPEG that hold the size: all starts of frames.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
#: Markers without a length behind them.
_BARE = {0x01, *range(0xD0, 0xD8)}
#: Parts of a header that are walked over; no picture has nearly as many.
_MAX_PARTS = 2**14
#: Names of other kinds, so that a message can say what came instead.
_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"<", "markup"),
)


class Unreadable(ValueError):
    """A picture that will not be decoded; the message says why."""


def size(data: bytes) -> tuple[int, int]:
    """Returns width and height in pixels, as stored (EXIF turns are not applied).

    Raises:
      Unreadable: If the bytes do not begin like a JPEG or PNG that has a size.
    """
    if not data:
        raise Unreadable("it is empty")
    if data.startswith(_PNG_START):
        found = _png(data)
    elif data.startswith(_JPEG_START):
        found = _jpeg(data)
    else:
        raise Unreadable(f"it is neither JPEG nor PNG{_instead(data)}")
    if min(found) < 1:
        raise Unreadable(f"its header says {found[0]} x {found[1]} pixels")
    return found


def check(data: bytes, max_pixels: int) -> int:
    """Returns the number of pixels of a picture that may be decoded.

    Raises:
      Unreadable: See `size` and `check_size`.
    """
    return check_size(*size(data), max_pixels)


def check_size(width: int, height: int, max_pixels: int) -> int:
    """Returns the number of pixels of a picture that is not too large.

    Raises:
      Unreadable: If it has more than `max_pixels`, or a side above `MAX_SIDE`.
    """
    has = f"it has {width} x {height} pixels"
    if width * height > max_pixels:
        raise Unreadable(f"{has}, and at most {max_pixels} are taken")
    if max(width, height) > MAX_SIDE:
        raise Unreadable(f"{has}, and a side may have at most {MAX_SIDE}")
    return width * height


def _png(data: bytes) -> tuple[int, int]:
    if len(data) < 24 or data[12:16] != b"IHDR":
        raise Unreadable("its PNG header is cut off")
    (length,) = struct.unpack_from(">I", data, 8)
    position = 8 + 12 + length
    for _ in range(_MAX_PARTS):
        if position + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IHDR":
            # Decoders differ in which of two headers they believe.
            raise Unreadable("it has two PNG headers")
        if kind in (b"IDAT", b"IEND"):  # From here on no decoder takes another size.
            break
        position += 12 + length
    else:
        raise Unreadable(f"it has more than {_MAX_PARTS} parts before its pixels")
    return struct.unpack(">II", data[16:24])


def _jpeg(data: bytes) -> tuple[int, int]:
    position = 2
    for _ in range(_MAX_PARTS):
        if position + 4 > len(data):
            break
        if data[position] != 0xFF:
            raise Unreadable("its JPEG header is damaged")
        marker = data[position + 1]
        if marker == 0xFF:  # Fill bytes.
            position += 1
        elif marker in _BARE:
            position += 2
        elif marker in (0xD9, 0xDA):  # The end, or pixels before any size.
            break
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            if marker in _FRAMES and position + 9 <= len(data):
                height, width = struct.unpack_from(">HH", data, position + 5)
                return width, height
            position += 2 + max(length, 2)
    raise Unreadable("its JPEG header is cut off")


def _instead(data: bytes) -> str:
    for start, name in _OTHERS:
        if data.startswith(start):
            return f", but {name}"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ", but a WebP"
    if data[4:8] == b"ftyp":
        return ", but a film or a HEIF picture"
    return ""
