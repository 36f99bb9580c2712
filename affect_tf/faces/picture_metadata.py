"""Picture files without what is said beside the pixels, where that is damaged.

Damaged EXIF data can keep Pillow from opening a file whose pixels are whole: it stops
where an entry points outside a TIFF, before it has read where the pixels are, and at
data of a JPEG that are cut short.
"""

from __future__ import annotations

import struct

#: The tag that says how a picture is turned, and all that it may say.
ORIENTATION, TURNS = 0x0112, range(1, 9)

_JPEG_START = b"\xff\xd8"
#: Byte order; format of a number of entries and of an offset; bytes of the latter.
_TIFF_STARTS = {
    b"II*\0": ("<", "H", "I", 4),
    b"MM\0*": (">", "H", "I", 4),
    b"II+\0": ("<", "Q", "Q", 8),
    b"MM\0+": (">", "Q", "Q", 8),
}
#: Bytes of one value of each type of a TIFF.
_SIZES = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
_SHORT = 3
#: Tags that lead to more entries, of EXIF, GPS and interoperability: no pixels there.
_POINTERS = (34665, 34853, 40965)
#: The segments of a JPEG that hold EXIF data and the like. The first of its kind,
#: JFIF, and the last two say how colours are stored.
_ASIDE = range(0xE1, 0xEE)


def is_known(start: bytes) -> bool:
    """Whether `removed` may take something from a file that begins with 4 bytes."""
    return start[:2] == _JPEG_START or start in _TIFF_STARTS


def removed(data: bytes) -> bytes | None:
    """Returns a picture file without what may be damaged beside its pixels.

    Args:
      data: The file.

    Returns:
      Of a JPEG, the file without EXIF and other data of applications. Of a TIFF, its
      first picture without EXIF and GPS data, and without entries of unknown type or
      whose values lie outside the file; an orientation stays that is one. None of any
      other format, or where the file breaks off.
    """
    if data[:2] == _JPEG_START:
        return _bare_jpeg(data)
    try:
        return _bare_tiff(data)
    except struct.error:
        return None


def _bare_jpeg(data: bytes) -> bytes | None:
    """Returns a JPEG without the segments of applications before its pixels."""
    kept, place = [data[:2]], 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if kind == 0xDA:  # The pixels begin.
            return b"".join([*kept, data[place:]])
        if kind not in _ASIDE:
            kept.append(data[place : place + 2 + length])
        place += 2 + length
    return None


def _bare_tiff(data: bytes) -> bytes | None:
    """Returns a TIFF with the whole entries of its first picture."""
    if data[:4] not in _TIFF_STARTS:
        return None
    order, many, offset, width = _TIFF_STARTS[data[:4]]
    head = struct.Struct(f"{order}HH{offset}")
    (first,) = struct.unpack_from(f"{order}{offset}", data, width)
    (count,) = struct.unpack_from(f"{order}{many}", data, first)
    begin = first + struct.calcsize(many)
    size = head.size + width
    kept = []
    for place in range(begin, begin + count * size, size):
        tag, kind, values = head.unpack_from(data, place)
        (value,) = struct.unpack_from(f"{order}{offset}", data, place + head.size)
        length = _SIZES.get(kind, len(data)) * values
        inside = length <= width or value + length <= len(data)
        if tag == ORIENTATION:
            (turn,) = struct.unpack_from(f"{order}H", data, place + head.size)
            inside = kind == _SHORT and values == 1 and turn in TURNS
        if values and inside and tag not in _POINTERS:
            kept.append(data[place : place + size])
    entries = struct.pack(f"{order}{many}", len(kept)) + b"".join(kept)
    # No picture follows: where the next one should be may be damaged, too.
    entries += bytes(width)
    return data[:first] + entries + data[first + len(entries) :]
