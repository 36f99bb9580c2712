"""Where faces may be: BlazeFace over a picture and over tiles of it.

A network sees a square of fixed size, so a face that is small in its picture is too
small for it. Tiles are cut from the picture at several scales; they overlap by more
than the faces that the next coarser scale does not see.

Source: Bazarevsky et al. 2019 (BlazeFace); anchors and decoding as in MediaPipe's
graphs for its short-range model and for its earlier back-camera model.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from affect_tf.faces import networks

#: Candidates of one network that overlap by more are one face (as in MediaPipe).
_SAME_FACE_IOU = 0.3

#: How much of its neighbour a tile covers.
_TILE_OVERLAP = 0.27


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Places that may be faces.

    Attributes:
      scores: Float32 [N], 0 to 1.
      boxes: Float32 [N, 4]: left, top, right, bottom, pixels.
      eyes: Float32 [N, 2, 2]: left and right eye as seen in the picture, pixels.
    """

    scores: np.ndarray
    boxes: np.ndarray
    eyes: np.ndarray

    def moved(self, x: int, y: int) -> Candidates:
        """Returns them in a picture of which theirs is a part that starts at x, y."""
        shift = np.array([x, y], np.float32)
        boxes = self.boxes + np.tile(shift, 2)
        return Candidates(self.scores, boxes, self.eyes + shift)

    @staticmethod
    def joined(parts: list[Candidates]) -> Candidates:
        """Returns several as one; `parts` must not be empty."""
        return Candidates(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.eyes for part in parts]),
        )


class BlazeFace:
    """One BlazeFace network over one square of its own size."""

    def __init__(
        self, name: str, layers: tuple[tuple[int, int], ...], min_score: float
    ) -> None:
        """Loads the network.

        Args:
          name: Its file without the ending.
          layers: Stride, and anchors a cell, of each layer that predicts.
          min_score: Candidates below it are dropped.
        """
        self._network = networks.Network(name)
        self.size = self._network.size
        self._anchors = np.concatenate(
            [_anchors(self.size, stride, count) for stride, count in layers]
        )
        self._min_logit = float(np.log(min_score / (1 - min_score)))

    def __call__(self, square: np.ndarray) -> Candidates:
        """Returns the candidates in uint8 [size, size, 3], each face once."""
        values = square.astype(np.float32) / np.float32(127.5) - np.float32(1)
        regressed, logits = self._network(values)
        chosen = np.flatnonzero(logits[:, 0] > self._min_logit)
        regressed, anchors = regressed[chosen], self._anchors[chosen]
        centres = regressed[:, 0:2] + anchors
        half = regressed[:, 2:4] / 2
        # Positions of a picture's edges here; the eyes are put on pixel centres.
        eyes = regressed[:, 4:8].reshape(-1, 2, 2) + anchors[:, None] - np.float32(0.5)
        return _merged(
            networks.sigmoid(logits[chosen, 0]),
            np.concatenate([centres - half, centres + half], 1),
            eyes,
        )


def tiles(width: int, height: int, side: int) -> list[tuple[int, int]]:
    """Returns the top left corners of the squares that cover a picture.

    Args:
      width: Of the picture.
      height: Of the picture.
      side: Of a square. Along a side of the picture that is not longer, one square
        lies centred, and may reach out.
    """

    def starts(length: int) -> list[int]:
        if length <= side:
            return [-((side - length) // 2)]
        count = int(np.ceil((length - side) / (side * (1 - _TILE_OVERLAP)))) + 1
        return [round(x) for x in np.linspace(0, length - side, count)]

    return [(x, y) for y in starts(height) for x in starts(width)]


def search(network: BlazeFace, image: np.ndarray, side: float) -> Candidates:
    """Runs a network over all tiles of a picture.

    Args:
      network: What looks at each tile.
      image: Uint8 [H, W, 3].
      side: How much of the picture a tile covers, pixels.

    Returns:
      Candidates in the picture's pixels; a face may be there once for each tile.
    """
    height, width = image.shape[:2]
    factor = network.size / side
    small_width = max(1, round(width * factor))
    small_height = max(1, round(height * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, (small_width, small_height), interpolation=way)
    found = []
    for x, y in tiles(small_width, small_height, network.size):
        square = np.zeros((network.size, network.size, 3), np.uint8)
        part = small[max(y, 0) : y + network.size, max(x, 0) : x + network.size]
        top, left = max(-y, 0), max(-x, 0)
        square[top : top + part.shape[0], left : left + part.shape[1]] = part
        found.append(network(square).moved(x, y))
    # Pixel centres keep their place: (x + 1/2) of one picture is that of the other.
    whole, scale = Candidates.joined(found), side / network.size
    return Candidates(
        whole.scores,
        whole.boxes * np.float32(scale),
        (whole.eyes + np.float32(0.5)) * np.float32(scale) - np.float32(0.5),
    )


def _anchors(size: int, stride: int, count: int) -> np.ndarray:
    """Returns float32 [cells * count, 2]: the middle of each cell, pixels, by rows."""
    middles = np.arange(stride / 2, size, stride, dtype=np.float32)
    x, y = np.meshgrid(middles, middles)
    return np.repeat(np.stack([x.ravel(), y.ravel()], 1), count, 0)


def _merged(scores: np.ndarray, boxes: np.ndarray, eyes: np.ndarray) -> Candidates:
    """Replaces boxes that overlap by their mean, weighted by score (BlazeFace, 3.3)."""
    order = np.argsort(-scores, kind="stable")
    groups = []
    while len(order):
        same = _iou(boxes[order[0]], boxes[order]) > _SAME_FACE_IOU
        same[0] = True
        groups.append(order[same])
        order = order[~same]
    weights = [scores[group] / scores[group].sum() for group in groups]
    pairs = list(zip(weights, groups, strict=True))
    return Candidates(
        scores[[group[0] for group in groups]] if groups else scores[:0],
        np.array([w @ boxes[g] for w, g in pairs], np.float32).reshape(-1, 4),
        np.array([np.tensordot(w, eyes[g], 1) for w, g in pairs], np.float32).reshape(
            -1, 2, 2
        ),
    )


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns intersection over union of one box with several, float [N]."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    common = np.clip(high - low, 0, None).prod(1)
    own = np.prod(box[2:] - box[:2])
    return common / np.maximum(
        own + (boxes[:, 2:] - boxes[:, :2]).prod(1) - common, 1e-9
    )
