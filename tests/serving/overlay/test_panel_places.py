"""Where the panels of an overlay stand."""

import numpy as np

from affect_tf.serving.overlay import face_panel
from affect_tf.serving.overlay.drawing import Canvas
from affect_tf.serving.overlay.face_panel import Annotator
from affect_tf.serving.overlay.face_panel import FaceScores
from affect_tf.serving.overlay.panel_places import PanelPlaces

SIZE = (640, 360)
PANEL = (120, 90)


def _places(boxes, before=None):
    places = before or PanelPlaces()
    places.begin(SIZE, boxes, 12)
    found = []
    for own in range(len(boxes)):
        area = places.place(own, own, PANEL)
        found.append(area)
        if area is not None:
            places.take(area)
    return found


def _apart(one, other):
    return (
        one[2] <= other[0]
        or other[2] <= one[0]
        or one[3] <= other[1]
        or other[3] <= one[1]
    )


def test_a_panel_hides_no_face_and_no_panel():
    boxes = [(40, 100, 120, 200), (300, 100, 380, 200), (420, 220, 500, 320)]
    found = _places(boxes)
    areas = [area for area in found if area is not None]
    assert len(areas) >= 2
    for number, area in enumerate(areas):
        assert min(area[:2]) >= 0 and area[2] <= SIZE[0]
        assert all(_apart(area, other) for other in areas[:number])
        assert all(_apart(area, box) for box in boxes)


def test_a_crowd_gets_tags():
    boxes = [(x, y, x + 50, y + 60) for x in range(0, 600, 60) for y in (40, 150, 260)]
    assert _places(boxes) == [None] * len(boxes)


def test_a_tag_stands_where_it_hides_no_other_face():
    places = PanelPlaces()
    places.begin(SIZE, [(100, 100, 150, 160), (160, 90, 210, 150)], 12)
    assert places.place_tag(0, (90, 16)) == (60, 84, 150, 100)
    assert places.place_tag(1, (90, 16)) == (160, 74, 250, 90)
    places.begin(SIZE, [(300, 0, 350, 60)], 12)
    assert places.place_tag(0, (90, 16)) == (300, 60, 390, 76)


def test_a_panel_keeps_its_side_while_its_face_moves():
    places = PanelPlaces()
    sides = []
    for x in [*range(200, 460, 4), *range(460, 300, -4)]:
        (area,) = _places([(x, 100, x + 100, 220)], places)
        sides.append("right" if area[0] > x else "left")
    assert sum(one != other for one, other in zip(sides, sides[1:], strict=False)) <= 1


def test_a_face_that_fills_the_picture_has_a_panel_all_the_same():
    assert _places([(0, 0, 640, 360)])[0] is not None


def test_a_panel_reads_alike_at_360_lines_and_in_4k():
    face = {"expressions": (("fear", 0.7), ("neutral", 0.3)), "person": 0}
    shares = []
    for scale in (1, 6):
        image = np.zeros((360 * scale, 640 * scale, 3), np.uint8)
        box = tuple(scale * edge for edge in (100, 100, 220, 240))
        units = (("AU1", True), ("AU12", False))
        scores = FaceScores(box=box, units=units, valence_arousal=(0.5, -0.5), **face)
        Annotator().draw(Canvas(image), [scores])
        shares.append((image.any(-1)).mean())
    assert shares[0] > 0.05
    np.testing.assert_allclose(shares[0], shares[1], rtol=0.15)
    assert face_panel.line_height(640, 360) >= 11
