"""Beard, glasses, earrings and freckles: what may lie over a face."""

from __future__ import annotations

import functools

import numpy as np

from tfrecords_builder.rendering.canvas import blend
from tfrecords_builder.rendering.canvas import Canvas
from tfrecords_builder.rendering.canvas import mirrored
from tfrecords_builder.rendering.canvas import shade
from tfrecords_builder.rendering.canvas import spline
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.lower_face import Lips


def draw_beard(
    canvas: Canvas, identity: Identity, outline: np.ndarray, shape: Lips
) -> None:
    """Draws stubble, goatee or beard, which the lips are then drawn over.

    Args:
      canvas: What to draw on.
      identity: Whose beard.
      outline: float [n, 2]. The closed outline of the head, jaw dropped.
      shape: The lips of the moment; a moustache follows the upper one.
    """
    if identity.beard == "none":
        return
    stubble = identity.beard == "stubble"
    share = 0.20 if stubble else 0.86
    colour = blend(identity.skin, shade(identity.hair, 0.88), share)
    chin = float(outline[:, 1].max())
    if identity.beard in ("stubble", "full"):
        jaw = outline[outline[:, 1] > 0.05]
        jaw = jaw[np.argsort(jaw[:, 0], kind="stable")]
        low = float(shape.upper_outer[10, 1])
        cheeks = np.array(
            [(0.56, 0.12), (0.52, 0.36), (0.40, 0.50), (0.24, low - 0.10), (0.05, 0.36)]
        )
        inner = spline(np.concatenate((cheeks, mirrored(cheeks)[::-1])))
        canvas.fill(np.concatenate((jaw, inner)), colour)
    if identity.beard == "goatee":
        low = float(shape.lower_outer[10, 1])
        knots = np.array(
            [(-0.20, low - 0.02), (0.0, low + 0.035), (0.20, low - 0.02)]
            + [(0.22, chin - 0.10), (0.0, chin + 0.015), (-0.22, chin - 0.10)]
        )
        canvas.fill(spline(knots, closed=True), colour)
    if not stubble:
        _draw_moustache(canvas, shape, shade(colour, 0.93))


def _draw_moustache(
    canvas: Canvas, shape: Lips, colour: tuple[float, float, float]
) -> None:
    lower = shape.upper_outer[1:-1] + (0, 0.014)
    ends = shape.upper_inner[[-1, 0]] + ((0.03, 0.035), (-0.03, 0.035))
    top = shape.upper_outer[[17, 14, 10, 6, 3]] + (0, -0.055)
    top[2, 1] += 0.012
    edge = np.concatenate((lower, ends[:1], top, ends[1:]))
    canvas.fill(edge, colour)


def draw_glasses(canvas: Canvas, identity: Identity) -> None:
    """Draws the frame of a pair of glasses; the eyes stay visible."""
    if not identity.glasses:
        return
    frame = shade(identity.accessory, 0.42)
    level, offset = identity.eye_height + 0.012, identity.eye_spacing
    lens = _lens(identity.glasses)
    curves = np.stack((lens + (offset, level), mirrored(lens) + (-offset, level)))
    canvas.lines(curves, 0.020, frame)
    edge = float(lens[:, 0].min()) + offset
    bridge = np.array([(-edge, level - 0.02), (0, level - 0.055), (edge, level - 0.02)])
    far = float(lens[:, 0].max()) + offset
    arm = np.array([(far, level - 0.05), (0.56, level - 0.055), (0.67, level - 0.04)])
    for line in (bridge, arm, mirrored(arm)):
        canvas.lines(spline(line)[None], 0.020, frame)


@functools.lru_cache(maxsize=2)
def _lens(kind: int) -> np.ndarray:
    """A closed lens about the origin, float64 [33, 2]; 1 is round, 2 is not."""
    angle = np.linspace(0, 2 * np.pi, 33)
    power = 1.0 if kind == 1 else 0.55
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack(
        (
            0.205 * np.sign(cosine) * np.abs(cosine) ** power,
            (0.185 if kind == 1 else 0.145) * np.sign(sine) * np.abs(sine) ** power,
        ),
        axis=1,
    )


def draw_earrings(canvas: Canvas, identity: Identity) -> None:
    """Draws a stud on either ear."""
    if identity.earrings and identity.hair_style != "scarf":
        for sign in (-1, 1):
            canvas.ellipse((sign * 0.705, 0.235), (0.026, 0.030), (232, 206, 130))


def draw_freckles(canvas: Canvas, identity: Identity) -> None:
    """Draws freckles over the nose and cheeks."""
    colour = blend(identity.skin, (150, 86, 52), 0.32)
    for x, y in _freckles(identity.hair_seed, identity.freckles):
        canvas.ellipse((x, y), (0.008, 0.007), colour)


@functools.lru_cache(maxsize=256)
def _freckles(seed: int, count: int) -> tuple[tuple[float, float], ...]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.24, count), rng.normal(0.13, 0.06, count)
    return tuple(zip(x.tolist(), y.tolist(), strict=True))
