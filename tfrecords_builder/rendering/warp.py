"""From the canvas to the picture: proportions of the person, pose of the head.

One inverse map does all of it. For a pixel of the picture it undoes scale, roll
and shift, then the parallax of yaw and pitch over the head's depth, then the
person's proportions, and arrives at a place of the average face.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from tfrecords_builder.rendering.identity import Identity
from tfrecords_builder.rendering.nuisance import Nuisance

#: The map is smooth, so it is worked out on a coarse grid and interpolated.
_NODES = 33
#: Heights at which a person's widths are given, and the depth of the head.
_WIDTH_KNOTS = (-0.62, 0.02, 0.62)
_DEPTH = 0.55
_NOSE_DEPTH = 0.12


@functools.lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Coarse x and y, float32 [n, n] each, edges included."""
    x, y = np.meshgrid(*[np.linspace(-1.0, 1.0, _NODES, dtype=np.float32)] * 2)
    return x, y


@functools.lru_cache(maxsize=8)
def _between(size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel the node before it, int64, and the share of the next, float32."""
    place = (np.arange(size) + 0.5) * (_NODES - 1) / size
    before = place.astype(np.int64)
    return before, (place - before).astype(np.float32)


def _interpolated(coarse: np.ndarray, size: int) -> np.ndarray:
    """Linear interpolation, float32 [..., n, n] -> [..., size, size].

    Plain indexing, not a matrix product: BLAS would start threads for it, and
    round differently from one machine to the next.
    """
    before, share = _between(size)
    tall = coarse[:, before] * (1 - share)[:, None]
    tall += coarse[:, before + 1] * share[:, None]
    wide = tall.take(before, axis=2) * (1 - share)
    wide += tall.take(before + 1, axis=2) * share
    return wide


def inverse_map(
    identity: Identity, nuisance: Nuisance, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns where each pixel of the picture looks on the average face.

    Returns:
      x and y, float32 [size, size] each, in face coordinates.
    """
    x, y = _without_pose(*_grid(), nuisance)
    chin = np.clip((y - 0.05) / 0.85, 0.0, 1.3)
    y = y - identity.chin_drop * chin
    widths = (identity.forehead, identity.cheeks, identity.jaw)
    x = x / np.interp(y, _WIDTH_KNOTS, widths).astype(np.float32)
    fine = _interpolated(np.stack((x, y)), size)
    return fine[0], fine[1]


def _without_pose(
    x: np.ndarray, y: np.ndarray, nuisance: Nuisance
) -> tuple[np.ndarray, np.ndarray]:
    cosine = math.cos(nuisance.roll) / nuisance.scale
    sine = math.sin(nuisance.roll) / nuisance.scale
    x, y = x - nuisance.shift_x, y - nuisance.shift_y
    x, y = cosine * x + sine * y, cosine * y - sine * x
    across, down = math.sin(nuisance.yaw), math.sin(nuisance.pitch)
    # The forward map adds depth times the turn. Where the depth is read moves
    # with it, so two rounds of a fixed point are taken.
    head_x, head_y = x, y
    for _ in range(2):
        depth = _depth(head_x, head_y)
        head_x = x - across * depth
        head_y = y - down * depth
    return head_x / math.cos(nuisance.yaw), head_y / math.cos(nuisance.pitch)


def _depth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far a place of the face stands before the head's axis."""
    skull = np.maximum(0.0, 1.0 - (x / 0.78) ** 2 - (y / 1.12) ** 2) * _DEPTH
    nose = _NOSE_DEPTH * np.exp(-((x / 0.13) ** 2) - ((y - 0.17) / 0.16) ** 2)
    return skull + nose
