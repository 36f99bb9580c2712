"""Quality: angles of a head whose pose is known, blur, and faces that are none."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from affect_tf.faces import alignment
from affect_tf.faces.detection import Face
from affect_tf.faces.quality import quality
from tests.faces.scripted import face

NOISE = np.random.default_rng(0).integers(0, 255, (112, 112, 3), np.uint8)


def head(yaw: float = 0, pitch: float = 0, roll: float = 0, side: float = 90) -> Face:
    """Returns the template's face with its nose before it, turned and projected."""
    eyes = alignment.TEMPLATE[1, 0] - alignment.TEMPLATE[0, 0]
    solid = np.column_stack([alignment.TEMPLATE, [0, 0, -0.63 * eyes, 0, 0]])
    # Depth grows away from the camera; the middle of the eyes is the origin.
    solid = (solid - solid[:2].mean(0)) / 112 * side
    y, p, r = np.radians([yaw, pitch, roll])
    turn = [[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]]
    nod = [[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]]
    tilt = [[math.cos(r), -math.sin(r)], [math.sin(r), math.cos(r)]]
    points = (solid @ np.array(turn).T @ np.array(nod).T)[:, :2] @ np.array(tilt).T
    return dataclasses.replace(face(100, side=side), points=np.float32(points + 100))


@pytest.mark.parametrize("angle", [-40, -15, 0, 15, 40])
@pytest.mark.parametrize("name", ["yaw", "pitch", "roll"])
def test_a_known_pose_is_read_back(name, angle):
    measured = quality(head(**{name: angle}), NOISE)
    for each in ("yaw", "pitch", "roll"):
        wanted = angle if each == name else 0
        assert getattr(measured, each) == pytest.approx(wanted, abs=2.5), each


def test_angles_do_not_depend_on_size_or_roll():
    small, large = (quality(head(20, 10, 0, side), NOISE) for side in (40, 400))
    tilted = quality(head(20, 10, 25), NOISE)
    for other in (large, tilted):
        assert other.yaw == pytest.approx(small.yaw, abs=0.1)
        assert other.pitch == pytest.approx(small.pitch, abs=0.1)


def test_signs_are_those_of_the_picture():
    points = alignment.TEMPLATE.copy()
    points[2] += [8, 0]
    right = quality(dataclasses.replace(face(0), points=points), NOISE)
    assert right.yaw > 5 and abs(right.pitch) < 1
    points = alignment.TEMPLATE.copy()
    points[2] += [0, 8]
    down = quality(dataclasses.replace(face(0), points=points), NOISE)
    assert down.pitch > 5 and abs(down.yaw) < 2
    points = alignment.TEMPLATE.copy()
    points[1] += [0, 8]
    assert quality(dataclasses.replace(face(0), points=points), NOISE).roll > 5


def test_a_blurred_crop_has_less_of_the_laplacian():
    soft = [cv2.GaussianBlur(NOISE, (0, 0), s) if s else NOISE for s in (0, 1, 3)]
    sharp, less, least = (quality(face(0), crop).blur for crop in soft)
    assert sharp > 5 * less > 25 * least
    assert quality(face(0), np.zeros_like(NOISE)).blur == 0


def test_score_and_size_are_those_of_the_face():
    measured = quality(face(100, side=64, score=0.7), NOISE)
    assert (measured.score, measured.size) == (0.7, 64)
    assert all(isinstance(v, float) for v in dataclasses.astuple(measured))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_points_in_one_place_give_nan(value):
    nowhere = dataclasses.replace(face(0), points=np.full((5, 2), value, np.float32))
    measured = quality(nowhere, NOISE)
    angles = measured.yaw, measured.pitch, measured.roll
    assert np.isnan(angles).all() and math.isfinite(measured.blur)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("height", [0.0, -20.0])
def test_a_mouth_beside_or_above_the_eyes_has_no_pitch(height):
    points = alignment.TEMPLATE.copy()
    points[2:] = points[:2].mean(0) + [0, height]
    measured = quality(dataclasses.replace(face(0), points=points), NOISE)
    assert math.isnan(measured.pitch) and abs(measured.yaw) < 0.5


def test_a_crooked_face_looks_straight_where_its_nose_is_in_the_middle():
    points = alignment.TEMPLATE.copy()
    points[2:] += [[3, 0], [6, 0], [6, 0]]
    straight = quality(dataclasses.replace(face(0), points=alignment.TEMPLATE), NOISE)
    crooked = quality(dataclasses.replace(face(0), points=points), NOISE)
    assert crooked.yaw == pytest.approx(straight.yaw, abs=0.1)
