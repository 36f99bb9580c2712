"""Landmarks of many faces at once are those of each face alone."""

import numpy as np
import pytest

from affect_tf.faces import alignment
from tests.tfrecords_builder.readers.face_trees import MARKS
from tfrecords_builder.readers import landmarks


def text(marks):
    return ";".join(repr(float(value)) for value in np.ravel(marks))


def test_texts_are_read_at_once_and_wrong_ones_stand_alone():
    faces = MARKS + np.arange(9)[:, None, None]
    texts = [text(face) for face in faces]
    wrong = {0: "", 3: texts[3] + ";1", 4: texts[4].replace(";", ";a", 1), 8: "1;2"}
    wrong[6] = texts[6].replace(";", ";;", 1).rpartition(";")[0]
    read = landmarks.parse([wrong.get(i, t) for i, t in enumerate(texts)])
    for i, face in enumerate(faces):
        assert np.array_equal(read[i], face) == (i not in wrong)
        assert np.isnan(read[i]).all() == (i in wrong)


def test_a_number_too_few_and_one_too_many_do_not_make_two_faces():
    short, rest = text(MARKS).rsplit(";", 1)
    read = landmarks.parse([short, f"{rest};{text(MARKS)}", text(MARKS)])
    assert np.isnan(read).all((1, 2)).tolist() == [True, True, False]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_face_with_one_number_that_is_none_has_no_landmarks(value):
    cells = text(MARKS).split(";")
    read = landmarks.parse([";".join([*cells[:-1], value])])
    assert np.isnan(read).all()


def test_five_points_of_many_faces_are_those_of_each():
    rng = np.random.default_rng(0)
    faces = MARKS + rng.normal(size=(5, 68, 2)) * 30
    faces[2] = np.nan
    points = landmarks.five_points(faces)
    assert points.dtype == np.float32
    assert np.isnan(points[2]).all()
    for i in (0, 1, 3, 4):
        assert points[i] == pytest.approx(alignment.five_points(faces[i]), abs=1e-4)
    # The picture's left eye is on the left.
    assert landmarks.five_points(MARKS[None])[0, 0, 0] < 40


def test_landmarks_in_one_place_are_a_mark_for_none():
    faces = np.stack([np.zeros((68, 2)), MARKS / 100, MARKS])
    assert np.isnan(landmarks.five_points(faces)).all((1, 2)).tolist() == [1, 1, 0]
    boxes = landmarks.boxes(faces)
    assert np.isnan(boxes).all(1).tolist() == [1, 1, 0]
    assert boxes[2] == pytest.approx([*MARKS.min(0), *MARKS.max(0)])
    line = MARKS * [1, 0]
    assert np.isnan(landmarks.boxes(line[None])).all()


def test_no_face_gives_nothing():
    none = landmarks.parse([])
    assert none.shape == (0, 68, 2)
    assert landmarks.five_points(none).shape == (0, 5, 2)
    assert landmarks.boxes(none).shape == (0, 4)
