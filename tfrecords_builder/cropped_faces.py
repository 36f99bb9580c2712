"""Faces that are cut out of larger pictures at the moment they are asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from tfrecords_builder import pictures
from tfrecords_builder.picture_source import file_stamp
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.picture_source import Pictures
from tfrecords_builder.pictures import PictureError

#: The ways to cut a face; `Cut` says what they mean.
ALIGNMENTS = ("landmarks", "box", "none")


@dataclasses.dataclass(frozen=True)
class Cut:
    """How faces are cut out of their pictures.

    Attributes:
      align: "landmarks": turned, moved and scaled so that five points lie where
        `alignment.TEMPLATE` has them; "box": the upright square around a box; "none":
        the picture as it is.
      size: Side of the crops, pixels.
      margin: How much longer the square is than the longer side of the box, as a
        share of it. Landmarks have no use for it.

    Raises:
      UserError: If one of them is out of range.
    """

    align: str = "landmarks"
    size: int = alignment.TEMPLATE_SIZE
    margin: float = 0.0

    def __post_init__(self) -> None:
        """Checks the values, which come from a command line."""
        if self.align not in ALIGNMENTS:
            raise UserError(
                f"--align must be one of {', '.join(ALIGNMENTS)}. "
                f"Received: --align={self.align}. Choose one of them.",
                exit_code=2,
            )
        if self.size < 1:
            raise UserError(
                "--size must be at least 1. "
                f"Received: --size={self.size}. Use 112 if in doubt.",
                exit_code=2,
            )
        # Beyond these a crop shows a patch of skin, or a face of a few pixels.
        if not -0.9 <= self.margin <= 10:
            raise UserError(
                "--margin must lie in [-0.9, 10]. "
                f"Received: --margin={self.margin}. Use 0 for the box as it is.",
                exit_code=2,
            )


@dataclasses.dataclass(frozen=True, eq=False)
class CroppedFaces:
    """Faces in pictures, each known by five points or by a box.

    Positions are those of the stored pixels: no EXIF orientation is applied.

    Attributes:
      root: The folder of the pictures.
      rows: key -> row of what follows.
      paths: [N]. Paths below `root`.
      points: float32 [N, 5, 2]. The five points, pixels; NaN where the box counts.
      boxes: float32 [N, 4]. Left, top, right, bottom, pixels; NaN where the points do.
      size: Side of the crops, pixels.
      margin: What is added around a box, as in `Cut`.
    """

    root: str
    rows: Mapping[str, int]
    paths: Sequence[str]
    points: np.ndarray
    boxes: np.ndarray
    size: int
    margin: float

    def read(self, key: str) -> bytes:
        """Returns the face as a JPEG of `size` x `size`.

        Raises:
          OSError: If the picture cannot be read.
          PictureError: If it is no picture, or the face lies outside of it.
        """
        row = self.rows[key]
        image = pictures.pixels(pathlib.Path(self.root, self.paths[row]).read_bytes())
        points = self.points[row]
        by_points = bool(np.isfinite(points).all())
        place = _extent(points) if by_points else self.boxes[row]
        height, width = image.shape[:2]
        left, top, right, bottom = place.tolist()
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            spot = ", ".join(f"{edge:g}" for edge in place.tolist())
            raise PictureError(
                f"has no face in it: at ({spot}) of {width}x{height} pixels"
            )
        try:
            if by_points:
                face = alignment.align(image, points, self.size)
            else:
                face = alignment.crop_square(image, place, self.size, self.margin)
        except UserError as error:
            raise PictureError(f"has a face without a size ({error})") from error
        return pictures.encode(face)

    def only(self, keys: Collection[str]) -> CroppedFaces:
        """Returns a source for these keys alone."""
        known = [key for key in keys if key in self.rows]
        rows = [self.rows[key] for key in known]
        return dataclasses.replace(
            self,
            rows={key: row for row, key in enumerate(known)},
            paths=[self.paths[row] for row in rows],
            points=self.points[rows],
            boxes=self.boxes[rows],
        )

    def stamp(self, key: str) -> str:
        """Returns the stamp of the file, and what the place of the face adds to it.

        "absent" for a key that is not there.
        """
        row = self.rows.get(key)
        if row is None:
            return "absent"
        place = [self.points[row].ravel(), self.boxes[row], [self.size, self.margin]]
        digest = hashlib.blake2b(
            np.concatenate(place).astype("<f8").tobytes(), digest_size=8
        )
        path = pathlib.Path(self.root, self.paths[row])
        return f"{file_stamp(path)}:{digest.hexdigest()}"


def located(cut: Cut, points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns bool [N]: whether it is known where to cut.

    Args:
      cut: How to cut. "landmarks" takes the box of a face without landmarks.
      points: float [N, 5, 2], NaN where unknown.
      boxes: float [N, 4], NaN where unknown.
    """
    if cut.align == "none":
        return np.ones(len(boxes), bool)
    return np.isfinite(boxes).all(1) | _by_points(cut, points)


def crops(
    root: str | os.PathLike[str],
    keys: Sequence[str],
    paths: Sequence[str],
    cut: Cut,
    points: np.ndarray,
    boxes: np.ndarray,
) -> Pictures:
    """Returns the source of faces that are `located`.

    Args:
      root: The folder of the pictures.
      keys: [N]. Names of the faces, each once.
      paths: [N]. Paths below `root`; several faces may share one.
      cut: How to cut.
      points: float [N, 5, 2], pixels, NaN where unknown.
      boxes: float [N, 4], pixels, NaN where unknown.

    Raises:
      ValueError: If a face is not `located`, or a key occurs twice.
    """
    rows = {key: row for row, key in enumerate(keys)}
    if len(rows) < len(keys) or not located(cut, points, boxes).all():
        raise ValueError(
            "Faces must have a place and a key of their own. Received: "
            f"{len(keys) - len(rows)} repeated keys, "
            f"{(~located(cut, points, boxes)).sum()} without a place. Leave them out."
        )
    if cut.align == "none":
        return PictureFiles(str(root), dict(zip(keys, paths, strict=True)))
    by_points = _by_points(cut, points)
    return CroppedFaces(
        root=str(root),
        rows=rows,
        paths=tuple(paths),
        points=np.where(by_points[:, None, None], points, np.nan).astype(np.float32),
        boxes=np.where(by_points[:, None], np.nan, boxes).astype(np.float32),
        size=cut.size,
        margin=cut.margin,
    )


def _by_points(cut: Cut, points: np.ndarray) -> np.ndarray:
    """Returns bool [N]: whether the five points say where to cut."""
    return np.isfinite(points).all((1, 2)) & (cut.align == "landmarks")


def _extent(points: np.ndarray) -> np.ndarray:
    """Returns float [4]: the smallest box around some points."""
    return np.concatenate([points.min(0), points.max(0)])
