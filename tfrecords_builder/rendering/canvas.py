"""A premultiplied RGBA canvas in face coordinates, and smooth curves to put on it.

Face coordinates: x to the picture's right, y down, the eyes near y = -0.08 and
the chin near y = 0.93, so a picture spans about [-1, 1] in both. Drawing is
anti-aliased and sub-pixel; the canvas is larger than the picture, which samples
it once, through the warp of `warp.py`.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

#: The canvas spans [-EXTENT, EXTENT] so that a turned head has hair to show.
EXTENT = 1.25
#: Canvas pixels for each pixel of the finished picture.
SUPERSAMPLING = 1.75

_SHIFT = 4  # OpenCV takes fixed-point coordinates: 1/16 of a pixel.

Colour = tuple[float, float, float]


class Canvas:
    """Coloured shapes over transparency.

    Drawing onto cleared pixels with coverage as alpha is what makes the result
    premultiplied, edges included.

    Attributes:
      pixels: uint8 [N, N, 4]. Red, green, blue, alpha; premultiplied.
      scale: Canvas pixels for one unit of face coordinates.
    """

    def __init__(self, size: int) -> None:
        """Clears a canvas for a picture of `size` pixels."""
        side = round(size * SUPERSAMPLING * EXTENT)
        self.pixels = np.zeros((side, side, 4), np.uint8)
        self.scale = side / (2 * EXTENT)
        self._fixed = self.scale * (1 << _SHIFT)
        self._origin = (side / 2 - 0.5) * (1 << _SHIFT) + 0.5

    def fill(self, points: np.ndarray, colour: Colour) -> None:
        """Fills a closed polygon.

        Args:
          points: float [n, 2]. Face coordinates, n >= 3.
          colour: Red, green, blue in 0..255; clipped.
        """
        cv2.fillPoly(
            self.pixels, [self._pixels(points)], (*colour, 255.0), cv2.LINE_AA, _SHIFT
        )

    def stroke(self, points: np.ndarray, widths: np.ndarray, colour: Colour) -> None:
        """Draws a brush stroke whose width varies along the way.

        Args:
          points: float [n, 2]. The centre line.
          widths: float [n]. Full width at each point, in face coordinates.
          colour: Red, green, blue in 0..255; clipped.
        """
        self.fill(ribbon(points, widths), colour)

    def lines(self, curves: np.ndarray, width: float, colour: Colour) -> None:
        """Draws many thin open curves at once.

        Args:
          curves: float [m, n, 2].
          width: Full width in face coordinates, rounded to canvas pixels.
          colour: Red, green, blue in 0..255; clipped.
        """
        thickness = max(1, round(width * self.scale))
        cv2.polylines(
            self.pixels,
            list(self._pixels(curves)),
            False,
            (*colour, 255.0),
            thickness,
            cv2.LINE_AA,
            _SHIFT,
        )

    def ellipse(
        self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour
    ) -> None:
        """Fills an upright ellipse."""
        self.fill(unit_circle() * radii + centre, colour)

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        return np.floor(points * self._fixed + self._origin).astype(np.int32)


def shade(colour: Colour, factor: float) -> Colour:
    """Returns a colour made darker (factor < 1) or lighter (> 1)."""
    red, green, blue = colour
    return red * factor, green * factor, blue * factor


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Returns the colour `share` of the way from the first to the second."""
    keep = 1.0 - share
    return (
        first[0] * keep + second[0] * share,
        first[1] * keep + second[1] * share,
        first[2] * keep + second[2] * share,
    )


def ribbon(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Returns the outline, float [2n, 2], of a line of varying width."""
    # As complex numbers: a quarter turn is a factor.
    line = np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0]
    tangent = np.empty_like(line)
    tangent[1:-1] = line[2:] - line[:-2]
    tangent[0] = line[1] - line[0]
    tangent[-1] = line[-1] - line[-2]
    offset = tangent * (0.5j * widths / (np.abs(tangent) + 1e-9))
    outline = np.concatenate((line + offset, (line - offset)[::-1]))
    return outline.view(np.float64).reshape(-1, 2)


@functools.lru_cache(maxsize=64)
def _spline_matrix(knots: int, pieces: int, closed: bool) -> np.ndarray:
    """The Catmull-Rom curve as a linear map, float32 [samples, knots]."""
    segments = knots if closed else knots - 1
    matrix = np.zeros((segments * pieces + (not closed), knots), np.float32)
    for row in range(len(matrix)):
        segment = min(row // pieces, segments - 1)
        t = row / pieces - segment
        weights = (
            -0.5 * t + t**2 - 0.5 * t**3,
            1 - 2.5 * t**2 + 1.5 * t**3,
            0.5 * t + 2 * t**2 - 1.5 * t**3,
            -0.5 * t**2 + 0.5 * t**3,
        )
        for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
            knot = segment + offset
            knot = knot % knots if closed else min(max(knot, 0), knots - 1)
            matrix[row, knot] += weight
    return matrix


def spline(knots: np.ndarray, pieces: int = 4, closed: bool = False) -> np.ndarray:
    """Returns a smooth curve through `knots`, float32 [samples, 2].

    Args:
      knots: float [k, 2], k >= 2.
      pieces: Samples for each segment.
      closed: Whether the last knot joins the first.
    """
    points = np.asarray(knots, np.float32)
    return _spline_matrix(len(points), pieces, closed) @ points


@functools.lru_cache(maxsize=1)
def unit_circle() -> np.ndarray:
    """Returns 24 points on the unit circle, float64 [24, 2]."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)


def mirrored(points: np.ndarray) -> np.ndarray:
    """Returns the points reflected left to right."""
    return points * (-1.0, 1.0)
