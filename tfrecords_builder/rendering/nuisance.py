"""How a picture was taken: pose, light, background, focus, grain.

Drawn independently of who is shown and of what the face does.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import cv2
import numpy as np

#: Side of the colour grid that is smoothed into an out-of-focus background.
_GRID = 6


@dataclasses.dataclass(frozen=True)
class Nuisance:
    """One way of taking a picture.

    Attributes:
      yaw, pitch, roll: Radians; positive turns to the picture's right, down,
        clockwise. Within 0.30, 0.20 and 0.17.
      scale, shift_x, shift_y: Size and place of the face.
      light_x, light_y: Where the light comes from, -1..1, right and down.
      ambient: Share of the light that has no direction, 0..1.
      exposure: Factor on the whole picture.
      warmth: -1 bluish to 1 reddish light.
      backdrop: uint8 [6, 6, 3]. Colours of the background, 0..255.
      blur: Standard deviation in pixels of a 112 px picture; 0 for none.
      grain: Standard deviation of the noise, in grey levels.
      grain_offset: Two integers that pick the noise.
      gaze_x, gaze_y: Where the eyes look, -1..1.
      tilt: Asymmetry of the expression; one side gets 1 + tilt, the other 1 - tilt.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift_x: float
    shift_y: float
    light_x: float
    light_y: float
    ambient: float
    exposure: float
    warmth: float
    backdrop: np.ndarray
    blur: float
    grain: float
    grain_offset: tuple[int, int]
    gaze_x: float
    gaze_y: float
    tilt: float


#: Fields that drift in the course of a clip, and how far (standard deviation).
_DRIFT = {
    "yaw": 0.07,
    "pitch": 0.04,
    "roll": 0.03,
    "shift_x": 0.015,
    "shift_y": 0.015,
    "light_x": 0.08,
    "exposure": 0.015,
    "gaze_x": 0.25,
    "gaze_y": 0.12,
}


def sample_nuisance(rng: np.random.Generator) -> Nuisance:
    """Draws the circumstances of one picture."""
    normal = np.clip(rng.normal(size=10), -2.2, 2.2).tolist()
    uniform = rng.random(8).tolist()
    return Nuisance(
        yaw=0.135 * normal[0],
        pitch=0.08 * normal[1],
        roll=0.055 * normal[2],
        scale=0.955 + 0.03 * normal[3],
        shift_x=0.02 * normal[4],
        shift_y=0.02 * normal[5],
        light_x=1.5 * uniform[0] - 0.75,
        light_y=0.15 - 0.85 * uniform[1],
        ambient=0.40 + 0.25 * uniform[2],
        exposure=0.98 + 0.06 * normal[6],
        warmth=max(-1.0, min(1.0, 0.45 * normal[7])),
        backdrop=_sample_backdrop(rng),
        blur=0.75 * max(0.0, 2.0 * uniform[3] - 1.0),
        grain=5.0 * uniform[4] ** 2,
        grain_offset=(int(uniform[5] * 256), int(uniform[6] * 256)),
        gaze_x=0.33 * normal[8],
        gaze_y=0.25 * normal[9],
        tilt=0.24 * (uniform[7] - 0.5),
    )


def drifting(
    nuisance: Nuisance, rng: np.random.Generator, num_frames: int
) -> list[Nuisance]:
    """Returns the same circumstances, wandering smoothly over `num_frames`.

    Every drifting quantity follows one slow sine wave; a grain of its own is
    picked for each frame. One frame returns the circumstances as they are.
    """
    if num_frames == 1:
        return [nuisance]
    time = np.linspace(0.0, 1.0, num_frames)
    changes = {}
    for name, spread in _DRIFT.items():
        turns, phase = rng.uniform(0.4, 1.3), rng.uniform(0, 2 * math.pi)
        wave = np.sin(2 * math.pi * turns * time + phase) * spread
        changes[name] = (getattr(nuisance, name) + wave).tolist()
    offsets = rng.integers(0, 256, (num_frames, 2)).tolist()
    return [
        dataclasses.replace(
            nuisance,
            grain_offset=(offsets[frame][0], offsets[frame][1]),
            **{name: values[frame] for name, values in changes.items()},
        )
        for frame in range(num_frames)
    ]


def _sample_backdrop(rng: np.random.Generator) -> np.ndarray:
    """A gradient of two related colours, with something blurred in front of it."""
    hue = rng.random()
    lightness, colourfulness = rng.uniform(0.25, 0.92), rng.uniform(0.0, 0.42)
    first = _colour(hue, colourfulness, lightness)
    second = _colour(
        hue + rng.normal(0, 0.08),
        colourfulness,
        float(np.clip(lightness + rng.normal(0, 0.16), 0.1, 1.0)),
    )
    angle = rng.uniform(0, 2 * math.pi)
    axis = np.linspace(-0.5, 0.5, _GRID)
    share = 0.5 + math.cos(angle) * axis[None, :] + math.sin(angle) * axis[:, None]
    grid = first + np.clip(share, 0, 1)[..., None] * (second - first)
    clutter = rng.uniform(0, 22) if rng.random() < 0.6 else 2.0
    grid += rng.normal(0, clutter, (_GRID, _GRID, 1))
    grid += rng.normal(0, 0.3 * clutter, (_GRID, _GRID, 3))
    return np.clip(grid, 5, 250).astype(np.uint8)


def _colour(hue: float, colourfulness: float, lightness: float) -> np.ndarray:
    """Red, green, blue of a hue in turns; lightness 0..1."""
    wheel = np.cos(2 * math.pi * (hue - np.arange(3) / 3))
    return 255 * lightness * (1 + colourfulness * (wheel - 1) * 0.5)


def background(backdrop: np.ndarray, size: int) -> np.ndarray:
    """Returns the out-of-focus background, uint8 [size, size, 3]."""
    return cv2.resize(backdrop, (size, size), interpolation=cv2.INTER_CUBIC)


@functools.lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    """Unit noise, the same for every picture; pictures take different windows."""
    rng = np.random.default_rng(20240229)
    noise = rng.normal(0, 1, (768, 768, 1)) * 0.8 + rng.normal(0, 0.6, (768, 768, 3))
    return noise.astype(np.float32)


def degrade(picture: np.ndarray, nuisance: Nuisance) -> np.ndarray:
    """Returns the picture out of focus and grainy, uint8 [size, size, 3]."""
    size = len(picture)
    sigma = nuisance.blur * size / 112
    if sigma > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    if nuisance.grain < 0.3 or size > 512:
        return picture
    row, column = nuisance.grain_offset
    noise = _noise()[row : row + size, column : column + size]
    return cv2.addWeighted(picture, 1.0, noise, nuisance.grain, 0.0, dtype=cv2.CV_8U)
