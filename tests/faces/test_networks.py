"""What goes into the networks and comes out, with networks that answer as told."""

import math

import numpy as np
import pytest

from affect_tf.faces import face_candidates
from affect_tf.faces import face_mesh
from affect_tf.faces import networks


class Told:
    """A network that keeps what it is shown and gives fixed answers."""

    def __init__(self, size: int, answers: list[np.ndarray]) -> None:
        self.size, self.answers, self.shown = size, answers, None

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        assert values.dtype == np.float32
        self.shown = values
        return [answer.copy() for answer in self.answers]


@pytest.fixture
def blaze(monkeypatch) -> face_candidates.BlazeFace:
    """A BlazeFace of 64 pixels with one layer of 4 x 4 cells, two anchors each."""
    told = Told(64, [np.zeros((32, 16), np.float32), np.full((32, 1), -9, np.float32)])
    monkeypatch.setattr(networks, "Network", lambda name: told)
    return face_candidates.BlazeFace("any", ((16, 2),), 0.4)


def test_pixels_go_in_between_minus_one_and_one(blaze):
    ramp = np.arange(64, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2) * 4
    found = blaze(ramp)
    shown = blaze._network.shown[0, :, 0]
    np.testing.assert_allclose(shown, np.arange(64) * 4 / 127.5 - 1, atol=1e-6)
    assert found.boxes.shape == (0, 4) and found.eyes.shape == (0, 2, 2)


def test_boxes_and_eyes_are_counted_from_their_cell(blaze):
    regressed, logits = blaze._network.answers
    # Row 1, column 2, second anchor: its cell has its middle at x = 40, y = 24.
    regressed[13, :8] = [3, -2, 20, 10, -6, 1, 7, 2]
    logits[13] = 0.0
    found = blaze(np.zeros((64, 64, 3), np.uint8))
    np.testing.assert_allclose(found.scores, [0.5])
    np.testing.assert_allclose(found.boxes, [[33, 17, 53, 27]])
    np.testing.assert_allclose(found.eyes, [[[33.5, 24.5], [46.5, 25.5]]])


def test_boxes_of_one_face_become_their_weighted_mean(blaze):
    regressed, logits = blaze._network.answers
    regressed[[10, 11, 31], 2:4] = 20
    regressed[11, 0] = 4
    logits[[10, 11, 31], 0] = [math.log(3), math.log(1), 0.0]  # 0.75, 0.5, 0.5
    found = blaze(np.zeros((64, 64, 3), np.uint8))
    np.testing.assert_allclose(found.scores, [0.75, 0.5], atol=1e-6)
    np.testing.assert_allclose(found.boxes[0], [15.6, 14, 35.6, 34], atol=1e-5)


def test_tiles_are_put_back_into_the_picture(blaze):
    regressed, logits = blaze._network.answers
    regressed[0, 2:4], logits[0] = 8, 5.0  # In each tile, around (8, 8).
    found = face_candidates.search(blaze, np.zeros((128, 256, 3), np.uint8), 128)
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    tiles = face_candidates.tiles(128, 64, 64)
    np.testing.assert_allclose(middles, [(2 * (x + 8), 2 * (y + 8)) for x, y in tiles])
    np.testing.assert_allclose(found.eyes[0, 0], [15.5, 15.5])


@pytest.mark.parametrize("width, height", [(100, 100), (101, 300), (999, 140), (3, 2)])
def test_tiles_cover_the_picture_and_overlap(width, height):
    covered = np.zeros((height, width), int)
    tiles = face_candidates.tiles(width, height, 100)
    for x, y in tiles:
        covered[max(y, 0) : y + 100, max(x, 0) : x + 100] += 1
    assert covered.min() >= 1
    across = sorted({x for x, _ in tiles})
    assert all(b - a <= 73 for a, b in zip(across, across[1:], strict=False))


def test_every_eye_of_the_mesh_is_on_its_own_side():
    # The mesh counts from the person's right, which is the picture's left.
    assert len(set(face_mesh.LEFT_EYE) | set(face_mesh.RIGHT_EYE)) == 32


@pytest.mark.filterwarnings("error")
def test_a_probability_of_any_logit_is_finite():
    values = networks.sigmoid(np.float32([-1e30, -5, 0, 5, 1e30]))
    assert np.isfinite(values).all() and values[2] == 0.5
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("degrees", [0, 35, 90, -120])
def test_the_mesh_is_put_back_into_the_picture(monkeypatch, degrees):
    # All points in the middle of the square, but for one at its right edge.
    inside = np.full((468, 3), 95.5, np.float32)
    inside[7, 0] = 191.5
    told = Told(192, [inside.reshape(1, 1, -1), np.float32([[[2.0]]])])
    monkeypatch.setattr(networks, "Network", lambda name: told)
    along = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    eyes = np.array([[100, 80], [100, 80] + 30 * along])
    image = np.zeros((300, 300, 3), np.uint8)
    image[100:120, 140:160] = 255  # In the middle of the box.
    mesh = face_mesh.FaceMesh()(image, np.array([110, 80, 190, 140]), eyes)
    middle = np.array([149.5, 109.5])
    np.testing.assert_allclose(mesh.landmarks[0], middle, atol=1e-6)
    # Half of one and a half times the longer side.
    np.testing.assert_allclose(mesh.landmarks[7], middle + 60 * along, atol=1e-5)
    assert mesh.presence == pytest.approx(1 / (1 + math.exp(-2)))
    assert told.shown[90:102, 90:102].min() == 1 and told.shown[:60].max() == 0
    np.testing.assert_allclose(
        mesh.points[0], mesh.landmarks[[*face_mesh.LEFT_EYE]].mean(0)
    )
