"""Films to people, with a detector that follows a script, and once with a real one."""

import itertools

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from affect_tf.faces import analysis
from affect_tf.faces import detection
from affect_tf.faces import films
from tests.faces.film_files import shades
from tests.faces.film_files import write_film
from tests.faces.scripted import face
from tests.faces.scripted import frames
from tests.faces.scripted import Scripted


def test_every_frame_gives_a_row_even_without_a_face():
    script = [[], [face(100)], [], [face(100)]]
    seen = list(analysis.analyse(frames(4), Scripted(script)))
    assert [row.index for row in seen] == [0, 1, 2, 3]
    assert [row.time for row in seen] == [0, 0.04, 0.08, 0.12]
    assert [row.person for row in seen] == [None, 0, None, 0]
    empty = seen[0]
    assert (empty.face, empty.quality, empty.crop) == (None, None, None)


def test_all_keeps_everybody_in_order_of_their_numbers():
    script = [[face(60), face(140)], [face(140), face(60)]]
    seen = list(analysis.analyse(frames(2), Scripted(script), keep="all"))
    assert [(row.index, row.person) for row in seen] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [row.face.box[0] for row in seen] == [20, 100, 20, 100]


def test_largest_gives_one_row_a_frame_and_stays_with_a_person():
    script = [
        [face(60, side=50), face(140, side=54 - 8 * (number % 2))]
        for number in range(10)
    ]
    seen = list(analysis.analyse(frames(10), Scripted(script)))
    assert [row.person for row in seen] == [1] * 10


def test_crops_are_aligned_and_have_the_size_that_is_asked_for():
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    shot = [films.FilmFrame(0, 0.0, image)]
    (row,) = analysis.analyse(shot, Scripted([[face(100)]]), size=64)
    wanted = alignment.align(image, row.face.points, 64)
    np.testing.assert_array_equal(row.crop, wanted)
    assert row.quality.size == 80 and row.quality.score == 0.9
    assert abs(row.quality.roll) < 1


def test_frames_are_taken_one_at_a_time():
    taken = []

    def endless():
        for frame in itertools.cycle(frames(5)):
            taken.append(frame)
            yield frame

    rows = analysis.analyse(endless(), lambda image: [])
    assert not taken
    for number in range(3):
        next(rows)
        assert len(taken) == number + 1


def test_pictures_that_are_aligned_already_are_only_resized(tmp_path):
    path = write_film(tmp_path / "a.mp4", shades(3, 112, 112))
    seen = list(analysis.analyse(films.frames(path), detection.detector("none")))
    for row, frame in zip(seen, films.frames(path), strict=True):
        np.testing.assert_array_equal(row.crop, frame.image)
        assert row.person == 0


def test_the_rows_of_a_damaged_film_come_before_its_error(tmp_path):
    path = write_film(tmp_path / "a.mkv", shades(75), gop=1)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    rows = analysis.analyse(films.frames(path), lambda image: [])
    seen = []
    with pytest.raises(films.FilmError, match="must be whole"):
        for row in rows:
            seen.append(row)
    assert len(seen) > 10


def test_an_unknown_choice_is_an_error_before_any_frame_is_read():
    with pytest.raises(UserError, match="largest, all.*keep='some'"):
        analysis.analyse([], Scripted([]), keep="some")


def test_a_real_person_has_one_number_and_letters_are_no_faces(shared_dir):
    detector = detection.detector()
    path = shared_dir / "videos" / "talking_1person_20s.mp4"
    some = itertools.islice(films.frames(path), 0, 120, 10)
    seen = list(analysis.analyse(some, detector, keep="all"))
    assert [row.person for row in seen] == [0] * 12
    path = shared_dir / "videos" / "noface_then_face_6s.mov"
    some = itertools.islice(films.frames(path), 86, 106, 5)
    seen = list(analysis.analyse(some, detector, keep="all"))
    assert [row.person for row in seen] == [None, None, 0, 0]
