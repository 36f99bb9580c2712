"""Where the panels of a frame's faces stand.

A panel stands beside its face where it hides no other face and no other panel, and
keeps its side from frame to frame while that is possible, so that it does not flicker.
Where there is no such place a short tag takes its stead.
"""

from __future__ import annotations

import math

import numpy as np

from affect_tf.serving.overlay.drawing import Area

#: From which share on that hides something a panel gives way to a tag; the second holds
#: for a face that had a tag before, so that the two do not alternate.
_TOO_HIDDEN, _STILL_HIDDEN = 0.2, 0.1
#: How much worse the place of the frame before may be and is still kept.
_HABIT = 0.1
#: A panel that is this many times as large as its face is too much of it.
_TOO_LARGE = 12
#: Places for a face that fills the picture, where nothing beside it is free.
_CORNERS = ("top right", "top left", "bottom right", "bottom left")


class PanelPlaces:
    """The places of a film's panels, frame by frame."""

    def __init__(self) -> None:
        """Remembers nobody yet."""
        self._before: dict[int, str] = {}
        self._size, self._gap = (0, 0), 0
        self._boxes: list[Area] = []
        self._kept_free: list[Area] = []
        self._taken: list[Area] = []

    def begin(self, size: tuple[int, int], boxes: list[Area], em: int) -> None:
        """Begins a frame.

        Args:
          size: Width and height of the picture, pixels.
          boxes: Of all its faces.
          em: The height of a line, pixels; room for as much is kept above each face.
        """
        self._size, self._gap, self._boxes = size, em // 2, boxes
        above = em + em // 2
        self._kept_free = [(x, y - above, right, low) for x, y, right, low in boxes]
        self._taken = []

    def place(self, person: int, own: int, size: tuple[int, int]) -> Area | None:
        """Chooses the place of a panel; None where only a tag has room.

        Args:
          person: Whose it is; -1 is nobody, and not remembered.
          own: The number of their box.
          size: Width and height of the panel, pixels.
        """
        before = self._before.get(person)
        alone = len(self._boxes) == 1
        best, least = ("tag", None), math.inf
        for name, area in self._candidates(self._boxes[own], *size):
            if name in _CORNERS and not alone:
                continue  # Nobody would know whose it is.
            cost = self._cost(area, own) - _HABIT * (name == before)
            if cost < least - 1e-9:
                best, least = (name, area), cost
        fits = size[0] <= self._size[0] and size[1] <= self._size[1]
        if not (alone and fits):
            limit = _STILL_HIDDEN if before == "tag" else _TOO_HIDDEN
            too_large = size[0] * size[1] > _TOO_LARGE * surface(self._boxes[own])
            if not fits or least > limit or too_large:
                best = ("tag", None)
        if person >= 0:
            self._before[person] = best[0]
        return best[1]

    def place_tag(self, own: int, size: tuple[int, int]) -> Area:
        """Returns where a tag stands: above or below its box, hiding the least.

        Args:
          own: The number of the box.
          size: Width and height of the tag, pixels.
        """
        left, top, right, bottom = self._boxes[own]
        width, height = size
        others = [box for each, box in enumerate(self._boxes) if each != own]
        best, least = (0, 0, width, height), math.inf
        for y in (top - height, bottom):
            for x in (left, right - width):
                area = self._inside((x, y), width, height)
                hidden = sum(_hidden(area, each) for each in [*others, *self._taken])
                # At the edge of the picture it may have been moved into its own face.
                cost = hidden + 0.5 * _hidden(area, self._boxes[own])
                if cost < least - 1e-9:
                    best, least = area, cost
        return best

    def take(self, area: Area) -> None:
        """Keeps other panels from an area of this frame."""
        self._taken.append(area)

    def _cost(self, area: Area, own: int) -> float:
        others = [free for each, free in enumerate(self._kept_free) if each != own]
        return sum(
            _hidden(area, other) for other in [self._boxes[own], *others, *self._taken]
        )

    def _candidates(self, box: Area, width: int, height: int) -> list[tuple[str, Area]]:
        """Returns where a panel may stand in the picture, the usual places first."""
        gap, (wide, high) = self._gap, self._size
        right, lower = wide - gap - width, high - gap - height
        places = {
            "right": (box[2] + gap, box[1]),
            "left": (box[0] - gap - width, box[1]),
            "below": (box[0], box[3] + gap),
            "above": (box[0], box[1] - gap - height),
        }
        corners = ((right, gap), (gap, gap), (right, lower), (gap, lower))
        places |= dict(zip(_CORNERS, corners, strict=True))
        return [
            (name, self._inside(corner, width, height))
            for name, corner in places.items()
        ]

    def _inside(self, corner: tuple[int, int], width: int, height: int) -> Area:
        """Returns an area, moved into the picture."""
        x = max(0, min(corner[0], self._size[0] - width))
        y = max(0, min(corner[1], self._size[1] - height))
        return x, y, x + width, y + height


def surface(area: Area) -> int:
    """Returns how many pixels an area has; 0 where it is turned inside out."""
    return max(0, area[2] - area[0]) * max(0, area[3] - area[1])


def _hidden(panel: Area, other: Area) -> float:
    """Returns how much of what a panel would hide, as a share of the smaller one."""
    low = np.maximum(panel[:2], other[:2])
    high = np.minimum(panel[2:], other[2:])
    common = int(np.clip(high - low, 0, None).prod())
    return common / max(1, min(surface(panel), surface(other)))
