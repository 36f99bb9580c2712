"""How action units rise and fall in the course of a clip."""

from __future__ import annotations

import numpy as np

from tfrecords_builder.rendering.units import UNITS

#: From this share of its apex on, a clip's expression counts as visible.
VISIBLE = 0.5
#: Up to this share the face still, or again, counts as neutral.
UNSEEN = 0.1


def envelope(
    time: np.ndarray, onset: float, rise: float, offset: float, fall: float
) -> np.ndarray:
    """Returns onset, apex and offset as a smooth curve, float64 like `time`.

    Args:
      time: float [T] in [0, 1].
      onset: When the rise starts.
      rise: How long it takes, above 0.
      offset: When the fall ends.
      fall: How long it takes, above 0.

    Returns:
      0 before the onset and after the offset, 1 between; where the fall starts
      before the rise is over, the product of both.
    """
    return _smooth((time - onset) / rise) * _smooth((offset - time) / fall)


def _smooth(share: np.ndarray) -> np.ndarray:
    """Smootherstep: 0 below 0, 1 above 1, slope and curvature 0 at both."""
    t = np.clip(share, 0.0, 1.0)
    return t**3 * (t * (6 * t - 15) + 10)


def unit_curves(
    rng: np.random.Generator, apex: np.ndarray, num_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the course of a clip.

    Units follow one envelope, each with a small lag of its own, so that a brow
    may lead the mouth. The clip starts and ends with every unit at 0. Half of
    the clips has a blink.

    Args:
      rng: Its state decides.
      apex: float [U] in [0, 1]. Intensities at the height of the expression.
      num_frames: T >= 1. One frame is the apex itself.

    Returns:
      Units, float64 [T, U], and how far the expression is unfolded, float64 [T]
      in [0, 1].
    """
    if num_frames == 1:
        return apex[None].copy(), np.ones(1)
    time = np.linspace(0.0, 1.0, num_frames)
    onset, offset = rng.uniform(0.05, 0.14), rng.uniform(0.88, 0.95)
    rise, fall = rng.uniform(0.16, 0.26, 2)
    lag = rng.uniform(-0.04, 0.04, len(UNITS))
    units = apex * envelope(
        time[:, None], onset + lag, np.array(rise), offset + lag, np.array(fall)
    )
    if rng.random() < 0.5:
        middle, blink = rng.uniform(0.2, 0.8), UNITS.index("AU45")
        shut = envelope(time, middle - 0.09, 0.09, middle + 0.09, 0.09)
        units[:, blink] = np.maximum(units[:, blink], shut)
    return units, envelope(time, onset, rise, offset, fall)


def slow_noise(rng: np.random.Generator, num_frames: int, columns: int) -> np.ndarray:
    """Returns noise of unit variance that wanders slowly, float64 [T, columns].

    Annotators who follow a video with a joystick err smoothly.
    """
    phase = np.linspace(0.0, 1.6 * np.pi, num_frames)[:, None]
    first, second = rng.normal(size=(2, columns))
    return first * np.cos(phase) + second * np.sin(phase)
