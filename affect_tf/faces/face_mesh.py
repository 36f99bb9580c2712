"""The mesh of 468 points on one face, and whether there is a face at all.

Source: Kartynnik et al. 2019 (MediaPipe Face Mesh); the square that the network looks
at is turned, placed and widened as in MediaPipe's graph.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from affect_tf.faces import alignment
from affect_tf.faces import networks

#: The contours of the eyes, first the one on the left of the picture. Their mean is the
#: centre of the eye, open or closed; a pupil would wander with the gaze.
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (
    *(263, 249, 390, 373, 374, 380, 381, 382),
    *(362, 398, 384, 385, 386, 387, 388, 466),
)
#: The tip of the nose and the corners of the mouth are midpoints: of the foremost
#: point and the one below it, and of where the lips meet and the end of the crease
#: below. There the detectors put them whose points the template was made of. Without,
#: mouths lie 2 pixels of 112 too high, and crops are 2 to 3% too large.
NOSE_TIP = (4, 1)
LEFT_MOUTH_CORNER = (61, 43)
RIGHT_MOUTH_CORNER = (291, 273)

_FIVE_POINTS = (LEFT_EYE, RIGHT_EYE, NOSE_TIP, LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER)

#: The square is this much longer than the face (MediaPipe's 1.5).
_WIDENED = 1.5


@dataclasses.dataclass(frozen=True)
class Mesh:
    """What the network sees in one square.

    Attributes:
      landmarks: Float64 [468, 2], pixels of the picture.
      presence: Probability that the square shows a face.
    """

    landmarks: np.ndarray
    presence: float

    @property
    def points(self) -> np.ndarray:
        """The five points, float64 [5, 2], in the order of `alignment.TEMPLATE`."""
        return np.array([self.landmarks[list(of)].mean(0) for of in _FIVE_POINTS])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge of the mesh: hairline to chin, pixels."""
        left, top = self.landmarks.min(0) + 0.5
        right, bottom = self.landmarks.max(0) + 0.5
        return float(left), float(top), float(right), float(bottom)


class FaceMesh:
    """Measures a face whose place and tilt are known roughly."""

    def __init__(self) -> None:
        self._network = networks.Network("face_landmark")

    def __call__(self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray) -> Mesh:
        """Measures one face.

        Args:
          image: Uint8 [H, W, 3], RGB.
          box: Float [4]: left, top, right and bottom edge, pixels.
          eyes: Float [2, 2]: left and right eye, pixels. Only their tilt is used.
        """
        box = np.asarray(box, np.float64)
        size = self._network.size
        side = _WIDENED * max(box[2] - box[0], box[3] - box[1], 1.0)
        tilt = math.atan2(eyes[1][1] - eyes[0][1], eyes[1][0] - eyes[0][0])
        turn = np.array(
            [[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]]
        )
        linear = turn * (size / side)
        # The middle of the box, as a pixel centre, goes to the middle of the square.
        shift = (size - 1) / 2 - linear @ ((box[:2] + box[2:]) / 2 - 0.5)
        square = alignment.warp(image, np.column_stack([linear, shift]), size)
        landmarks, presence = self._network(square.astype(np.float32) / np.float32(255))
        # In pixels, 0 the middle of the first: faces and their mirror images add up to
        # size - 1 on average.
        inside = landmarks.reshape(-1, 3)[:, :2].astype(np.float64)
        return Mesh(
            # The inverse of a rotation times a scale.
            (inside - shift) @ linear * (side / size) ** 2,
            float(networks.sigmoid(presence.ravel()[0])),
        )

    def again(self, image: np.ndarray, mesh: Mesh) -> Mesh:
        """Measures it once more, from where the first measurement has put it."""
        return self(image, np.array(mesh.box), mesh.points[:2])
