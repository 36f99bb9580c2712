"""The default detector: BlazeFace proposes, the face mesh confirms and measures.

BlazeFace alone sees faces in clouds and letters. The mesh network answers a second
question, whether there is a face in a close-up of the place; asked twice, the second
time from its own first answer, it has rejected every such place so far (see
`benchmarks/detectors.py`). The five points are the mesh's, which are finer and steadier
than BlazeFace's own.
"""

from __future__ import annotations

import numpy as np

from affect_tf.faces import face_candidates
from affect_tf.faces import face_mesh
from affect_tf.faces.detection import Face

#: Candidates below are not looked at. Low, as the mesh decides.
_MIN_SCORE = 0.4
#: A face must be present with this probability in both measurements.
_MIN_PRESENCE = 0.9
#: A measurement has settled where it moves by less than this share of the face.
_SETTLED = 0.02
#: One that still moves by more is none.
_UNSETTLED = 0.12
#: Measurements of a face at most.
_MAX_LOOKS = 4
#: Smaller faces, in pixels, show no expression.
_MIN_SIDE = 16.0
#: A candidate of which surer faces cover more is one of them, or lies between two.
_MAX_COVERED = 0.5

#: Each scale looks at squares this much smaller than the one before.
_ZOOM = 0.58
#: How many scales are looked at, unless all are asked for.
_NUM_SCALES = 3
#: A face of less than this share of the square may have smaller ones beside it, which
#: this scale does not see.
_MAY_HIDE_OTHERS = 0.2


class MeshDetector:
    """Finds faces at several scales; `affect_tf.faces.detection.Detector`."""

    def __init__(self, thorough: bool = False) -> None:
        """Loads three networks.

        Args:
          thorough: Always look at all scales, down to squares of the network's own
            size. Otherwise a finer scale is looked at only where the coarser ones found
            no face, or found faces so small that smaller ones are likely.
        """
        # Close-ups, and everything between them and a sixteenth of the picture.
        self._near = face_candidates.BlazeFace(
            "face_detection_short_range", ((8, 2), (16, 6)), _MIN_SCORE
        )
        self._far = face_candidates.BlazeFace(
            "face_detection_back", ((16, 2), (32, 6)), _MIN_SCORE
        )
        self._mesh = face_mesh.FaceMesh()
        self._thorough = thorough

    def __call__(self, image: np.ndarray) -> list[Face]:
        """Returns the faces of a picture, best first.

        Args:
          image: Uint8 [H, W, 3], RGB.
        """
        longest = max(image.shape[:2])
        found: list[Face] = []
        side, scale = float(longest), 0
        while scale == 0 or side >= self._far.size:
            candidates = face_candidates.search(self._far, image, side)
            if scale == 0:
                near = face_candidates.search(self._near, image, side)
                candidates = face_candidates.Candidates.joined([near, candidates])
            self._confirm(image, candidates, found)
            if not self._thorough and (
                scale + 1 == _NUM_SCALES or not _may_hide_others(found, side)
            ):
                break
            side, scale = side * _ZOOM, scale + 1
        return sorted(found, key=lambda face: -face.score)

    def _confirm(
        self,
        image: np.ndarray,
        candidates: face_candidates.Candidates,
        found: list[Face],
    ) -> None:
        """Adds to `found` the candidates that are faces, and new ones."""
        for index in np.argsort(-candidates.scores, kind="stable"):
            box = candidates.boxes[index]
            if _covered(box, found) > _MAX_COVERED:
                continue
            mesh = self._measured(image, box, candidates.eyes[index])
            if mesh is not None and _covered(mesh.box, found) <= _MAX_COVERED:
                score = float(candidates.scores[index])
                found.append(Face(mesh.box, mesh.points.astype(np.float32), score))

    def _measured(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> face_mesh.Mesh | None:
        """Returns the mesh where it has settled on a face, else None."""
        mesh = self._mesh(image, box, eyes)
        moved = np.inf
        for _ in range(_MAX_LOOKS - 1):
            if mesh.presence < _MIN_PRESENCE or _side(mesh.box) < _MIN_SIDE:
                return None
            before, mesh = mesh, self._mesh.again(image, mesh)
            step = np.linalg.norm(mesh.points - before.points, axis=1).mean()
            moved = step / _side(mesh.box)
            if moved < _SETTLED:
                break
        sure = mesh.presence >= _MIN_PRESENCE and moved < _UNSETTLED
        return mesh if sure and _side(mesh.box) >= _MIN_SIDE else None


def _may_hide_others(found: list[Face], side: float) -> bool:
    smallest = min((face.side for face in found), default=0.0)
    return smallest < _MAY_HIDE_OTHERS * side


def _side(box: tuple[float, float, float, float]) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _covered(box: np.ndarray, found: list[Face]) -> float:
    """Returns how much of a box, or of what it covers itself, lies in faces found."""
    covered = 0.0
    for face in found:
        other = face.box
        width = min(box[2], other[2]) - max(box[0], other[0])
        height = min(box[3], other[3]) - max(box[1], other[1])
        if width > 0 and height > 0:
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
            covered += float(width * height / max(min(areas), 1e-9))
    return covered
