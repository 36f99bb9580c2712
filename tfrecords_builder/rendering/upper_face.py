"""Brows, eyes, lids and the lines about them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfrecords_builder.rendering.canvas import blend
from tfrecords_builder.rendering.canvas import Canvas
from tfrecords_builder.rendering.canvas import Colour
from tfrecords_builder.rendering.canvas import shade
from tfrecords_builder.rendering.canvas import spline
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.nuisance import Nuisance

# Along a lid, from the inner corner (-1) to the outer (1).
_ALONG = np.linspace(-1, 1, 15)
_UPPER = (1 - _ALONG**2) ** 0.68 * (1 - 0.10 * _ALONG)
_LOWER = (1 - _ALONG**2) ** 0.85 * (1 + 0.16 * _ALONG)
_INNER = np.clip(0.35 - _ALONG, 0, 1) * (1 - _ALONG**2)
_OUTER = np.clip(_ALONG + 0.25, 0, 1) ** 2
_LASHES = np.clip(0.35 + 0.45 * (_ALONG + 1), 0, 1) * (1.02 - _ALONG**6)
_THIN = 1 - 0.8 * _ALONG**4

# Along a brow: five knots from the inner end to the tail.
_BROW_X = np.array([0.108, 0.185, 0.285, 0.385, 0.468])
_BROW_ARCH = np.array([0.52, 0.80, 1.0, 0.95, 0.36])
_BROW_WIDTH = spline(
    np.array([[0, 0.040], [0, 0.056], [0, 0.052], [0, 0.036], [0, 0.004]])
)[:, 1]
_RAISE_INNER = np.array([1.0, 0.78, 0.32, 0.06, 0.0])
_RAISE_OUTER = np.array([0.08, 0.30, 0.78, 1.0, 0.85])
_LOWER_BROW = np.array([1.0, 0.84, 0.55, 0.28, 0.12])
_KNIT = np.array([1.0, 0.7, 0.35, 0.1, 0.0])


def crease_colour(skin: Colour, depth: float) -> Colour:
    """Returns the colour of a fold of the skin; depth 0 cannot be seen."""
    fold = (skin[0] * 0.60, skin[1] * 0.50, skin[2] * 0.48)
    return blend(skin, fold, min(1.0, depth))


def lids(
    units: Mapping[str, float], identity: Identity
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the edges of an open eye, in y about the eye's centre.

    AU5 raises the upper lid, AU7 and AU6 raise the lower, AU45 shuts the eye;
    brows (AU1, AU4) pull at the inner part of the upper lid.

    Returns:
      float64 [15] each: the upper and the lower edge, inner corner first.
    """
    size = identity.eye_size
    tight = 0.30 * units["AU7"] + 0.18 * units["AU6"] + 0.12 * units["AU4"]
    tight += 0.28 * units["AU9"] + 0.08 * units["AU12"]
    upper_rise = 0.093 * size * max(0.3, 1.0 + 0.50 * units["AU5"] - tight)
    raised = 1.05 * units["AU7"] + 0.95 * units["AU6"] + 0.4 * units["AU9"]
    lower_fall = 0.046 * size * max(-0.25, 1.0 + 0.12 * units["AU5"] - raised)
    tilt = -identity.eye_tilt * _ALONG
    pull = 0.020 * (units["AU4"] - units["AU1"]) * _INNER
    sag = 0.014 * units["AU1"] * max(0.0, 1.0 - 2.0 * units["AU2"]) * _OUTER
    upper = tilt + pull + sag - upper_rise * _UPPER
    lower = tilt + lower_fall * _LOWER
    shut = units["AU45"]
    upper = (1 - shut) * upper + shut * (lower - 0.004)
    return np.minimum(upper, lower - 0.004 * _THIN), lower


def draw_eye(
    canvas: Canvas,
    units: Mapping[str, float],
    identity: Identity,
    nuisance: Nuisance,
    sign: int,
) -> None:
    """Draws one eye; sign 1 is the picture's right."""
    skin, size, level = identity.skin, identity.eye_size, identity.eye_height
    upper, lower = lids(units, identity)
    across = sign * (identity.eye_spacing + 0.147 * size * _ALONG)
    top = np.stack((across, level + upper), axis=1)
    bottom = np.stack((across, level + lower), axis=1)
    white = blend((240, 236, 234), skin, 0.17)
    canvas.fill(np.concatenate((top, bottom[::-1])), white)
    shadow = np.concatenate((top, (top * 0.68 + bottom * 0.32)[::-1]))
    canvas.fill(shadow, shade(white, 0.84))
    _draw_iris(canvas, identity, nuisance, sign)
    _cover_iris(canvas, skin, top, bottom, level)
    _draw_lid_lines(canvas, units, identity, top, bottom, sign)


def _draw_iris(
    canvas: Canvas, identity: Identity, nuisance: Nuisance, sign: int
) -> None:
    radius = 0.079 * identity.eye_size
    x = sign * (identity.eye_spacing - 0.006) + 0.034 * nuisance.gaze_x
    y = identity.eye_height - 0.018 + 0.018 * nuisance.gaze_y
    iris = identity.iris
    canvas.ellipse((x, y), (radius, radius), shade(iris, 0.5))
    canvas.ellipse((x, y), (0.86 * radius, 0.86 * radius), iris)
    low = (x, y + 0.36 * radius)
    canvas.ellipse(low, (0.6 * radius, 0.42 * radius), shade(iris, 1.25))
    canvas.ellipse((x, y), (0.46 * radius, 0.46 * radius), (16, 12, 14))
    glint = (x + 0.42 * radius * nuisance.light_x, y - 0.34 * radius)
    canvas.ellipse(glint, (0.25 * radius, 0.25 * radius), (255, 255, 255))


def _cover_iris(
    canvas: Canvas, skin: Colour, top: np.ndarray, bottom: np.ndarray, level: float
) -> None:
    # The albedo of skin is flat until the light falls on it, so the lids can be
    # painted over what they hide, without a mask.
    for edge, far in ((top, level - 0.150), (bottom, level + 0.125)):
        back = edge[[-2, -5, -8, -11, -2 - 11]].copy()
        back[:, 1] = far
        canvas.fill(np.concatenate((edge, back)), skin)


def _draw_lid_lines(
    canvas: Canvas,
    units: Mapping[str, float],
    identity: Identity,
    top: np.ndarray,
    bottom: np.ndarray,
    sign: int,
) -> None:
    skin = identity.skin
    opening = float(bottom[7, 1] - top[7, 1])
    gap = 0.020 + 0.12 * max(0.0, 0.13 - opening)
    fold = top[1:] + (0.0, -1.0) * (gap * _THIN[1:, None] ** 0.5)
    canvas.stroke(fold, 0.011 * _THIN[1:], crease_colour(skin, 0.75 * identity.crease))
    canvas.stroke(bottom, 0.008 * _THIN, crease_colour(skin, 0.75))
    pouch = max(0.9 * units["AU6"], 0.8 * units["AU7"], 0.5 * identity.age)
    under = bottom[2:-1] + (0.0, 0.036)
    canvas.stroke(under, 0.011 * _THIN[2:-1], crease_colour(skin, 0.65 * pouch))
    lashes = blend((34, 24, 24), identity.hair, 0.12)
    canvas.stroke(top, 0.021 * identity.lashes * _LASHES + 0.006, lashes)
    feet = 1.05 * units["AU6"] + 0.3 * identity.age
    if feet > 0.1:
        corner = top[-1]
        for rise, reach in ((-0.050, 0.075), (0.002, 0.092), (0.052, 0.078)):
            start = corner + (0.030 * sign, 0.35 * rise)
            line = np.array([start, start + (reach * sign, rise)])
            canvas.stroke(
                spline(line),
                0.011 * np.array([0.5, 1, 1, 0.7, 0.2]),
                crease_colour(skin, 0.75 * feet),
            )


def brow_line(units: Mapping[str, float], identity: Identity, sign: int) -> np.ndarray:
    """Returns a brow's centre line, float [n, 2], inner end first.

    AU1 lifts the inner end, AU2 the outer part, AU4 lowers and draws together;
    AU1 with AU4 slants the brow, as in sorrow.
    """
    knit = units["AU4"] * (1.0 - 0.55 * units["AU1"]) + 0.45 * units["AU9"]
    y = -0.262 + identity.brow_height - identity.brow_arch * _BROW_ARCH
    y = y - 0.094 * units["AU1"] * _RAISE_INNER - 0.088 * units["AU2"] * _RAISE_OUTER
    y = y + 0.074 * knit * _LOWER_BROW + 0.012 * units["AU6"] * _RAISE_OUTER
    x = _BROW_X * identity.brow_reach + (identity.eye_spacing - 0.300)
    x = x - 0.034 * max(units["AU4"], 0.6 * units["AU9"]) * _KNIT
    return spline(np.stack((sign * x, y), axis=1))


def draw_brow(
    canvas: Canvas, units: Mapping[str, float], identity: Identity, sign: int
) -> None:
    """Draws one brow."""
    line = brow_line(units, identity, sign)
    colour = blend(shade(identity.hair, 0.78), identity.skin, 0.12)
    canvas.stroke(line, _BROW_WIDTH * identity.brow_thickness, colour)


def draw_forehead(
    canvas: Canvas, units: Mapping[str, float], identity: Identity
) -> None:
    """Draws the lines that raised or knitted brows make."""
    skin, old = identity.skin, 0.30 * identity.age
    centre, side = units["AU1"] + old, units["AU2"] + old
    taper = np.array([0.2, 0.7, 1, 1, 1, 1, 1, 0.7, 0.2])
    if max(centre, side) > 0.12:
        reach = 0.17 + 0.20 * side / (centre + side)
        for level, rise in ((-0.43, 0.006), (-0.495, 0.010), (-0.56, 0.014)):
            # Sorrow's lines dip at the sides, surprise's run across.
            ends = level + 0.03 * (centre - side)
            knots = np.array([[-reach, ends], [0, level - rise], [reach, ends]])
            depth = 0.55 * max(centre, side)
            canvas.stroke(spline(knots), 0.012 * taper, crease_colour(skin, depth))
    frown = units["AU4"] + 0.3 * units["AU9"] + 0.2 * identity.age
    if frown > 0.08:
        for sign in (-1, 1):
            knots = np.array([[0.040, -0.325], [0.030, -0.26], [0.042, -0.20]])
            canvas.stroke(
                spline(knots * (sign, 1)),
                0.016 * taper,
                crease_colour(skin, 0.9 * frown),
            )
