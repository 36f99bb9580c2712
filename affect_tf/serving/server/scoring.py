"""Pictures of a request to scores, with an error for each that cannot be read."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Sequence
from itertools import chain

import numpy as np

from affect_tf.serving.score_graphs import VALID
from affect_tf.serving.server import picture_headers
from affect_tf.serving.server.batcher import Rows
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.picture_headers import Unreadable
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.refusals import shown
from affect_tf.serving.server.served_version import FILES
from affect_tf.serving.server.served_version import ServedVersion
from affect_tf.serving.server.settings import Settings

#: A picture as it came: a file, pixels uint8 [H, W, 3], or why it is neither.
Picture = bytes | np.ndarray | Unreadable

_DAMAGED = "it is damaged or cut off"


@dataclasses.dataclass(frozen=True)
class Scored:
    """The answer to a request.

    Attributes:
      rows: {output: array}, one row a picture; zeros where `valid` is false.
      errors: Why a picture could not be read; "" where it could.
    """

    rows: Rows
    errors: list[str]


def from_base64(text: object) -> Picture:
    """Returns the file that a JSON string holds."""
    if not isinstance(text, str):
        return Unreadable(f"its base64 must be a string, not {shown(text)}")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return Unreadable("it is not base64 (of the standard alphabet, in one line)")


def from_numbers(value: object) -> Picture:
    """Returns the pixels that lists of JSON hold: [H, W, 3], whole numbers 0 to 255."""
    try:
        types = set(map(type, chain.from_iterable(chain.from_iterable(value))))
    except TypeError:
        return Unreadable("its pixels must be lists of shape [H, W, 3]")
    # Looked at first: NumPy would make room for the longest string at every place.
    if types - {int}:
        return Unreadable("its pixels must be whole numbers from 0 to 255")
    try:
        pixels = np.asarray(value)
    except ValueError:
        return Unreadable("its rows differ in length")
    if pixels.dtype.kind not in "iu" and pixels.size:
        return Unreadable("its pixels must be whole numbers from 0 to 255")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        return Unreadable(
            f"its pixels must have shape [H, W, 3], not {list(pixels.shape)}"
        )
    if pixels.min() < 0 or pixels.max() > 255:
        return Unreadable("its pixels must be whole numbers from 0 to 255")
    return pixels.astype(np.uint8)


def check_count(count: int, settings: Settings) -> None:
    """Raises Refusal unless a request has a picture, and not too many."""
    if count < 1:
        raise Refusal(400, "A request must hold at least one picture.")
    if count > settings.max_instances:
        raise Refusal(
            413,
            f"A request must have at most {settings.max_instances} instances. "
            f"Received: {count}. Send several requests.",
        )


async def score(
    version: ServedVersion,
    pictures: Sequence[Picture],
    settings: Settings,
    metrics: Metrics,
    *,
    are_crops: bool = False,
) -> Scored:
    """Scores the pictures of one request.

    Args:
      version: The model.
      pictures: At least one.
      settings: Its limits on pixels hold.
      metrics: Where pictures are counted.
      are_crops: Whether the server itself cut them out of a photograph that was within
        the limits: how large they are is not up to the client.

    Raises:
      Refusal: 400 with all reasons if no picture could be read; 413 if they have too
        many pixels together; 503 if the queue is full.
    """
    keys, errors = _checked(pictures, settings, are_crops)
    rows: Rows = {}
    for key in dict.fromkeys(key for key in keys if key is not None):
        places = [place for place, found in enumerate(keys) if found == key]
        part = await version.batcher.scores(key, [pictures[p] for p in places])
        for name, values in part.items():
            if name not in rows:
                shape = (len(pictures), *values.shape[1:])
                rows[name] = np.zeros(shape, values.dtype)
            rows[name][places] = values
    for place, key in enumerate(keys):
        if key is not None and not rows[VALID][place]:
            errors[place] = _DAMAGED
    failed = sum(map(bool, errors))
    metrics.pictures.labels("scored").inc(len(errors) - failed)
    metrics.pictures.labels("unreadable").inc(failed)
    if failed == len(errors):
        what = "The picture" if failed == 1 else f"None of the {failed} pictures"
        verb = "cannot" if failed == 1 else "can"
        raise Refusal(
            400,
            f"{what} {verb} be read: {errors[0]}.",
            details={"errors": errors},
        )
    return Scored(rows, errors)


def _checked(
    pictures: Sequence[Picture], settings: Settings, are_crops: bool
) -> tuple[list[tuple[object, ...] | None], list[str]]:
    """Returns what each picture can share a call with (None: nothing), and errors."""
    keys: list[tuple[object, ...] | None] = []
    errors: list[str] = []
    together = 0
    for picture in pictures:
        error, key = "", None
        try:
            if isinstance(picture, Unreadable):
                raise picture
            if isinstance(picture, bytes):
                together += picture_headers.check(picture, settings.max_pixels)
                key = FILES
            else:
                height, width = picture.shape[:2]
                if not are_crops:
                    together += picture_headers.check_size(
                        width, height, settings.max_pixels
                    )
                key = ("pixels", height, width)
        except Unreadable as refused:
            error = str(refused)
        keys.append(key)
        errors.append(error)
    if together > settings.max_pixels_together:
        raise Refusal(
            413,
            f"Pictures of one request must have at most {settings.max_pixels_together} "
            f"pixels together. Received: {together}. Send several requests.",
        )
    return keys, errors
