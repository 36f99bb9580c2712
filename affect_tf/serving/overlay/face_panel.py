"""What is drawn for one face: a box, and a panel of its scores or, if small, a tag.

All sizes follow from the height of a line, which follows from that of the picture, so
that it reads alike at 360 lines and in 4K. Where panels stand: `panel_places`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from affect_tf.serving.overlay import drawing
from affect_tf.serving.overlay.drawing import Area
from affect_tf.serving.overlay.drawing import Canvas
from affect_tf.serving.overlay.panel_places import PanelPlaces
from affect_tf.serving.overlay.panel_places import surface

#: Height of a line as a share of the picture's shorter side, and its least, pixels.
_LINE_SHARE, _LEAST_LINE = 1 / 30, 11
#: Most classes and action units that a panel shows; more would be a wall of numbers.
_TOP_CLASSES, _MOST_UNITS, _UNITS_A_ROW = 3, 21, 7


@dataclasses.dataclass(frozen=True)
class FaceScores:
    """One face and what the model says of it.

    Attributes:
      person: Number; -1 unknown.
      box: Left, top, right, bottom edge, pixels; None where nobody looked for it, and
        then the face is the whole picture.
      expressions: (name, probability), the most probable first; maybe none.
      units: (action unit, whether it is present), in the taxonomy's order; maybe none.
      valence_arousal: Both in -1 to 1; None without that task.
      spread: Of these two over the members of an ensemble; None without one.
    """

    person: int
    box: tuple[float, float, float, float] | None
    expressions: tuple[tuple[str, float], ...] = ()
    units: tuple[tuple[str, bool], ...] = ()
    valence_arousal: tuple[float, float] | None = None
    spread: tuple[float, float] | None = None

    @property
    def has_scores(self) -> bool:
        """Whether there is anything to tell beside the box."""
        return bool(self.expressions or self.units or self.valence_arousal)


def line_height(width: int, height: int) -> int:
    """Returns the height of a line of text for a picture of a size, pixels."""
    return max(_LEAST_LINE, round(min(width, height) * _LINE_SHARE))


class Annotator:
    """Draws the faces of one film, frame by frame, or of one photograph."""

    def __init__(self) -> None:
        """Remembers no face yet."""
        self._places = PanelPlaces()

    def draw(self, canvas: Canvas, faces: list[FaceScores]) -> None:
        """Draws the faces of the next frame; large ones get the better places."""
        em = line_height(*canvas.size)
        whole = (0, 0, *canvas.size)
        boxes = [whole if face.box is None else _area(face.box) for face in faces]
        for face, box in zip(faces, boxes, strict=True):
            if face.box is not None:
                _draw_box(canvas, box, drawing.person_colour(face.person), em)
        self._places.begin(canvas.size, boxes, em)
        for each in sorted(range(len(faces)), key=lambda each: -surface(boxes[each])):
            face = faces[each]
            if not face.has_scores:
                continue
            area = self._places.place(face.person, each, _panel_size(face, em))
            if area is None:
                area = self._places.place_tag(each, _tag_size(face, boxes[each], em))
                _draw_tag(canvas, face, boxes[each], area, em)
            else:
                _draw_panel(canvas, face, area, em)
            self._places.take(area)


def _draw_box(canvas: Canvas, box: Area, colour: drawing.Colour, em: int) -> None:
    thick = max(1, em // 8)
    canvas.outline(box, drawing.INK, thick + 2)
    canvas.outline(box, colour, thick)


def _tag(face: FaceScores, box: Area, em: int) -> tuple[int, list[str]]:
    """Returns the height of a tag's letters, smaller for small faces, and its words."""
    words = [f"#{face.person}"] if face.person >= 0 else []
    if face.expressions:
        name, share = face.expressions[0]
        words += [name, f"{share:.0%}"]
    return max(_LEAST_LINE, min(em, (box[2] - box[0]) // 6)), words


def _tag_size(face: FaceScores, box: Area, em: int) -> tuple[int, int]:
    size, words = _tag(face, box, em)
    width = sum(drawing.text_width(word, size) + size // 2 for word in words)
    return width + size // 4, size + size // 2


def _draw_tag(canvas: Canvas, face: FaceScores, box: Area, area: Area, em: int) -> None:
    """Draws person, expression and probability in one line, and that as a bar."""
    size, words = _tag(face, box, em)
    left, top, right, bottom = area
    canvas.fill(area, drawing.INK, 0.72)
    colour = drawing.person_colour(face.person)
    share = face.expressions[0][1] if face.expressions else 0.0
    end = left + round((right - left) * share)
    canvas.fill((left, bottom - max(2, size // 6), end, bottom), colour)
    x = left + size // 3
    for number, word in enumerate(words):
        ink = colour if number == 0 and face.person >= 0 else drawing.WHITE
        canvas.text(x, top + size // 8, word, size, ink)
        x += drawing.text_width(word, size) + size // 2


def _panel_size(face: FaceScores, em: int) -> tuple[int, int]:
    """Returns the width and the height of a face's panel, pixels."""
    has_plane = face.valence_arousal is not None
    classes = min(len(face.expressions), _TOP_CLASSES)
    width = 8.2 * bool(classes) + 5.6 * has_plane
    height = max(1.3 + 1.3 * classes, 5.4 * has_plane)
    rows, columns = _unit_rows(face)
    if rows:
        width, height = max(width, 1.7 + 1.95 * columns), height + 0.3 + 1.25 * rows
    return round((width + 1) * em), round((height + 0.9) * em)


def _draw_panel(canvas: Canvas, face: FaceScores, area: Area, em: int) -> None:
    canvas.fill(area, drawing.INK, 0.72)
    colour = drawing.person_colour(face.person)
    edge = max(2, em // 6)
    canvas.fill((area[0], area[1], area[0] + edge, area[3]), colour)
    left, top = area[0] + round(0.6 * em), area[1] + round(0.4 * em)
    if face.person >= 0:
        canvas.text(left, top, f"#{face.person}", em, colour)
    body = top + round(1.3 * em)
    shown = face.expressions[:_TOP_CLASSES]
    for number, (name, share) in enumerate(shown):
        row = body + round(1.3 * em * number)
        _draw_class(canvas, (left, row), name, share, em, colour, first=number == 0)
    body += round(1.3 * em * len(shown))
    if face.valence_arousal is not None:
        right = area[2] - round(0.5 * em)
        _draw_plane(canvas, (right - round(4.2 * em), top), face, em)
        body = max(body, top + round(5.4 * em))
    _draw_units(canvas, (left, body + round(0.3 * em)), face, em, colour)


def _draw_class(
    canvas: Canvas,
    corner: tuple[int, int],
    name: str,
    share: float,
    em: int,
    colour: drawing.Colour,
    first: bool,
) -> None:
    """Draws a class: its name and probability on a bar as long as that."""
    left, top = corner
    width, bottom = round(7.6 * em), top + round(1.15 * em)
    canvas.fill((left, top, left + width, bottom), drawing.WHITE, 0.10)
    end = left + round(width * min(max(share, 0.0), 1.0))
    canvas.fill((left, top, end, bottom), colour, 0.75 if first else 0.4)
    size = round(0.9 * em)
    number = f"{share:.0%}"
    margin = round(0.25 * em)
    for x, text in (
        (left + margin, name),
        (left + width - margin - drawing.text_width(number, size), number),
    ):
        # A dark rim keeps white letters legible where a bright bar ends under them.
        canvas.text(x + 1, top + round(0.1 * em) + 1, text, size, drawing.INK)
        canvas.text(x, top + round(0.1 * em), text, size, drawing.WHITE)


def _draw_plane(
    canvas: Canvas, corner: tuple[int, int], face: FaceScores, em: int
) -> None:
    """Draws valence to the right and arousal upwards, and both as numbers."""
    side = round(4.2 * em)
    left, top = corner
    x, y = left + side / 2, top + side / 2
    thin = max(1, em // 16)
    canvas.ellipse((x, y), (side / 2, side / 2), drawing.GREY, thin)
    canvas.line((left, y), (left + side, y), drawing.GREY, thin)
    canvas.line((x, top), (x, top + side), drawing.GREY, thin)
    valence, arousal = face.valence_arousal
    dot = (
        x + side / 2 * np.clip(valence, -1, 1),
        y - side / 2 * np.clip(arousal, -1, 1),
    )
    colour = drawing.person_colour(face.person)
    if face.spread is not None:
        radii = [side / 2 * max(0.0, spread) for spread in face.spread]
        canvas.ellipse(dot, tuple(radii), colour, thin)
    canvas.ellipse(dot, (0.36 * em, 0.36 * em), drawing.INK)
    canvas.ellipse(dot, (0.28 * em, 0.28 * em), colour)
    size = max(9, round(0.78 * em))
    numbers = f"V {valence:+.2f}  A {arousal:+.2f}"
    middle = left + side - drawing.text_width(numbers, size)
    canvas.text(middle, top + side + round(0.2 * em), numbers, size, drawing.WHITE)


def _draw_units(
    canvas: Canvas,
    corner: tuple[int, int],
    face: FaceScores,
    em: int,
    colour: drawing.Colour,
) -> None:
    """Draws a field for each action unit, a full one where it is present."""
    left, top = corner
    size = round(0.82 * em)
    units, (_, columns) = _shown_units(face), _unit_rows(face)
    if units:
        canvas.text(left, top + round(0.12 * em), "AU", size, drawing.WHITE)
    for number, (unit, present) in enumerate(units):
        row, column = divmod(number, columns)
        x = left + round((1.6 + 1.95 * column) * em)
        y = top + round(1.25 * em * row)
        field = (x, y, x + round(1.8 * em), y + round(1.1 * em))
        canvas.fill(field, colour if present else drawing.WHITE, 1 if present else 0.08)
        name = unit.removeprefix("AU")
        middle = x + (1.8 * em - drawing.text_width(name, size)) / 2
        ink = drawing.INK if present else drawing.GREY
        canvas.text(middle, y + round(0.12 * em), name, size, ink)


def _unit_rows(face: FaceScores) -> tuple[int, int]:
    """Returns in how many rows and columns the units stand, rows about equally long."""
    count = len(_shown_units(face))
    rows = math.ceil(count / _UNITS_A_ROW)
    return rows, math.ceil(count / max(rows, 1))


def _shown_units(face: FaceScores) -> list[tuple[str, bool]]:
    if len(face.units) <= _MOST_UNITS:
        return list(face.units)
    return [unit for unit in face.units if unit[1]][:_MOST_UNITS]


def _area(box: tuple[float, float, float, float]) -> Area:
    left, top, right, bottom = (round(edge) for edge in box)
    return left, top, right, bottom
