"""MTCNN as a detector, for those who have used it before."""

from __future__ import annotations

import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces.detection import Face

#: In the order of the five points. The package names sides as seen in the picture.
_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


class MtcnnDetector:
    """Wraps the package mtcnn; `affect_tf.faces.detection.Detector`.

    About thirty times slower than the default, and it loads TensorFlow. The package is
    under the MIT licence; its author asks that the weights are not used commercially.
    """

    def __init__(self) -> None:
        try:
            import mtcnn
        except ImportError as error:
            raise UserError(
                "The detector mtcnn must have the package mtcnn and TensorFlow. "
                f"Received: {error}. Run: pip install mtcnn"
            ) from error
        self._network = mtcnn.MTCNN(device="CPU:0")

    def __call__(self, image: np.ndarray) -> list[Face]:
        """Returns the faces of uint8 [H, W, 3], RGB, best first."""
        faces = []
        for found in self._network.detect_faces(image):
            left, top, width, height = (float(value) for value in found["box"])
            points = np.float32([found["keypoints"][name] for name in _POINTS])
            if width > 0 and height > 0 and np.ptp(points, 0).max() > 0:
                box = (left, top, left + width, top + height)
                faces.append(Face(box, points, float(found["confidence"])))
        return sorted(faces, key=lambda face: -face.score)
