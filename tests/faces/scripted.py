"""Faces without pictures: boxes that move as a test says."""

import numpy as np

from affect_tf.faces import alignment
from affect_tf.faces.detection import Face
from affect_tf.faces.films import FilmFrame


def face(x: float, y: float = 100.0, side: float = 80.0, score: float = 0.9) -> Face:
    """Returns an upright face with its middle at x, y."""
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    points = (alignment.TEMPLATE - 56) / 112 * side + [x, y]
    return Face(box, np.float32(points), score)


class Scripted:
    """A detector that gives the faces of a script, frame by frame."""

    def __init__(self, script: list[list[Face]]) -> None:
        self._script = iter(script)

    def __call__(self, image: np.ndarray) -> list[Face]:
        return next(self._script)


def frames(count: int, rate: float = 25.0, side: int = 200) -> list[FilmFrame]:
    """Returns grey frames."""
    grey = np.full((side, side, 3), 128, np.uint8)
    return [FilmFrame(number, number / rate, grey) for number in range(count)]
