"""How usable a face is: numbers to filter on, none of them a measurement.

With the five points turned upright, d the distance of the eyes, E, N and M the middle
of the eyes, the tip of the nose and the middle of the mouth, x to the right and y
downwards:

  roll   the angle of the line through the eyes
  yaw    atan((N_x - (E_x + M_x) / 2) / (NOSE d))
  pitch  atan(((N_y - E_y) / (M_y - E_y) - REST) h / NOSE),  h = EYES_TO_MOUTH

A head that turns takes the tip of its nose, which lies NOSE eye distances before the
plane of eyes and mouth, to the side by the sine of the angle, and narrows that plane by
the cosine. The constants are those of the template, for a head that looks straight.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np

from affect_tf.faces import alignment
from affect_tf.faces.detection import Face

_EYES, _MOUTH = alignment.TEMPLATE[:2].mean(0), alignment.TEMPLATE[3:].mean(0)
_EYE_DISTANCE = float(alignment.TEMPLATE[1, 0] - alignment.TEMPLATE[0, 0])
#: Where the nose of a head that looks straight lies between eyes (0) and mouth (1).
_REST = float((alignment.TEMPLATE[2, 1] - _EYES[1]) / (_MOUTH[1] - _EYES[1]))
#: From eyes to mouth, in eye distances.
_EYES_TO_MOUTH = float(_MOUTH[1] - _EYES[1]) / _EYE_DISTANCE
#: How far the tip of the nose stands out, in eye distances. With this value yaw and
#: pitch agree on average with the depth that the face mesh gives (correlation 0.99 and
#: 0.96 over 348 faces).
_NOSE = 0.63


@dataclasses.dataclass(frozen=True)
class Quality:
    """What can be told of a face and its crop; NaN where the points lie in one place.

    Attributes:
      score: The detector's, 0 to 1.
      size: Longer side of the box in the picture, pixels.
      blur: Variance of the Laplacian of the grey crop, squared grey levels: the lower,
        the more blurred. Compare crops of one size only; noise and JPEG blocks raise
        it.
      yaw: Degrees; above 0 the nose points to the right of the picture.
      pitch: Degrees; above 0 the face looks down.
      roll: Degrees; above 0 the face is turned clockwise, as seen.
    """

    score: float
    size: float
    blur: float
    yaw: float
    pitch: float
    roll: float


def quality(face: Face, crop: np.ndarray) -> Quality:
    """Judges a face.

    Args:
      face: As it was found in the picture.
      crop: Uint8 [size, size, 3], RGB: the aligned face.
    """
    yaw, pitch, roll = _angles(np.asarray(face.points, np.float64))
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return Quality(
        score=face.score,
        size=face.side,
        blur=float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
    )


def _angles(points: np.ndarray) -> tuple[float, float, float]:
    """Returns yaw, pitch and roll in degrees."""
    points = np.where(np.isfinite(points).all(), points, 0.0)
    between = points[1] - points[0]
    distance = math.hypot(*between)
    if distance < 1e-6:
        return math.nan, math.nan, math.nan
    right = between / distance
    down = np.array([-right[1], right[0]])
    middle = points[:2].mean(0)
    nose, mouth = points[2] - middle, points[3:].mean(0) - middle
    aside = nose @ right - mouth @ right / 2
    yaw = math.atan(aside / (_NOSE * distance))
    height = mouth @ down
    if height < 1e-6 * distance:  # The mouth is above the eyes: no face stands so.
        pitch = math.nan
    else:
        pitch = math.atan((nose @ down / height - _REST) * _EYES_TO_MOUTH / _NOSE)
    roll = math.atan2(between[1], between[0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)
