"""One face: action units, a person and circumstances become a picture."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import cv2
import numpy as np

from tfrecords_builder.rendering import adornments
from tfrecords_builder.rendering import hair
from tfrecords_builder.rendering import lower_face
from tfrecords_builder.rendering import nuisance as circumstances
from tfrecords_builder.rendering import relief
from tfrecords_builder.rendering import upper_face
from tfrecords_builder.rendering.canvas import Canvas
from tfrecords_builder.rendering.canvas import EXTENT
from tfrecords_builder.rendering.canvas import mirrored
from tfrecords_builder.rendering.canvas import shade
from tfrecords_builder.rendering.canvas import spline
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.nuisance import Nuisance
from tfrecords_builder.rendering.units import UNITS
from tfrecords_builder.rendering.warp import inverse_map

#: Quality of the JPEG files.
JPEG_QUALITY = 95
#: Smaller pictures than this are drawn at a multiple of their size.
_LEAST = 64

# The right half of the average head, crown to chin.
_HEAD = np.array(
    [
        (0.0, -1.01),
        (0.32, -0.965),
        (0.54, -0.78),
        (0.645, -0.50),
        (0.675, -0.18),
        (0.665, 0.10),
        (0.625, 0.36),
        (0.535, 0.60),
        (0.375, 0.795),
        (0.19, 0.905),
        (0.0, 0.93),
    ]
)
_EAR = np.array(
    [(0.655, -0.10), (0.735, -0.135), (0.765, -0.04), (0.735, 0.12), (0.695, 0.20),
     (0.65, 0.19)]
)  # fmt: skip


@functools.lru_cache(maxsize=1)
def _head() -> np.ndarray:
    """The closed outline of the average head, float32 [80, 2]."""
    left = mirrored(_HEAD[1:-1])[::-1]
    return spline(np.concatenate((_HEAD, left)), closed=True)


def render(
    units: Mapping[str, float],
    identity: Identity,
    nuisance: Nuisance,
    size: int = 112,
) -> np.ndarray:
    """Draws one face.

    The same arguments give the same pixels. From 64 pixels on, the picture is drawn
    for its size and not scaled from another.

    Args:
      units: Intensity of action units in [0, 1], by name; those left out are 0
        and those outside the range are clipped. All 0 is a neutral face.
      identity: Who.
      nuisance: Pose, light, background, focus and grain.
      size: Side in pixels, at least 16.

    Returns:
      uint8 [size, size, 3], red first.

    Raises:
      ValueError: On a unit that is not drawn, or a size below 16.
    """
    if size < 16:
        raise ValueError(
            f"A face must have room to be drawn. Received: size={size}. "
            "Ask for 16 pixels or more."
        )
    unknown = set(units) - set(UNITS)
    if unknown:
        raise ValueError(
            f"Action units must be among those that are drawn. Received: "
            f"{sorted(unknown)}. Allowed: {', '.join(UNITS)}."
        )
    left = _sided(units, 1.0 - nuisance.tilt)
    right = _sided(units, 1.0 + nuisance.tilt)
    centre = _sided(units, 1.0)
    # Very small pictures are reduced from larger ones: OpenCV's shapes cover every
    # pixel that they touch, which would make fine features fat.
    drawn = size * -(-_LEAST // size)
    canvas = Canvas(drawn)
    _draw_head(canvas, left, right, centre, identity, nuisance)
    light = relief.shade_map(centre, identity, nuisance)
    picture = _compose(canvas, light, identity, nuisance, drawn)
    if drawn != size:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return circumstances.degrade(picture, nuisance)


def encode(picture: np.ndarray) -> bytes:
    """Returns a picture, uint8 [H, W, 3] red first, as the bytes of a JPEG file."""
    blue_first = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", blue_first, options)[1].tobytes()


def _sided(units: Mapping[str, float], gain: float) -> dict[str, float]:
    return {
        name: min(1.0, max(0.0, float(units.get(name, 0.0)) * gain)) for name in UNITS
    }


def _draw_head(
    canvas: Canvas,
    left: dict[str, float],
    right: dict[str, float],
    centre: dict[str, float],
    identity: Identity,
    nuisance: Nuisance,
) -> None:
    """Draws everything that turns with the head, in flat colours."""
    skin = identity.skin
    hair.draw_back(canvas, identity)
    for ear in (_ear(), mirrored(_ear())):
        canvas.fill(ear, shade(skin, 0.90))
    canvas.lines(np.stack((_ear(), mirrored(_ear()))), 0.012, shade(skin, 0.72))
    outline = _head().copy()
    below = np.clip((outline[:, 1] - 0.25) / 0.6, 0, 1)
    outline[:, 1] += lower_face.jaw_drop(centre) * below
    canvas.fill(outline, skin)
    adornments.draw_freckles(canvas, identity)
    for sign, units in ((-1, left), (1, right)):
        upper_face.draw_eye(canvas, units, identity, nuisance, sign)
    upper_face.draw_forehead(canvas, centre, identity)
    shape = lower_face.lips(left, right, identity)
    lower_face.draw_nose(canvas, centre, identity)
    lower_face.draw_folds(canvas, left, right, shape, identity)
    adornments.draw_beard(canvas, identity, outline, shape)
    lower_face.draw_mouth(canvas, shape, centre, identity)
    hair.draw_front(canvas, identity)
    for sign, units in ((-1, left), (1, right)):
        upper_face.draw_brow(canvas, units, identity, sign)
    adornments.draw_earrings(canvas, identity)
    adornments.draw_glasses(canvas, identity)


@functools.lru_cache(maxsize=1)
def _ear() -> np.ndarray:
    return spline(_EAR, closed=True)


def _compose(
    canvas: Canvas,
    light: np.ndarray,
    identity: Identity,
    nuisance: Nuisance,
    size: int,
) -> np.ndarray:
    """Turns the head, lights it and puts it before body and background."""
    x, y = inverse_map(identity, nuisance, size)
    head = _sample(canvas.pixels, x, y, cv2.BORDER_CONSTANT)
    lit = _sample(light, x, y, cv2.BORDER_REPLICATE)
    colours = cv2.multiply(
        cv2.cvtColor(head, cv2.COLOR_RGBA2RGB), lit, scale=1 / relief.NEUTRAL
    )
    behind = _body(identity, nuisance, size)
    uncovered = cv2.cvtColor(255 - head[..., 3], cv2.COLOR_GRAY2RGB)
    return cv2.add(colours, cv2.multiply(behind, uncovered, scale=1 / 255))


def _sample(
    source: np.ndarray, x: np.ndarray, y: np.ndarray, border: int
) -> np.ndarray:
    scale = len(source) / (2 * EXTENT)
    offset = len(source) / 2 - 0.5
    return cv2.remap(
        source,
        x * scale + offset,
        y * scale + offset,
        cv2.INTER_LINEAR,
        borderMode=border,
    )


def _body(identity: Identity, nuisance: Nuisance, size: int) -> np.ndarray:
    """Background, shoulders and neck; these do not turn with the head."""
    picture = circumstances.background(nuisance.backdrop, size)
    x, y = nuisance.shift_x, nuisance.shift_y + 0.5 * identity.chin_drop
    light = nuisance.exposure * (0.6 + 0.4 * nuisance.ambient)
    clothes = shade(identity.clothes, light)
    dark = shade(identity.skin, 0.66 * light)
    shoulders = [(-1.25, 1.4), (-1.15, 1.10), (-0.55, 0.93), (0.55, 0.93)]
    shoulders += [(1.15, 1.10), (1.25, 1.4)]
    neck = [(-0.36, 0.4), (-0.35, 0.85), (-0.48, 0.97), (0.0, 1.25), (0.48, 0.97)]
    neck += [(0.35, 0.85), (0.36, 0.4)]
    for knots, colour in ((shoulders, clothes), (neck, dark)):
        points = (np.array(knots) + (x, y) + 1.0) * size / 2 * 16
        cv2.fillPoly(picture, [points.astype(np.int32)], colour, cv2.LINE_AA, 4)
    return picture
