"""What a face detector gives, and the detectors by name."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces import alignment


@dataclasses.dataclass(frozen=True)
class Face:
    """One face in a picture.

    Attributes:
      box: Left, top, right, bottom edge, pixels; from the brows or the hairline to the
        chin, as the detector has it. May reach out of the picture.
      points: Float32 [5, 2], pixels: the centre of the left and the right eye, the tip
        of the nose, the left and the right corner of the mouth. Left is the left of
        the picture where the face is upright.
      score: How sure the detector is, 0 to 1; comparable within one detector only.
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    score: float

    @property
    def side(self) -> float:
        """The longer side of the box, pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


class Detector(Protocol):
    """Finds the faces of one picture. Not for several threads at a time."""

    def __call__(self, image: np.ndarray) -> list[Face]:
        """Returns the faces of uint8 [H, W, 3], RGB, best first; maybe none."""


def aligned_already(image: np.ndarray) -> list[Face]:
    """Takes the whole picture for one face, aligned to the template.

    A picture that is not square keeps its shape: its middle square is the face.

    Args:
      image: Uint8 [H, W, 3].
    """
    height, width = image.shape[:2]
    side = min(height, width)
    corner = np.array([(width - side) / 2, (height - side) / 2])
    points = alignment.template(side) + corner
    return [Face((0.0, 0.0, float(width), float(height)), np.float32(points), 1.0)]


def _default() -> Detector:
    from affect_tf.faces import mesh_detector

    return mesh_detector.MeshDetector()


def _small() -> Detector:
    from affect_tf.faces import mesh_detector

    return mesh_detector.MeshDetector(thorough=True)


def _mtcnn() -> Detector:
    from affect_tf.faces import mtcnn_detector

    return mtcnn_detector.MtcnnDetector()


#: What makes each detector. None of them downloads anything.
#:
#: default: MediaPipe's face detectors; its face mesh confirms and measures each face.
#:   Apache-2.0. Sees faces from a sixteenth of the picture's longer side upwards, and
#:   down to a fortieth where it finds only small ones or none; turned by up to 60
#:   degrees.
#: small: The same, and always looks for faces of 20 pixels; for photographs of crowds.
#: mtcnn: MTCNN from the package of that name, which runs on TensorFlow. Its author asks
#:   that the weights are not used commercially.
#: none: The pictures are aligned already.
DETECTORS: Mapping[str, Callable[[], Detector]] = {
    "default": _default,
    "small": _small,
    "mtcnn": _mtcnn,
    "none": lambda: aligned_already,
}


def detector(name: str = "default") -> Detector:
    """Makes a detector; loads what it needs only now.

    Args:
      name: One of `DETECTORS`.

    Raises:
      UserError: If there is none of that name, or its packages are not installed.
    """
    if name not in DETECTORS:
        close = difflib.get_close_matches(name, DETECTORS, 1)
        hint = f"Did you mean {close[0]!r}?" if close else "Choose one of them."
        raise UserError(
            f"A detector must be one of {', '.join(DETECTORS)}. "
            f"Received: detector={name!r}. {hint}",
            exit_code=2,
        )
    return DETECTORS[name]()
