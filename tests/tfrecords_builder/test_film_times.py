"""Times of frames that somebody else cut: those that decoding the film gives."""

import shutil

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import films
from affect_tf.faces.film_decoding import FilmError
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tfrecords_builder import film_times


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi"])
def test_stamps_give_the_times_that_decoding_gives(tmp_path, kind) -> None:
    path = film(tmp_path / f"a.{kind}", [frame()] * 9, sound=True)
    decoded = [each.time for each in films.frames(path)]
    assert film_times.times(path).tolist() == decoded
    assert len(decoded) == 9


def test_a_film_of_no_constant_rate_has_its_own_times(tmp_path) -> None:
    stamps = [7, 10, 11, 20, 50]
    path = film(tmp_path / "a.mkv", [frame()] * 5, times=stamps)
    expected = (np.array(stamps) - 7) / 100
    assert film_times.times(path) == pytest.approx(expected, abs=1e-3)


def test_a_film_that_was_cut_off_is_an_error(tmp_path) -> None:
    path = film(tmp_path / "a.mkv", [frame((4, 8, 20))] * 90)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)
    with pytest.raises(FilmError):
        film_times.times(path)


def test_each_frame_finds_the_time_in_its_film(tmp_path) -> None:
    paths = {
        "a": str(film(tmp_path / "a.mp4", [frame()] * 3)),
        "bad": str(tmp_path / "bad.mp4"),
    }
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    videos, frames = ["a", "b", "a", "a", "bad"], [2, 0, 3, 0, 0]
    times, damaged = film_times.of_frames(videos, frames, paths)
    assert times == pytest.approx([0.08, np.nan, np.inf, 0, np.nan], nan_ok=True)
    assert damaged == ["bad"]


def test_films_are_found_below_the_folder_by_their_names(tmp_path) -> None:
    film(tmp_path / "batch1/a.b.mp4", [frame()])
    film(tmp_path / "c.avi", [frame()])
    (tmp_path / "notes.txt").write_text("")
    assert set(film_times.find(tmp_path)) == {"a.b", "c"}
    shutil.copy(tmp_path / "c.avi", tmp_path / "batch1/c.avi")
    with pytest.raises(UserError, match="one film of a name"):
        film_times.find(tmp_path)


def test_a_folder_without_films_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="which holds none"):
        film_times.find(tmp_path)
    with pytest.raises(UserError, match="--videos must be a folder"):
        film_times.find(tmp_path / "none")
