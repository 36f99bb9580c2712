"""Crops: where the five points come to lie, and what the pixels are."""

import math
import tracemalloc

import cv2
import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from affect_tf.faces.alignment import TEMPLATE

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 255, (300, 400, 3), np.uint8)


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """Returns a rotation, scale and shift, float [2, 3]."""
    angle = math.radians(degrees)
    turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return np.column_stack([np.array(turn) * scale, shift])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, -135])
def test_any_turned_and_scaled_template_comes_back(degrees):
    points = moved(TEMPLATE, turned(degrees, 2.7, (40, -13)))
    matrix = alignment.similarity(points)
    assert matrix.dtype == np.float64 and matrix.shape == (2, 3)
    np.testing.assert_allclose(moved(points, matrix), TEMPLATE, atol=1e-4)


def test_the_fit_is_the_best_of_all_similarities():
    points = moved(TEMPLATE, turned(20, 1.5, (9, 9))) + RNG.normal(0, 4, (5, 2))
    matrix = alignment.similarity(points)
    # The same problem as linear equations in a cos, a sin and the shift.
    x, y = points.T
    one, zero = np.ones(5), np.zeros(5)
    rows = np.stack([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    goal = TEMPLATE.T.reshape(-1)
    (a, b, right, down), *_ = np.linalg.lstsq(rows.reshape(10, 4), goal, rcond=None)
    np.testing.assert_allclose(matrix, [[a, -b, right], [b, a, down]], atol=1e-4)


def test_a_face_is_never_mirrored():
    mirrored = TEMPLATE * [-1, 1]
    matrix = alignment.similarity(mirrored)
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize(
    "points", [np.ones((5, 2)), np.full((5, 2), np.nan), np.ones((4, 2))]
)
def test_points_that_are_no_face_are_an_error(points):
    with pytest.raises(UserError, match="Received: points="):
        alignment.similarity(points)


@pytest.mark.parametrize("size", [56, 112, 160])
def test_the_points_of_an_aligned_face_lie_on_the_template(size):
    points = moved(TEMPLATE, turned(25, 3.1, (60, 80)))
    image = np.zeros((500, 500, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x), round(y)), 7, (255, 255, 255), -1)
    face = alignment.align(image, points, size)
    assert face.shape == (size, size, 3) and face.dtype == np.uint8
    labels = cv2.connectedComponentsWithStats((face[..., 0] > 127).astype(np.uint8))
    found = labels[3][1:]
    assert len(found) == 5
    for point in alignment.template(size):
        assert np.linalg.norm(found - point, axis=1).min() < 0.5


def test_a_template_of_twice_the_size_has_its_points_between_the_same_pixels():
    # Pixel 10 becomes 20 and 21: its middle is 20.5.
    np.testing.assert_allclose(alignment.template(224), TEMPLATE * 2.0 + 0.5, atol=1e-5)
    np.testing.assert_allclose(alignment.template(112), TEMPLATE, atol=1e-5)


def test_a_large_crop_halved_is_the_small_crop():
    image = cv2.GaussianBlur(NOISE, (0, 0), 6)
    points = moved(TEMPLATE, turned(10, 1.6, (80, 40)))
    large = alignment.align(image, points, 224).astype(float)
    halved = large.reshape(112, 2, 112, 2, 3).mean((1, 3))
    np.testing.assert_allclose(halved, alignment.align(image, points, 112), atol=3)


def test_a_large_face_is_averaged_not_sampled():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    for degrees in (0, 17):
        points = moved(TEMPLATE, turned(degrees, 5.0, (150, 60)))
        face = alignment.align(stripes, points, 112)
        assert face.std() < 30
    assert alignment.crop_square(stripes, (0, 0, 800, 800), 100).std() < 2


def test_outside_the_picture_is_black():
    white = np.full((100, 100, 3), 255, np.uint8)
    half = alignment.crop_square(white, (-50, 0, 50, 100), 50)
    assert half[:, :25].max() == 0 and half[:, 26:].min() == 255
    for box in ((200, 0, 300, 100), (-5000, -5000, -100, -100)):
        assert alignment.crop_square(white, box, 50).max() == 0
    far = moved(TEMPLATE, turned(0, 1, (500, 500)))
    assert alignment.align(white, far).max() == 0


def test_a_square_of_any_size_takes_no_more_memory_than_the_picture():
    white = np.full((100, 100, 3), 255, np.uint8)
    tracemalloc.start()
    crop = alignment.crop_square(white, (-1e6, -1e6, 1e6, 1e6), 50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert crop.shape == (50, 50, 3) and crop.mean() < 1
    assert peak < 50 * white.nbytes


def test_a_square_of_the_stored_size_is_cut_out_unchanged():
    square = alignment.crop_square(NOISE, (10, 20, 122, 132), 112)
    np.testing.assert_array_equal(square, NOISE[20:132, 10:122])


def test_a_square_of_a_multiple_is_averaged_exactly():
    square = alignment.crop_square(NOISE, (10, 20, 234, 244), 112)
    mean = NOISE[20:244, 10:234].reshape(112, 2, 112, 2, 3).mean((1, 3))
    np.testing.assert_allclose(square, mean, atol=1)


def test_a_picture_of_any_width_can_be_cut():
    panorama = np.zeros((60, 40_000, 3), np.uint8)
    panorama[:, 39_000:] = NOISE[:60, :1].repeat(1000, 1)
    square = alignment.crop_square(panorama, (39_100, 10, 39_140, 50), 40)
    np.testing.assert_array_equal(square, panorama[10:50, 39_100:39_140])


def test_the_square_lies_around_the_middle_of_the_box():
    # 20 x 40 at (100, 100): a side of 40, or of 60 with half of it as a margin.
    tall = alignment.crop_square(NOISE, (90, 80, 110, 120), 40)
    np.testing.assert_array_equal(tall, NOISE[80:120, 80:120])
    wide = alignment.crop_square(NOISE, (90, 80, 110, 120), 60, margin=0.5)
    np.testing.assert_array_equal(wide, NOISE[70:130, 70:130])


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (0, 0, np.nan, 9)])
def test_a_box_without_area_is_an_error(box):
    with pytest.raises(UserError, match="Received: box="):
        alignment.crop_square(NOISE, box, 112)
    with pytest.raises(UserError, match="margin=-1"):
        alignment.crop_square(NOISE, (0, 0, 9, 9), 112, margin=-1)


def test_five_points_are_taken_from_sixty_eight():
    landmarks = np.zeros((68, 2))
    landmarks[36:42] = [[0, 0], [1, -1], [2, -1], [3, 0], [2, 1], [1, 1]]
    landmarks[42:48] = landmarks[36:42] + [10, 0]
    landmarks[30], landmarks[48], landmarks[54] = [6, 5], [3, 9], [9, 9]
    points = alignment.five_points(landmarks)
    assert points.dtype == np.float32
    np.testing.assert_allclose(
        points, [[1.5, 0], [11.5, 0], [6, 5], [3, 9], [9, 9]], atol=1e-6
    )
    with pytest.raises(UserError, match="must be 68"):
        alignment.five_points(landmarks[:5])


def test_the_template_cannot_be_changed_by_mistake():
    with pytest.raises(ValueError):
        TEMPLATE[0] = 0
