"""Whether a film is there to its end is seen in every format whose header tells."""

import math
import struct

import numpy as np
import pytest

from affect_tf.faces import film_headers
from affect_tf.faces import films
from affect_tf.faces import sound
from affect_tf.faces.films import FilmError
from tests.faces.film_files import shades
from tests.faces.film_files import write_film

FORMATS = [
    ("a.avi", "mpeg4"),
    ("a.avi", "libx264"),
    ("a.flv", "flv"),
    ("a.flv", "libx264"),
    ("a.mkv", "libx264"),
    ("a.webm", "libvpx"),
    ("a.wmv", "wmv2"),
]


def noisy(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 255, (count, 48, 64, 3), np.uint8))


def cut(path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


def numbered(path) -> tuple[int, str]:
    """Returns how many frames a film gives, and the error after them."""
    count = 0
    try:
        for _ in films.frames(path):
            count += 1
    except FilmError as error:
        return count, str(error)
    return count, ""


@pytest.mark.parametrize(
    ("name", "codec", "sound_seconds"),
    [
        (*each, seconds)
        for each in FORMATS
        for seconds in (None, 7.0)
        if each[0] != "a.webm" or seconds is None  # There is no AAC in WebM.
    ],
)
def test_a_film_is_whole_or_was_cut_off(tmp_path, name, codec, sound_seconds):
    track = sound_seconds and (0.0, sound_seconds)
    path = write_film(tmp_path / name, noisy(100), codec=codec, gop=5, sound=track)
    assert numbered(path) == (100, "")
    cut(path)
    count, error = numbered(path)
    assert 10 < count < 90
    assert "it ends after" in error and f"; {count} frames were decoded" in error


@pytest.mark.parametrize("name, codec", [("a.flv", "flv"), ("a.mkv", "mpeg4")])
def test_a_film_that_states_no_length_is_taken_as_it_is(tmp_path, name, codec):
    path = write_film(tmp_path / name, noisy(100), codec=codec, gop=5)
    data = path.read_bytes()
    # As live recordings are: a length of 0, or none, and no tag of the track's.
    data = data.replace(b"DURATION", b"WHATEVER").replace(
        b"\x44\x89\x88", b"\xec\x81\0"
    )
    place = data.find(b"\x08duration\0")
    if place > 0:
        place += len(b"\x08duration\0")
        data = data[:place] + bytes(8) + data[place + 8 :]
    path.write_bytes(data)
    assert film_headers.stated_seconds(path, "flv,matroska") is None
    assert numbered(path) == (100, "")
    cut(path)
    count, error = numbered(path)
    assert 10 < count < 90 and not error


@pytest.mark.parametrize("track", [None, (0.0, 7.0)])
def test_the_length_of_a_matroska_file_counts_where_its_tracks_have_none(
    tmp_path, track
):
    path = write_film(tmp_path / "a.mkv", noisy(100), gop=5, sound=track)
    path.write_bytes(path.read_bytes().replace(b"DURATION", b"WHATEVER"))
    stated = film_headers.stated_seconds(path, "matroska,webm")
    assert stated == pytest.approx(7.2 if track else 4.0, abs=0.2)
    assert numbered(path) == (100, "")
    cut(path)
    assert "it ends after" in numbered(path)[1]


@pytest.mark.parametrize("name", ["a.avi", "a.flv", "a.mkv", "a.mp4", "a.ts", "a.wmv"])
def test_a_film_of_few_frames_a_second_is_whole(tmp_path, name):
    codec = {"a.ts": "libx264", "a.flv": "flv", "a.wmv": "wmv2"}.get(name, "mpeg4")
    times = [2.0 * n for n in range(20)]
    path = write_film(tmp_path / name, shades(20), times=times, codec=codec)
    assert numbered(path) == (20, "")


def test_a_film_whose_last_frame_is_shown_for_long_is_whole(tmp_path):
    times = [0.0, 0.04, 0.08, 5.0, 5.04]
    path = write_film(tmp_path / "a.mkv", shades(5), times=times)
    data = path.read_bytes()
    stated = data.replace(b"00:00:05.08", b"00:00:09.08")
    assert stated != data
    path.write_bytes(stated)
    assert numbered(path) == (5, "")


def test_an_avi_states_its_length_whatever_was_cut_off(tmp_path):
    path = write_film(tmp_path / "a.avi", noisy(100), gop=5)
    assert films.stated_frames(path) == films.probe(path).frames == 100
    cut(path)
    assert films.stated_frames(path) == 100
    assert films.probe(path).seconds == pytest.approx(4.0)


def test_sound_that_was_cut_off_is_told_of(tmp_path):
    path = write_film(tmp_path / "a.flv", noisy(100), codec="flv", sound=(0.0, 4.0))
    assert not sound.read(path).problem
    cut(path)
    assert "it ends after" in sound.read(path).problem


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0.0, -1.0])
def test_a_length_that_is_none_is_not_believed(tmp_path, seconds):
    path = tmp_path / "a.flv"
    path.write_bytes(b"FLV\0\x08duration\0" + struct.pack(">d", seconds))
    assert film_headers.stated_seconds(path, "flv") is None
    path.write_bytes(path.read_bytes()[:-3])
    assert film_headers.stated_seconds(path, "flv") is None
    assert film_headers.stated_seconds(path, "mpegts") is None


def test_a_length_of_the_header_is_known_in_every_format(tmp_path):
    for name, codec, kind in (
        ("a.flv", "flv", "flv"),
        ("a.wmv", "wmv2", "asf"),
        ("a.mkv", "mpeg4", "matroska,webm"),
    ):
        path = write_film(tmp_path / name, shades(50), codec=codec)
        assert film_headers.stated_seconds(path, kind) == pytest.approx(2.0, abs=0.05)
        path.write_bytes(b"FLV" + bytes(100))
        assert film_headers.stated_seconds(path, kind) is None
