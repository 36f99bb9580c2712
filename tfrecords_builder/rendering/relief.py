"""Light and shade: a height field of the face, lit from one side.

The field is linear in its coefficients, and so are its slopes. Action units
swell cheeks, brows and chin through it; people differ by their cheekbones, noses
and lines.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import cv2
import numpy as np

from tfrecords_builder.rendering.canvas import EXTENT
from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.nuisance import Nuisance

#: Side of the grid of the height field, over the canvas.
GRID = 96
#: The value of a shade picture that leaves a colour as it is.
NEUTRAL = 128

# Mounds (x, y, width, height, rise); mirrored where x is not 0.
_SKULL = (
    (0.0, 0.06, 0.060, 0.20, 0.105),
    (0.0, 0.215, 0.080, 0.065, 0.085),
    (0.088, 0.235, 0.045, 0.045, 0.045),
    (0.30, -0.13, 0.170, 0.100, -0.085),
    (0.30, -0.07, 0.125, 0.075, 0.055),
    (0.25, -0.29, 0.200, 0.060, 0.030),
    (0.42, 0.12, 0.180, 0.120, 0.050),
    (0.0, 0.50, 0.230, 0.150, 0.050),
    (0.0, 0.37, 0.022, 0.050, -0.012),
    (0.0, 0.645, 0.130, 0.045, -0.032),
    (0.0, 0.78, 0.140, 0.090, 0.045),
    (0.62, -0.30, 0.120, 0.200, -0.050),
)
_MOUNDS: dict[str, tuple[tuple[float, float, float, float, float], ...]] = {
    "inner_brow": ((0.13, -0.37, 0.09, 0.05, 0.030), (0.13, -0.24, 0.09, 0.05, -0.02)),
    "outer_brow": ((0.38, -0.38, 0.12, 0.05, 0.030), (0.38, -0.25, 0.12, 0.05, -0.02)),
    "frown": ((0.09, -0.25, 0.060, 0.060, 0.045), (0.0, -0.24, 0.022, 0.07, -0.040)),
    "cheek": ((0.37, 0.11, 0.150, 0.100, 0.072), (0.33, 0.24, 0.15, 0.06, -0.02)),
    "apple": ((0.38, 0.19, 0.140, 0.110, 0.050), (0.255, 0.36, 0.06, 0.11, -0.028)),
    "fold": ((0.200, 0.33, 0.040, 0.100, -0.045), (0.13, 0.36, 0.05, 0.06, 0.025)),
    "scrunch": ((0.075, 0.06, 0.045, 0.080, 0.028), (0.0, -0.12, 0.08, 0.025, -0.05)),
    "pout": ((0.0, 0.77, 0.110, 0.070, 0.045), (0.0, 0.655, 0.14, 0.035, -0.035)),
    "pressed": ((0.0, 0.445, 0.170, 0.035, 0.034), (0.0, 0.585, 0.17, 0.04, 0.034)),
    "corner": ((0.285, 0.61, 0.045, 0.060, -0.040), (0.34, 0.58, 0.06, 0.07, 0.020)),
    "stretch": ((0.36, 0.52, 0.040, 0.120, 0.032), (0.30, 0.52, 0.03, 0.12, -0.035)),
    "hollow": ((0.44, 0.42, 0.090, 0.180, -0.060),),
    "squint": ((0.29, 0.035, 0.120, 0.026, 0.030), (0.29, 0.08, 0.13, 0.022, -0.02)),
    "bridge": ((0.0, 0.02, 0.045, 0.16, 0.060),),
    "fullness": ((0.42, 0.36, 0.16, 0.18, 0.055),),
    "bags": ((0.28, 0.065, 0.10, 0.025, -0.030),),
}
_NAMES = tuple(_MOUNDS)


@functools.lru_cache(maxsize=1)
def _bases() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes of the bare head [2, G, G] and of each mound [K, 2, G, G]; red cheeks."""
    axis = ((np.arange(GRID) + 0.5) * 2 / GRID - 1) * EXTENT
    x, y = np.meshgrid(axis, axis)
    head = _slopes(_heights(_SKULL, x, y), axis)
    # An ellipsoid's slope, held finite at the rim.
    far = (x / 0.74) ** 2 + ((y + 0.02) / 1.06) ** 2
    rim = 0.62 / np.sqrt(np.maximum(1.06 - far, 0.16))
    head[0] -= rim * x / 0.74
    head[1] -= 0.75 * rim * y / 1.06
    mounds = [_slopes(_heights(_MOUNDS[name], x, y), axis) for name in _NAMES]
    red = np.exp(-(((np.abs(x) - 0.40) / 0.17) ** 2) - ((y - 0.17) / 0.13) ** 2)
    red += 0.5 * np.exp(-((x / 0.08) ** 2) - ((y - 0.2) / 0.07) ** 2)
    return (
        head.astype(np.float32),
        np.stack(mounds).astype(np.float32),
        red.astype(np.float32),
    )


def _heights(
    mounds: tuple[tuple[float, float, float, float, float], ...],
    x: np.ndarray,
    y: np.ndarray,
) -> np.ndarray:
    total = np.zeros_like(x)
    for centre_x, centre_y, width, height, rise in mounds:
        for sign in (1, -1) if centre_x else (1,):
            total += rise * np.exp(
                -0.5 * ((x - sign * centre_x) / width) ** 2
                - 0.5 * ((y - centre_y) / height) ** 2
            )
    return total


def _slopes(heights: np.ndarray, axis: np.ndarray) -> np.ndarray:
    down, across = np.gradient(heights, axis, axis)
    return np.stack((across, down))


def _coefficients(units: Mapping[str, float], identity: Identity) -> list[float]:
    smile = units["AU12"]
    values = {
        "inner_brow": units["AU1"],
        "outer_brow": units["AU2"],
        "frown": units["AU4"] + 0.4 * units["AU9"],
        "cheek": units["AU6"],
        "apple": smile,
        "fold": max(units["AU10"], 0.7 * units["AU9"]) + 0.25 * identity.age,
        "scrunch": units["AU9"],
        "pout": units["AU17"],
        "pressed": units["AU24"] + 0.3 * units["AU23"],
        "corner": units["AU15"],
        "stretch": units["AU20"],
        "hollow": 0.8 * units["AU26"] - 0.3 * identity.roundness,
        "squint": max(units["AU7"], 0.7 * units["AU6"]),
        "bridge": identity.nose_bridge - 1.0,
        "fullness": 0.6 * identity.roundness,
        "bags": 0.2 + identity.age,
    }
    return [values[name] for name in _NAMES]


def shade_map(
    units: Mapping[str, float], identity: Identity, nuisance: Nuisance
) -> np.ndarray:
    """Returns the factor on every colour of the head.

    Lambert's law with an ambient share, and a soft highlight; shadows are
    warmer than lights, as light that has passed through skin is.

    Returns:
      uint8 [GRID, GRID, 3] over the canvas; `NEUTRAL` leaves a colour unchanged.
    """
    head, mounds, red = _bases()
    slopes = head.copy()
    for coefficient, mound in zip(_coefficients(units, identity), mounds, strict=True):
        if coefficient:
            cv2.scaleAdd(mound, coefficient, slopes, slopes)
    across, down = slopes
    length = math.hypot(nuisance.light_x, nuisance.light_y, 0.95)
    light = (nuisance.light_x / length, nuisance.light_y / length, 0.95 / length)
    inverse = 1.0 / np.sqrt(1.0 + across * across + down * down)
    facing = (light[2] - across * light[0] - down * light[1]) * inverse
    # Wrapped round the terminator: skin lets light through, so shadows are soft.
    diffuse = np.maximum(0.78 * facing + 0.22, 0.0)
    # Blinn's half vector between the light and the viewer.
    half_z = light[2] + 1.0
    half = (half_z - across * light[0] - down * light[1]) * inverse
    half *= 1.0 / math.hypot(light[0], light[1], half_z)
    gloss = half**2
    gloss **= 2
    gloss **= 2
    gloss **= 2
    gain = NEUTRAL * nuisance.exposure
    bright = gain * (nuisance.ambient + (1.09 - nuisance.ambient) * diffuse)
    bright += gain * 0.11 * gloss
    tint = 0.05 * nuisance.warmth
    flush = identity.blush * red
    channels = np.empty((GRID, GRID, 3), np.float32)
    channels[..., 0] = (0.96 + tint) * bright + 0.05 * gain
    channels[..., 1] = bright * (1.0 - 0.13 * flush)
    channels[..., 2] = (1.01 - tint) * bright * (1.0 - 0.10 * flush) - 0.01 * gain
    return cv2.convertScaleAbs(channels)
