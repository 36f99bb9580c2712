"""The 68 landmarks of many faces: from text to five points and boxes."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import numpy as np

from affect_tf.faces import alignment

#: Points of a face in the markup that AffectNet and AFEW-VA use.
NUM_LANDMARKS = 68

#: The five points of a face span at least so many pixels; what is smaller is a mark
#: for "none", such as zeros everywhere.
_LEAST_EXTENT = 2.0


def parse(texts: Sequence[str]) -> np.ndarray:
    """Reads landmarks as AffectNet writes them: "x;y;x;y; ...".

    Args:
      texts: [N]. A semicolon may follow the last number.

    Returns:
      float64 [N, 68, 2]; NaN throughout a face whose text is not 136 finite numbers.
    """
    stripped = [text.strip().rstrip(";") for text in texts]
    result = np.full((len(texts), 2 * NUM_LANDMARKS), np.nan)
    # A cell with too few or too many would shift all that follow.
    counted = np.array([t.count(";") == 2 * NUM_LANDMARKS - 1 for t in stripped], bool)
    rows = np.flatnonzero(counted)
    result[rows] = _numbers([stripped[row] for row in rows])
    result[~np.isfinite(result).all(1)] = np.nan
    return result.reshape(-1, NUM_LANDMARKS, 2)


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Returns the five points of many faces.

    Args:
      landmarks: float [N, 68, 2], pixels; NaN in a face without any.

    Returns:
      float32 [N, 5, 2], pixels; NaN where a landmark is not finite, or all are in one
      place.
    """
    # A number that is not finite, times 0, is NaN: it spoils its face as a whole.
    points = np.einsum("pk,nkc->npc", _weights(), landmarks).astype(np.float32)
    extent = (points.max(1) - points.min(1)).max(1, initial=0)
    points[~(extent >= _LEAST_EXTENT)] = np.nan
    return points


def boxes(landmarks: np.ndarray) -> np.ndarray:
    """Returns the smallest box around the landmarks of many faces.

    Args:
      landmarks: float [N, 68, 2], pixels; NaN in a face without any.

    Returns:
      float32 [N, 4]: left, top, right, bottom, pixels; NaN where there are no
      landmarks, or all in one place.
    """
    low, high = landmarks.min(1), landmarks.max(1)
    found = np.concatenate([low, high], 1).astype(np.float32)
    found[~((high - low).min(1, initial=np.inf) >= _LEAST_EXTENT)] = np.nan
    return found


@functools.cache
def _weights() -> np.ndarray:
    """Returns float64 [5, 68]: how `alignment.five_points` averages the landmarks.

    It is asked once for each landmark, and not once for each of 280,000 faces.
    """
    marks = np.eye(NUM_LANDMARKS)[:, :, np.newaxis].repeat(2, axis=2)
    return np.array([alignment.five_points(each)[:, 0] for each in marks]).T


def _numbers(texts: Sequence[str]) -> np.ndarray:
    """Returns float64 [N, 136]; NaN throughout a row that holds something else.

    All rows are read at once. Where that fails they are halved until the rows that
    are wrong stand alone, which costs little as long as these are few.
    """
    width = 2 * NUM_LANDMARKS
    if not texts:
        return np.empty((0, width))
    with warnings.catch_warnings():
        # NumPy 1 warns where NumPy 2 raises; the count shows what it could not read.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = np.fromstring(";".join(texts), sep=";")
        except ValueError:
            found = np.empty(0)
    if len(found) == len(texts) * width:
        return found.reshape(-1, width)
    if len(texts) == 1:
        return np.full((1, width), np.nan)
    half = len(texts) // 2
    return np.concatenate([_numbers(texts[:half]), _numbers(texts[half:])])
