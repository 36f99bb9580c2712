"""Upright crops of one size: five points onto a template, or a square around a box.

Positions are in pixels with (0, 0) the centre of the first pixel, as OpenCV has it;
the edges of a box are between pixels, so that a picture of width W spans 0 to W.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from affect_tf.errors import UserError

#: Where the five points lie in an aligned face of 112 x 112: the centre of the left and
#: the right eye, the tip of the nose, the left and the right corner of the mouth. Left
#: is the left of the picture. The template of ArcFace (Deng et al. 2019) and of most
#: aligned data sets since. Float32 [5, 2].
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
TEMPLATE.flags.writeable = False

#: The size that `TEMPLATE` is for, in pixels.
TEMPLATE_SIZE = 112

#: OpenCV warps pictures of shorter sides only.
_MAX_WARPED = 2**15 - 1

#: Rows of the 68-point markup of iBUG (Sagonas et al. 2013) that make the five points.
#: Its "right" is the person's, which is the picture's left.
_EYES_68 = (slice(36, 42), slice(42, 48))
_NOSE_TIP_68 = 30
_MOUTH_CORNERS_68 = (48, 54)


def template(size: int) -> np.ndarray:
    """Returns the five points of the template for crops of another size.

    A crop of twice the size, halved by averaging, shows the same as one of the size.

    Args:
      size: Side of the crop in pixels.

    Returns:
      Float64 [5, 2], pixels.
    """
    return (TEMPLATE.astype(np.float64) + 0.5) * (size / TEMPLATE_SIZE) - 0.5


def similarity(points: np.ndarray, size: int = TEMPLATE_SIZE) -> np.ndarray:
    """Returns the rotation, scale and shift that bring five points to the template.

    Least squares over the five points without a reflection (Umeyama 1991, Eq. 40 to
    42): a face is turned, but never mirrored or stretched.

    Args:
      points: Float [5, 2], pixels, in the order of `TEMPLATE`.
      size: Side of the crop in pixels.

    Returns:
      Float64 [2, 3]: `matrix @ (x, y, 1)` is the place in the crop.

    Raises:
      UserError: If the points are not finite, or all in one place.
    """
    points = np.asarray(points, np.float64)
    if points.shape != TEMPLATE.shape or not np.isfinite(points).all():
        raise UserError(
            "The points of a face must be five finite positions. "
            f"Received: points={points.tolist()}. Leave the face out."
        )
    goal = template(size)
    start, end = points.mean(0), goal.mean(0)
    spread = ((points - start) ** 2).sum()
    # A hundredth of a pixel: a real face is larger, and the scale stays finite.
    if spread < 1e-4:
        raise UserError(
            "The points of a face must differ. "
            f"Received: points={points.tolist()}. Leave the face out."
        )
    left, lengths, right = np.linalg.svd((goal - end).T @ (points - start))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    linear = (lengths * signs).sum() / spread * (left * signs) @ right
    return np.column_stack([linear, end - linear @ start])


def align(
    image: np.ndarray, points: np.ndarray, size: int = TEMPLATE_SIZE
) -> np.ndarray:
    """Returns a face with its five points as near to the template as they go.

    Args:
      image: Uint8 [H, W, 3].
      points: Float [5, 2], pixels, in the order of `TEMPLATE`.
      size: Side of the crop in pixels.

    Returns:
      Uint8 [size, size, 3]; black where the picture ends.

    Raises:
      UserError: If the points are not finite, or all in one place.
    """
    return warp(image, similarity(points, size), size)


def crop_square(
    image: np.ndarray, box: Sequence[float], size: int, margin: float = 0.0
) -> np.ndarray:
    """Returns the square around a box.

    Args:
      image: Uint8 [H, W, 3].
      box: Left, top, right and bottom edge, pixels; may reach out of the picture.
      size: Side of the crop in pixels.
      margin: By how much the square is longer than the longer side of the box, as a
        share of that side.

    Returns:
      Uint8 [size, size, 3]; black where the picture ends.

    Raises:
      UserError: If the box is not finite or has no area.
    """
    left, top, right, bottom = (float(edge) for edge in box)
    side = max(right - left, bottom - top) * (1 + margin)
    if not (right > left and bottom > top and 0 < side < math.inf):
        raise UserError(
            "A box must be left < right and top < bottom, and its margin above -1. "
            f"Received: box={tuple(box)}, margin={margin}. Correct the box."
        )
    scale = size / side
    start = np.array([(left + right - side) / 2, (top + bottom - side) / 2])
    shift = (0.5 - start) * scale - 0.5
    return warp(image, np.column_stack([np.eye(2) * scale, shift]), size)


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Returns the five points of a face marked with 68.

    Args:
      landmarks: Float [68, 2], pixels, in the order of iBUG's markup, as AffectNet and
        AFEW-VA give them.

    Returns:
      Float32 [5, 2] in the order of `TEMPLATE`.

    Raises:
      UserError: If there are not 68 pairs.
    """
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.shape != (68, 2):
        raise UserError(
            "Landmarks must be 68 pairs of x and y. "
            f"Received: shape={landmarks.shape}. Correct the row, or use its box."
        )
    eyes = [landmarks[rows].mean(0) for rows in _EYES_68]
    corners = [landmarks[row] for row in _MOUTH_CORNERS_68]
    return np.float32([*eyes, landmarks[_NOSE_TIP_68], *corners])


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Samples a picture at a similarity; averages first where it shrinks by 2 or more.

    Bilinear sampling alone looks at 4 pixels: of a face of 1000 pixels it would drop
    most, and the crop would flicker from frame to frame.

    Args:
      image: Uint8 [H, W, 3].
      matrix: Float [2, 3], from the picture to the crop.
      size: Side of the crop in pixels.

    Returns:
      Uint8 [size, size, 3]; black where the picture ends.
    """
    step = int(1 / math.sqrt(max(np.linalg.det(matrix[:, :2]), 1e-12)) + 1e-6)
    longest = max(image.shape[:2])
    if step >= 2 or longest >= _MAX_WARPED:
        step = min(max(step, 1), longest)
        image, matrix = _shrink(image, matrix, size, step)
    return cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0)
    )


def _shrink(
    image: np.ndarray, matrix: np.ndarray, size: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the seen part of `image`, averaged over step x step, and its matrix.

    The blocks start where the crop does, so that a square that is a multiple of the
    crop is averaged exactly. Blocks that lie wholly outside of the picture are left
    out, whatever the size of the square: the warp makes them black.
    """
    extent = np.array(image.shape[1::-1])
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) - 0.5
    # Not NumPy's inverse: its solver wakes threads that spin on after each face.
    back = cv2.invertAffineTransform(matrix)
    seen = corners @ back[:, :2].T + back[:, 2] + 0.5
    start = np.floor(seen.min(0) + 1e-6)
    first = np.floor(np.maximum(-start, 0) / step)
    past = np.ceil((np.minimum(seen.max(0), extent) - start) / step - 1e-6)
    count = np.maximum(past - first, 0).astype(int) + 1
    low = (start + first * step).astype(int)
    high = low + count * step
    x, y = np.clip([low, high], 0, extent).T
    inside = image[slice(*y), slice(*x)]
    if inside.size == 0:
        return np.zeros((1, 1, 3), np.uint8), matrix
    padded = np.zeros((*(count * step)[::-1], 3), np.uint8)
    (left, top), (width, height) = np.array([x[0], y[0]]) - low, inside.shape[1::-1]
    padded[top : top + height, left : left + width] = inside
    small = cv2.resize(padded, tuple(count.tolist()), interpolation=cv2.INTER_AREA)
    # The middle of block i is at low + step * (i + 1/2), less the half of a pixel.
    shift = matrix[:, 2] + matrix[:, :2] @ (low + 0.5 * step - 0.5)
    return small, np.column_stack([matrix[:, :2] * step, shift])
