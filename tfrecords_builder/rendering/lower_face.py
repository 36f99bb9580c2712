"""Nose, mouth, chin and the folds between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfrecords_builder.rendering.canvas import blend
from tfrecords_builder.rendering.canvas import Canvas
from tfrecords_builder.rendering.canvas import shade
from tfrecords_builder.rendering.canvas import spline
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.upper_face import crease_colour

MOUTH_LEVEL = 0.505

# Along the lips, from the picture's left corner (-1) to the right one (1).
_ALONG = np.linspace(-1, 1, 21)
_OVAL = np.sqrt(1 - _ALONG**2)
_ROUND = (1 - _ALONG**2) ** 0.8
_SMILE = np.abs(_ALONG) ** 1.75
_DROOP = np.abs(_ALONG) ** 3
_BOW = _ROUND * (0.80 + 0.34 * np.exp(-(((np.abs(_ALONG) - 0.24) / 0.17) ** 2)))
_SNARL = _ROUND * (0.55 + 0.6 * np.exp(-(((np.abs(_ALONG) - 0.42) / 0.25) ** 2)))
_FOLD_TAPER = np.array([0.3, 0.7, 1, 1, 1, 0.9, 0.8, 0.6, 0.4, 0.2])
_TAPER = np.array([0.15, 0.6, 0.9, 1, 1, 1, 0.9, 0.6, 0.15])


def jaw_drop(units: Mapping[str, float]) -> float:
    """Returns how far the chin moves down."""
    return 0.120 * units["AU26"] + 0.012 * units["AU25"] - 0.012 * units["AU17"]


@dataclasses.dataclass(frozen=True)
class Lips:
    """The four edges of the lips, float64 [21, 2] each, left corner first.

    Attributes:
      upper_outer, upper_inner: Edges of the upper lip.
      lower_inner, lower_outer: Edges of the lower lip.
      gap: Distance of the inner edges in the middle.
    """

    upper_outer: np.ndarray
    upper_inner: np.ndarray
    lower_inner: np.ndarray
    lower_outer: np.ndarray
    gap: float


def lips(
    left: Mapping[str, float], right: Mapping[str, float], identity: Identity
) -> Lips:
    """Returns the lips' shape for the units of either side of the face.

    AU12 pulls the corners out and up, AU15 down, AU20 out; AU25 parts the lips
    and AU26 widens the gap only once they are parted; AU23 narrows and thins,
    AU24 presses, AU10 and AU9 lift the upper lip, AU17 pushes the lower one up.
    """
    units = {name: 0.5 * (left[name] + right[name]) for name in left}
    side = (_ALONG > 0).astype(np.float64)

    def sided(name: str) -> np.ndarray:
        return left[name] * (1 - side) + right[name] * side

    smile, stretch = sided("AU12"), sided("AU20")
    half = identity.mouth_width * (
        1
        + 0.27 * smile
        + 0.24 * stretch
        - 0.23 * units["AU23"]
        - 0.03 * units["AU24"]
        - 0.14 * units["AU26"] * (1 - units["AU12"])
    )
    x = _ALONG * half
    lift, chin = units["AU10"] + 0.55 * units["AU9"], units["AU17"]
    level = MOUTH_LEVEL + 0.022 * units["AU26"] + 0.006 * units["AU12"] - 0.020 * chin
    middle = level - (0.092 * smile - 0.016 * stretch) * _SMILE
    middle = middle + (0.070 * sided("AU15") + 0.024 * chin) * _DROOP
    part = units["AU25"]
    parted = min(1.0, 4.0 * part)
    up = 0.018 * part + parted * (0.012 * units["AU26"] + 0.030 * lift)
    down = 0.058 * part + parted * 0.125 * units["AU26"]
    upper = (
        0.057
        * identity.upper_lip
        * (
            1
            - 0.28 * units["AU12"]
            - 0.42 * units["AU23"]
            - 0.82 * units["AU24"]
            - 0.28 * units["AU20"]
        )
    )
    lower = (
        0.076
        * identity.lower_lip
        * (
            1
            - 0.18 * units["AU12"]
            - 0.40 * units["AU23"]
            - 0.78 * units["AU24"]
            - 0.22 * units["AU20"]
            + 0.16 * chin
        )
    )
    upper_inner = middle - up * _OVAL
    lower_inner = middle + down * _OVAL
    upper_outer = upper_inner - max(upper, 0.006) * _BOW - 0.056 * lift * _SNARL
    lower_outer = lower_inner + max(lower, 0.007) * _ROUND
    return Lips(
        *(
            np.stack((x, y), axis=1)
            for y in (upper_outer, upper_inner, lower_inner, lower_outer)
        ),
        gap=up + down,
    )


def draw_mouth(
    canvas: Canvas,
    shape: Lips,
    units: Mapping[str, float],
    identity: Identity,
) -> None:
    """Draws the lips and, where they are parted, what is behind them."""
    colour, skin = identity.lips, identity.skin
    if shape.gap > 0.004:
        _draw_cavity(canvas, shape, units)
    edge = np.concatenate((shape.upper_outer, shape.upper_inner[::-1]))
    canvas.fill(edge, shade(colour, 0.86))
    edge = np.concatenate((shape.lower_inner, shape.lower_outer[::-1]))
    canvas.fill(edge, colour)
    middle = 0.45 * shape.lower_inner + 0.55 * shape.lower_outer
    canvas.stroke(
        middle[6:15],
        0.22 * (shape.lower_outer[6:15, 1] - shape.lower_inner[6:15, 1]) * _TAPER,
        blend(colour, (255, 236, 230), 0.24),
    )
    line = blend((58, 22, 26), skin, 0.12)
    widths = 0.011 * (1.05 - 0.55 * _ALONG**2)
    if shape.gap <= 0.012:
        canvas.stroke(0.5 * (shape.upper_inner + shape.lower_inner), widths, line)
    for end in (0, -1):
        canvas.ellipse(tuple(shape.upper_inner[end]), (0.010, 0.008), line)
    press = max(units["AU24"], 0.5 * units["AU23"])
    if press > 0.08:
        for points, move in ((shape.upper_outer, -0.030), (shape.lower_outer, 0.028)):
            canvas.stroke(
                points[6:15] + (0, move),
                0.012 * _TAPER,
                crease_colour(skin, 0.75 * press),
            )


def _draw_cavity(canvas: Canvas, shape: Lips, units: Mapping[str, float]) -> None:
    upper, lower = shape.upper_inner, shape.lower_inner
    canvas.fill(np.concatenate((upper, lower[::-1])), (62, 18, 24))
    opening = lower[:, 1] - upper[:, 1]
    if shape.gap > 0.075:
        tongue = lower.copy()
        tongue[:, 1] -= np.minimum(0.42 * opening, 0.055) * (1 - _ALONG**4)
        canvas.fill(np.concatenate((tongue[4:17], lower[4:17][::-1])), (172, 76, 80))
    length = 0.030 + 0.026 * units["AU12"] + 0.016 * units["AU10"]
    length += 0.012 * units["AU20"]
    teeth = upper.copy()
    teeth[:, 1] += np.minimum(0.72 * opening, length * (1 - 0.9 * _ALONG**4))
    canvas.fill(np.concatenate((upper[1:-1], teeth[1:-1][::-1])), (240, 234, 224))
    if shape.gap > 0.05 and units["AU20"] + units["AU12"] > 0.5:
        low = lower.copy()
        low[:, 1] -= np.minimum(0.22 * opening, 0.018)
        canvas.fill(np.concatenate((low[4:-4], lower[4:-4][::-1])), (222, 212, 202))


def draw_nose(canvas: Canvas, units: Mapping[str, float], identity: Identity) -> None:
    """Draws nostrils, wings and, for AU9, the wrinkles of the bridge."""
    skin, width = identity.skin, identity.nose_width
    flare = 1.0 + 0.16 * units["AU9"] + 0.16 * units["AU10"]
    base = 0.258 + identity.nose_length - 0.030 * units["AU9"] - 0.024 * units["AU10"]
    dark = crease_colour(skin, 1.0)
    for sign in (-1, 1):
        wing = np.array(
            [[0.098, -0.075], [0.126, -0.028], [0.104, 0.016], [0.07, 0.012]]
        )
        wing = wing * (sign * width * flare, 1) + (0, base)
        canvas.stroke(spline(wing, 3), 0.014 * np.linspace(0.3, 1, 10), dark)
        centre = (sign * 0.054 * width * flare, base + 0.010)
        canvas.ellipse(centre, (0.030 * width * flare, 0.0135), shade(dark, 0.62))
    tip = np.array([[-0.03, 0.030], [0, 0.040], [0.03, 0.030]]) + (0, base)
    canvas.stroke(spline(tip), 0.011 * _TAPER, crease_colour(skin, 0.7))
    wrinkle = units["AU9"] + 0.15 * max(0.0, units["AU10"] - 0.3)
    if wrinkle > 0.08:
        colour = crease_colour(skin, 0.8 * wrinkle)
        for level, reach in ((-0.145, 0.050), (-0.10, 0.062), (-0.055, 0.066)):
            knots = np.array(
                [[-reach, level - 0.016], [0, level], [reach, level - 0.016]]
            )
            canvas.stroke(spline(knots), 0.013 * _TAPER, colour)
        for sign in (-1, 1):
            knots = np.array([[0.060, 0.01], [0.085, 0.045], [0.115, 0.060]])
            canvas.stroke(spline(knots * (sign, 1)), 0.013 * _TAPER, colour)


def draw_folds(
    canvas: Canvas,
    left: Mapping[str, float],
    right: Mapping[str, float],
    shape: Lips,
    identity: Identity,
) -> None:
    """Draws the folds beside nose and mouth, and those of the chin."""
    skin, old = identity.skin, 0.40 * identity.age
    for sign, units, end in ((-1, left, 0), (1, right, -1)):
        smile = units["AU12"]
        lift = max(units["AU10"], 0.7 * units["AU9"])
        corner = shape.upper_inner[end] * (sign, 1)
        depth = max(0.85 * smile, 0.85 * lift, 0.5 * units["AU20"], old)
        knots = np.array(
            [
                [0.128 * identity.nose_width, 0.225 - 0.025 * lift],
                [0.205 + 0.03 * smile + 0.01 * lift, 0.315 - 0.03 * lift],
                [corner[0] + 0.048, 0.5 * (corner[1] + 0.44) - 0.01],
                [corner[0] + 0.046, corner[1] + 0.04],
            ]
        )
        if depth > 0.06:
            canvas.stroke(
                spline(knots * (sign, 1), 3),
                0.016 * _FOLD_TAPER,
                crease_colour(skin, 0.55 * depth),
            )
        droop = units["AU15"] + 0.4 * old
        if droop > 0.08:
            knots = np.array([[0.018, 0.006], [0.034, 0.045], [0.028, 0.088]]) + corner
            canvas.stroke(
                spline(knots * (sign, 1)),
                0.018 * _TAPER,
                crease_colour(skin, 0.8 * droop),
            )
        if units["AU20"] > 0.08:
            knots = np.array([[0.030, -0.05], [0.046, 0.0], [0.030, 0.055]]) + corner
            canvas.stroke(
                spline(knots * (sign, 1)),
                0.015 * _TAPER,
                crease_colour(skin, 0.7 * units["AU20"]),
            )
    chin = 0.5 * (left["AU17"] + right["AU17"])
    level = float(shape.lower_outer[10, 1]) + 0.038
    bend = 0.030 * chin
    knots = np.array([[-0.10, level + bend], [0, level - bend], [0.10, level + bend]])
    canvas.stroke(spline(knots), 0.014 * _TAPER, crease_colour(skin, 0.22 + 0.6 * chin))
    if chin > 0.15:
        colour = crease_colour(skin, 0.5 * chin)
        for x, y in ((-0.05, 0.075), (0.045, 0.07), (0.0, 0.10), (-0.02, 0.06)):
            canvas.ellipse((x, level + y), (0.010, 0.007), colour)
