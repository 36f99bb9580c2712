"""Lines, surfaces and smooth text on a picture, in place and at any size."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

#: Red, green, blue, 0 to 255.
Colour = tuple[int, int, int]

#: Left, top, right and bottom edge, pixels; the last two lie outside.
Area = tuple[int, int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (16, 18, 22)
GREY: Colour = (150, 156, 166)

#: Of persons, by number; they begin again after the last. Told apart by the colour
#: blind, and light enough for dark text on them.
PERSON_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),
    (240, 170, 40),
    (60, 200, 150),
    (240, 228, 66),
    (225, 140, 190),
    (240, 130, 80),
    (150, 160, 250),
)

#: How far lines are drawn beyond the picture, pixels: OpenCV takes no more than 32 bits
#: of a coordinate, and a box may lie anywhere.
_FAR = 100_000


def person_colour(person: int) -> Colour:
    """Returns the colour of a person; -1, nobody, is grey."""
    return PERSON_COLOURS[person % len(PERSON_COLOURS)] if person >= 0 else GREY


class Canvas:
    """A picture that is drawn on. What lies outside is left out.

    Attributes:
      image: Uint8 [H, W, 3], RGB, changed in place.
    """

    def __init__(self, image: np.ndarray) -> None:
        """Takes a picture.

        Args:
          image: Uint8 [H, W, 3], RGB, contiguous and writable.
        """
        self.image = image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.image.shape[1], self.image.shape[0]

    def fill(self, area: Area, colour: Colour, opacity: float = 1.0) -> None:
        """Covers an area; the picture shines through where opacity is below 1."""
        part, _ = self._part(area)
        if not part.size:
            return
        if opacity >= 1:
            part[:] = colour
        else:
            layer = np.full_like(part, colour)
            cv2.addWeighted(part, 1 - opacity, layer, opacity, 0, dst=part)

    def outline(self, area: Area, colour: Colour, thickness: int) -> None:
        """Draws the edges of an area."""
        corners = np.clip(area, -_FAR, _FAR).tolist()
        cv2.rectangle(self.image, corners[:2], corners[2:], colour, thickness)

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: Colour,
        thickness: int = 1,
    ) -> None:
        """Draws a straight line between two points, in pixels."""
        first, last = (tuple(round(part) for part in point) for point in (start, end))
        cv2.line(self.image, first, last, colour, thickness, cv2.LINE_AA)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: Colour,
        thickness: int = -1,
    ) -> None:
        """Draws an upright ellipse; with thickness -1 a full one."""
        # Four more bits of each coordinate, so that dots do not jump by whole pixels.
        middle = [round(part * 16) for part in centre]
        axes = [max(1, round(part * 16)) for part in radii]
        shape = (middle, axes, 0, 0, 360, colour, thickness, cv2.LINE_AA, 4)
        cv2.ellipse(self.image, *shape)

    def text(
        self, left: float, top: float, text: str, size: int, colour: Colour
    ) -> None:
        """Writes a line.

        Args:
          left: Where it begins, pixels.
          top: The upper edge of its line, which is `size` high; what hangs below the
            letters reaches a quarter lower.
          text: What to write.
          size: Height of the line in pixels, 1 or more.
          colour: Of the letters.
        """
        mask = _mask(text, size)
        left, top = round(left), round(top)
        area = (left, top, left + mask.shape[1], top + mask.shape[0])
        part, (x, y) = self._part(area)
        if not part.size:
            return
        cover = mask[y : y + part.shape[0], x : x + part.shape[1], np.newaxis]
        cover = cover.astype(np.uint16)
        mixed = part * (255 - cover) + np.array(colour, np.uint16) * cover
        part[:] = (mixed + 127) // 255

    def _part(self, area: Area) -> tuple[np.ndarray, tuple[int, int]]:
        """Returns the area's part in the picture, and what of it is cut away before."""
        left, top = max(area[0], 0), max(area[1], 0)
        right, bottom = max(area[2], left), max(area[3], top)
        return self.image[top:bottom, left:right], (left - area[0], top - area[1])


def text_width(text: str, size: int) -> int:
    """Returns how wide a line of text is, pixels."""
    return _mask(text, size).shape[1]


@functools.lru_cache(maxsize=1024)
def _mask(text: str, size: int) -> np.ndarray:
    """Returns how much of each pixel a line of text covers, uint8 [1.25 size, W]."""
    font = _font(max(1, round(size * 0.92)))
    width = max(1, round(font.getlength(text)))
    height = size + size // 4
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).text((0, size * 0.9), text, fill=255, font=font, anchor="ls")
    return np.asarray(mask)


@functools.lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Pillow carries this one, so that pictures look the same on every machine.
    return ImageFont.load_default(size)
