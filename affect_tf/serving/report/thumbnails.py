"""Small pictures of faces, cut out of films and photographs.

Of a film only the frames that are asked for are turned into pictures, and what lies far
between them is not even decoded, where the film lists its frames.
"""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Iterator
from collections.abc import Sequence

import av.error
import numpy as np
from PIL import Image

from affect_tf.errors import UserError
from affect_tf.faces import film_clock
from affect_tf.faces import film_decoding
from affect_tf.faces import films
from affect_tf.faces import picture_pixels

#: Left, top, width, height, pixels.
Box = tuple[float, float, float, float]

#: Sides of the pictures, pixels: enough for a screen of twice the usual density.
FILM_SIDE, PHOTOGRAPH_SIDE = 88, 128
_QUALITY = 72
#: How much of a face's surroundings is shown, as a share of its longer side.
_MARGIN = 0.2
#: A gap of more than this, in seconds, is jumped over: to the last frame that stands
#: alone and is this much earlier than the one that is wanted. Frames that are stored
#: after such a one and shown before it cannot be decoded from there.
_JUMP, _RUN_UP = 3.0, 1.0
#: Formats that list where their frames are, and by times that rise.
_INDEXED = frozenset(("mp4", "matroska"))
#: Times of the table are rounded to the microsecond.
_SAME_TIME = 1e-4


class _LostError(Exception):
    """A frame was not where its time says."""


def data_url(image: np.ndarray, side: int) -> str:
    """Returns uint8 [H, W, 3] as text: the source of a picture of `side` pixels."""
    small = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def cut(image: np.ndarray, box: Box) -> np.ndarray:
    """Cuts a face out, square and with a margin.

    Args:
      image: Uint8 [H, W, 3].
      box: The face; with a NaN, or nothing of it in the picture, the middle is taken.

    Returns:
      Uint8 [S, S, 3], S at least 1. The square is moved into the picture, and smaller
      where it does not fit.
    """
    height, width = image.shape[:2]
    left, top, wide, high = box
    if not all(map(math.isfinite, box)) or wide <= 0 or high <= 0:
        left, top, wide, high = 0.0, 0.0, width, height
        side = float(min(width, height))
    else:
        side = max(wide, high) * (1 + 2 * _MARGIN)
    size = max(1, min(round(side), width, height))
    x = min(max(round(left + wide / 2 - size / 2), 0), width - size)
    y = min(max(round(top + high / 2 - size / 2), 0), height - size)
    return image[y : y + size, x : x + size]


def of_film(
    path: str | os.PathLike[str], wanted: Sequence[tuple[int, float, Box]], side: int
) -> list[str | None]:
    """Cuts faces out of a film.

    Args:
      path: The film.
      wanted: The number of the frame and its time, seconds from the film's zero, both
        as `films.frames` has them; and where the face is.
      side: Of the results, pixels.

    Returns:
      A picture as text for each, None where its frame cannot be had; for all of them
      where the film cannot be opened any more, or was a camera.
    """
    pictures: list[str | None] = [None] * len(wanted)
    try:
        _fill(pictures, path, wanted, side, may_jump=True)
    except _LostError:
        _fill(pictures, path, wanted, side, may_jump=False)
    return pictures


def of_photograph(
    path: str | os.PathLike[str], boxes: Sequence[Box], side: int
) -> list[str | None]:
    """Cuts faces out of a photograph; None for all where it cannot be read."""
    try:
        image, scale = _scaled(path, boxes, side)
    except (UserError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return [None] * len(boxes)
    scaled = [tuple(part * scale for part in box) for box in boxes]
    return [data_url(cut(image, box), side) for box in scaled]


def _scaled(
    path: str | os.PathLike[str], boxes: Sequence[Box], side: int
) -> tuple[np.ndarray, float]:
    """Returns a photograph no larger than its faces need it, and by what it shrank.

    A JPEG is decoded at an eighth of its sides in a fraction of the time.
    """
    try:
        opened = Image.open(path)
    except Image.UnidentifiedImageError:  # Its EXIF data may be damaged.
        return films.picture(path), 1.0
    with opened as image:
        if image.format != "JPEG":
            return films.picture(path), 1.0
        full = image.size
        faces = [max(box[2:]) for box in boxes if all(map(math.isfinite, box))]
        least = min(faces) if len(faces) == len(boxes) and faces else min(full)
        share = min(1.0, side / max(least, 1.0))
        image.draft("RGB", tuple(math.ceil(part * share) for part in full))
        scale = image.size[0] / full[0]
        shown = picture_pixels.upright(image).convert("RGB")
    return np.asarray(shown), scale


def _fill(
    pictures: list[str | None],
    path: str | os.PathLike[str],
    wanted: Sequence[tuple[int, float, Box]],
    side: int,
    *,
    may_jump: bool,
) -> None:
    """Puts the faces that are still absent into `pictures`, as far as it gets."""
    absent = [each for each, picture in enumerate(pictures) if picture is None]
    order = sorted(absent, key=lambda each: wanted[each][0])
    try:
        frames = _frames_of(path, [wanted[each][:2] for each in order], may_jump)
        for each, image in zip(order, frames, strict=False):
            pictures[each] = data_url(cut(image, wanted[each][2]), side)
    except (UserError, av.error.FFmpegError, OSError):
        pass  # A page without some of its pictures is better than none.


def _frames_of(
    path: str | os.PathLike[str], wanted: Sequence[tuple[int, float]], may_jump: bool
) -> Iterator[np.ndarray]:
    """Gives frames, each by its number and time, which rise; ends with the film.

    They are counted from the start of the film on. In a film whose times can be relied
    on, and if it `may_jump`, they are known by these, and what lies far between them
    is jumped over.

    Raises:
      _LostError: If it may jump and no frame has the time that is wanted.
    """
    with film_decoding.opened(path) as container:
        stream = film_decoding.picture_track(container, path)
        jumps = may_jump and bool(_INDEXED & {*container.format.name.split(",")})
        damage = film_decoding.Damage()
        coded = film_decoding.coded(container, stream, damage)
        frame = next(coded, None)
        if frame is None:
            return
        zero = film_clock.stamp(frame, stream) or 0.0
        number, now = 0, 0.0
        for index, time in wanted:
            if jumps and time - now > _JUMP:
                landing = int((time + zero - _RUN_UP) / stream.time_base)
                container.seek(landing, stream=stream, backward=True)
                coded = film_decoding.coded(container, stream, damage)
                now = -math.inf
            while now < time - _SAME_TIME if jumps else number < index:
                frame = next(coded, None)
                if frame is None:
                    break
                number += 1
                now = (film_clock.stamp(frame, stream) or 0.0) - zero
            if jumps and (frame is None or now > time + _SAME_TIME):
                raise _LostError
            if frame is None:
                return
            yield film_decoding.upright(frame, stream)[0]
