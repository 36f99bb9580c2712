"""Hair: what hangs behind the head, and what lies over the forehead.

A style is an outer and an inner curve, both from the picture's left ear over
the crown to the right one; strands run between them.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tfrecords_builder.rendering.canvas import blend
from tfrecords_builder.rendering.canvas import Canvas
from tfrecords_builder.rendering.canvas import Colour
from tfrecords_builder.rendering.canvas import shade
from tfrecords_builder.rendering.canvas import spline
from tfrecords_builder.rendering.identity import Identity

_TIGHT = (
    (-0.685, -0.02),
    (-0.725, -0.38),
    (-0.61, -0.76),
    (-0.34, -1.01),
    (0.0, -1.075),
    (0.34, -1.01),
    (0.61, -0.76),
    (0.725, -0.38),
    (0.685, -0.02),
)
_FULL = (
    (-0.70, 0.04),
    (-0.785, -0.36),
    (-0.69, -0.82),
    (-0.40, -1.09),
    (0.0, -1.165),
    (0.40, -1.09),
    (0.69, -0.82),
    (0.785, -0.36),
    (0.70, 0.04),
)
_LONG = (
    (-0.80, 1.25),
    (-0.87, 0.55),
    (-0.82, -0.25),
    (-0.70, -0.80),
    (-0.40, -1.10),
    (0.0, -1.17),
    (0.40, -1.10),
    (0.70, -0.80),
    (0.82, -0.25),
    (0.87, 0.55),
    (0.80, 1.25),
)
_BOB = (
    (-0.60, 0.66),
    (-0.80, 0.52),
    (-0.84, -0.10),
    (-0.72, -0.78),
    (-0.40, -1.10),
    (0.0, -1.17),
    (0.40, -1.10),
    (0.72, -0.78),
    (0.84, -0.10),
    (0.80, 0.52),
    (0.60, 0.66),
)
_HAIRLINE = (
    (-0.655, 0.00),
    (-0.625, -0.32),
    (-0.535, -0.56),
    (-0.29, -0.70),
    (0.0, -0.725),
    (0.29, -0.70),
    (0.535, -0.56),
    (0.625, -0.32),
    (0.655, 0.00),
)
_PARTED = (
    (-0.665, 0.04),
    (-0.635, -0.26),
    (-0.585, -0.46),
    (-0.36, -0.58),
    (0.06, -0.68),
    (0.34, -0.80),
    (0.53, -0.60),
    (0.635, -0.30),
    (0.665, 0.04),
)
_FRINGE = (
    (-0.665, 0.06),
    (-0.625, -0.26),
    (-0.52, -0.485),
    (-0.26, -0.455),
    (0.0, -0.475),
    (0.26, -0.455),
    (0.52, -0.485),
    (0.625, -0.26),
    (0.665, 0.06),
)
_CURTAIN = (
    (-0.675, 0.60),
    (-0.655, 0.10),
    (-0.60, -0.30),
    (-0.40, -0.63),
    (0.0, -0.86),
    (0.40, -0.63),
    (0.60, -0.30),
    (0.655, 0.10),
    (0.675, 0.60),
)


@dataclasses.dataclass(frozen=True)
class _Style:
    outer: tuple[tuple[float, float], ...]
    inner: tuple[tuple[float, float], ...]
    behind: tuple[tuple[float, float], ...] | None = None


_STYLES = {
    "crop": _Style(_TIGHT, _HAIRLINE),
    "side_part": _Style(_FULL, _PARTED),
    "fringe": _Style(_FULL, _FRINGE),
    "curls": _Style(_FULL, _HAIRLINE),
    "long": _Style(_FULL, _CURTAIN, _LONG),
    "bob": _Style(_FULL, _FRINGE, _BOB),
    "bun": _Style(_TIGHT, _HAIRLINE),
}


@functools.lru_cache(maxsize=32)
def _curves(style: str, flipped: bool) -> tuple[np.ndarray, np.ndarray]:
    """The outer and the inner curve, float32 [33, 2] each."""
    shape = _STYLES[style]
    outer, inner = (
        spline(np.array(knots), 4)[:, :] for knots in (shape.outer, shape.inner)
    )
    if flipped:
        outer, inner = (curve[::-1] * (-1, 1) for curve in (outer, inner))
    return outer, inner


def draw_back(canvas: Canvas, identity: Identity) -> None:
    """Draws the hair behind the head and neck."""
    style, dark = identity.hair_style, shade(identity.hair, 0.72)
    if style == "bun":
        side = 0.25 if identity.hair_seed & 2 else 0.0
        canvas.ellipse((side, -1.10), (0.30, 0.24), identity.hair)
    if style == "curls":
        for x, y, radius in _curls(identity.hair_seed, behind=True):
            canvas.ellipse((x, y), (radius, radius), shade(identity.hair, 0.82))
    if style in _STYLES and _STYLES[style].behind:
        canvas.fill(spline(np.array(_STYLES[style].behind)), dark)
    if style == "scarf":
        canvas.fill(spline(np.array(_LONG)), shade(identity.accessory, 0.85))


def draw_front(canvas: Canvas, identity: Identity) -> None:
    """Draws the hair over the skull and forehead."""
    style, colour = identity.hair_style, identity.hair
    if style == "scarf":
        _draw_scarf(canvas, identity.accessory)
        return
    if style == "bald":
        return
    flipped = bool(identity.hair_seed & 1)
    outer, inner = _curves(style, flipped)
    canvas.fill(np.concatenate((outer, inner[::-1])), colour)
    if style == "curls":
        for number, (x, y, radius) in enumerate(_curls(identity.hair_seed, False)):
            tone = shade(colour, (0.86, 1.02, 1.2)[number % 3])
            canvas.ellipse((x, y), (radius, radius), tone)
        return
    if style in ("fringe", "bob"):
        _draw_bangs(canvas, outer, inner, colour)
        return
    _draw_strands(canvas, outer, inner, colour)


def _draw_strands(
    canvas: Canvas, outer: np.ndarray, inner: np.ndarray, colour: Colour
) -> None:
    depth = np.array([0.10, 0.26, 0.42, 0.58, 0.74, 0.90])[:, None, None]
    strands = outer * (1 - depth) + inner * depth
    pale = blend(colour, (255, 240, 220), 0.16)
    canvas.lines(strands[::2, 2:-2], 0.012, shade(colour, 0.74))
    canvas.lines(strands[1::2, 6:-6], 0.012, pale)


def _draw_bangs(
    canvas: Canvas, outer: np.ndarray, inner: np.ndarray, colour: Colour
) -> None:
    """Combs a fringe forward from the crown; its lower edge is ragged."""
    roots = inner[7:26]
    zigzag = np.repeat(roots, 2, axis=0)[1:]
    zigzag[1::2][: len(roots) - 1] = 0.5 * (roots[:-1] + roots[1:]) + (0.0, 0.022)
    canvas.fill(np.concatenate((zigzag, roots[::-1] + (0, -0.06))), colour)
    crown = np.array((0.0, -1.12))
    ends, middle = inner[4:29:2], outer[4:29:2]
    starts = 0.75 * crown + 0.25 * middle
    bends = 0.45 * ends + 0.55 * middle
    # Three knots a hair, all hairs bent at once.
    t = np.linspace(0, 1, 7)[:, None]
    combed = (
        starts[:, None] * (1 - t) ** 2
        + 2 * bends[:, None] * t * (1 - t)
        + ends[:, None] * t**2
    )
    pale = blend(colour, (255, 240, 220), 0.14)
    canvas.lines(combed[::2], 0.010, shade(colour, 0.76))
    canvas.lines(combed[1::2], 0.010, pale)


@functools.lru_cache(maxsize=256)
def _curls(seed: int, behind: bool) -> tuple[tuple[float, float, float], ...]:
    """Centres and radii of the curls about the skull."""
    rng = np.random.default_rng(seed)
    volume = rng.uniform(0.0, 0.14)
    circles = []
    for angle in np.linspace(-0.02, 1.02, 14) * np.pi:
        far = 1.02 + volume if behind else 0.93
        x = -np.cos(angle) * 0.72 * far + rng.normal(0, 0.012)
        y = -0.22 - np.sin(angle) * 0.82 * far + rng.normal(0, 0.012)
        circles.append((x, y, rng.uniform(0.12, 0.16) + 0.4 * behind * volume))
    if not behind:
        for angle in np.linspace(0.10, 0.90, 10) * np.pi:
            x = -np.cos(angle) * 0.60 + rng.normal(0, 0.015)
            y = -0.26 - np.sin(angle) * 0.52 + rng.normal(0, 0.012)
            circles.append((x, y, rng.uniform(0.08, 0.11)))
    return tuple(circles)


def _draw_scarf(canvas: Canvas, colour: Colour) -> None:
    outer = spline(np.array(_LONG))
    opening = spline(
        np.array(
            [
                (0.0, -0.70),
                (-0.34, -0.645),
                (-0.56, -0.40),
                (-0.615, 0.0),
                (-0.56, 0.40),
                (-0.38, 0.76),
                (0.0, 1.10),
                (0.38, 0.76),
                (0.56, 0.40),
                (0.615, 0.0),
                (0.56, -0.40),
                (0.34, -0.645),
            ]
        ),
        closed=True,
    )
    # One outline that runs in and out again along the same seam under the chin.
    start = len(opening) // 2
    ring = np.roll(opening, -start, axis=0)
    canvas.fill(np.concatenate((outer, ring, ring[:1])), colour)
    for shrink, tone in ((1.05, 0.78), (1.16, 0.86), (1.28, 1.08)):
        fold = (opening[6:-6] - (0, -0.1)) * shrink + (0, -0.1)
        canvas.lines(fold[None], 0.018, shade(colour, tone))
