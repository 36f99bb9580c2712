"""How long a film is by the header of its file, where FFmpeg does not tell.

FFmpeg guesses a length from the size of a file that states none, and drops the one of
a WMV that was cut off: only the bytes themselves say what was stated.
"""

from __future__ import annotations

import math
import os
import struct

#: Headers that are longer have what is looked for at their start.
_HEAD = 1 << 16
#: The properties of a WMV, and the flag of one whose length is not known.
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1
#: The part of a Matroska file that describes it, its length there, a float, and how
#: many nanoseconds the unit of that has.
_MATROSKA_INFO, _MATROSKA_LENGTH = b"\x15\x49\xa9\x66", b"\x44\x89"
_MATROSKA_SCALE = b"\x2a\xd7\xb1"
_MATROSKA_FLOATS = {0x84: ">f", 0x88: ">d"}
_USUAL_SCALE = 1_000_000
_FLV_LENGTH = b"\0\x08duration\0"


def stated_seconds(path: str | os.PathLike[str], kinds: str) -> float | None:
    """Returns the length of a whole file, pictures and sound, by its header.

    Args:
      path: The film.
      kinds: Of what format it is, as FFmpeg calls it: "flv", "matroska,webm".

    Returns:
      When the last of its tracks ends, seconds of the file's clock. None where nothing
      is stated, as of what was recorded live, and of formats other than FLV, WMV (ASF)
      and Matroska.
    """
    read = next((_READERS[kind] for kind in kinds.split(",") if kind in _READERS), None)
    if read is None:
        return None
    try:
        with open(path, "rb") as file:
            seconds = read(file.read(_HEAD))
    except (OSError, struct.error):  # Gone by now, or too short.
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _flv(head: bytes) -> float:
    place = head.find(_FLV_LENGTH)
    if place < 0:
        return 0.0
    return struct.unpack_from(">d", head, place + len(_FLV_LENGTH))[0]


def _asf(head: bytes) -> float:
    place = head.find(_ASF_PROPERTIES)
    if place < 0:
        return 0.0
    # Length and a lead of the sender's, in 100 ns and in ms.
    length, _, lead, flags = struct.unpack_from("<QQQI", head, place + 64)
    return 0.0 if flags & _ASF_BROADCAST else length / 1e7 - lead / 1e3


def _matroska(head: bytes) -> float:
    info = head.find(_MATROSKA_INFO)
    place = head.find(_MATROSKA_LENGTH, info)
    if info < 0 or place < 0 or place + 2 >= len(head):
        return 0.0
    kind = _MATROSKA_FLOATS.get(head[place + 2])
    if kind is None:
        return 0.0
    scale, found = _USUAL_SCALE, head.find(_MATROSKA_SCALE, info, place)
    if found >= 0:
        width = head[found + 3] & 0x7F
        scale = int.from_bytes(head[found + 4 : found + 4 + width])
    return struct.unpack_from(kind, head, place + 3)[0] * scale / 1e9


_READERS = {"flv": _flv, "asf": _asf, "matroska": _matroska}
