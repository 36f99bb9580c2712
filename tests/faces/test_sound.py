"""A film's sound lies on the clock of its pictures, whatever the file is like."""

import math

import numpy as np
import pytest

from affect_tf.faces import films
from affect_tf.faces import sound
from affect_tf.faces.films import FilmError
from tests.faces.film_files import shades
from tests.faces.film_files import write_film
from tests.faces.sound_files import click_times
from tests.faces.sound_files import clicks
from tests.faces.sound_files import tone
from tests.faces.sound_files import write_sound_film

RATE = 22_050


def fitted(pcm, frequency):
    """Returns a sine's amplitude, its delay in seconds and what is left (RMS)."""
    kept = slice(2000, len(pcm) - 2000)
    phase = 2 * np.pi * frequency * np.arange(len(pcm))[kept] / RATE
    heard = pcm[kept, 0] / 32768
    waves = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    (sine, cosine), *_ = np.linalg.lstsq(waves, heard, rcond=None)
    rest = heard - waves @ [sine, cosine]
    delay = -math.atan2(cosine, sine) / (2 * math.pi * frequency)
    return math.hypot(sine, cosine), delay, rest.std()


@pytest.mark.parametrize("frequency", [440, 3000])
@pytest.mark.parametrize(
    ("rate", "codec"),
    [
        (8_000, "pcm_s16le"),
        (22_050, "pcm_s16le"),
        (44_100, "pcm_f32le"),
        (48_000, "pcm_s16le"),
        (48_000, "flac"),
    ],
)
def test_a_sine_keeps_pitch_place_and_loudness(tmp_path, rate, codec, frequency):
    heard = tone(2.0, rate, frequency)
    path = write_sound_film(tmp_path / "a.mkv", [(0, heard)], rate, codec)
    read = sound.read(path)
    assert read.pcm.dtype == np.int16 and read.pcm.shape == (2 * RATE, 1)
    assert (read.begins, read.problem) == (0.0, "")
    loudness, delay, rest = fitted(read.pcm, frequency)
    assert loudness == pytest.approx(0.5, rel=0.01)
    assert abs(delay) < 1e-5 and rest < 1e-3


def test_what_is_too_high_for_the_new_rate_vanishes(tmp_path):
    path = write_sound_film(tmp_path / "a.mkv", [(0, tone(1.0, 48_000, 15_000))])
    assert np.abs(sound.read(path).pcm[500:-500]).max() <= 2


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.mp4", "aac", 44_100),
        ("a.mp4", "aac", 48_000),
        ("a.mkv", "aac", 8_000),
        ("a.mkv", "libopus", 48_000),
        ("a.mov", "pcm_s16le", 48_000),
        ("a.avi", "pcm_s16le", 44_100),
        ("a.ts", "aac", 44_100),
    ],
)
def test_a_click_is_heard_at_its_time_in_every_container(tmp_path, name, codec, rate):
    heard = clicks(1.5, rate, [0.5, 1.0])
    read = sound.read(write_sound_film(tmp_path / name, [(0, heard)], rate, codec))
    assert click_times(read.pcm, RATE) == pytest.approx([0.5, 1.0], abs=1e-3)
    assert read.problem == ""


@pytest.mark.parametrize("name, codec", [("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_sound_does_not_drift_within_a_minute(tmp_path, name, codec):
    heard = clicks(61.0, 44_100, [0.5, 30.0, 60.5])
    read = sound.read(write_sound_film(tmp_path / name, [(0, heard)], 44_100, codec))
    assert click_times(read.pcm, RATE) == pytest.approx([0.5, 30, 60.5], abs=1e-3)


@pytest.mark.parametrize("name, codec", [("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_before_a_track_begins_there_are_zeros(tmp_path, name, codec):
    path = write_sound_film(
        tmp_path / name, [(1.25, clicks(1, 48_000, [0.5]))], codec=codec
    )
    read = sound.read(path)
    assert read.begins == pytest.approx(1.25, abs=0.03)
    assert not read.pcm[: int(1.2 * RATE)].any()
    assert click_times(read.pcm, RATE) == pytest.approx([1.75], abs=1e-3)


@pytest.mark.parametrize("name, codec", [("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_sound_ahead_of_the_pictures_is_cut_away(tmp_path, name, codec):
    heard = clicks(1.0, 48_000, [0.1, 0.5])
    path = write_sound_film(
        tmp_path / name, [(0, heard)], codec=codec, first_picture=0.3
    )
    read = sound.read(path)
    assert read.begins == pytest.approx(-0.3, abs=1e-3)
    assert click_times(read.pcm, RATE) == pytest.approx([0.2], abs=1e-3)
    assert next(films.frames(path)).time == 0


def test_a_gap_becomes_zeros_and_moves_nothing(tmp_path):
    for name, codec in (("a.mkv", "pcm_s16le"), ("a.mp4", "aac")):
        runs = [(start, clicks(1, 48_000, [0.5])) for start in (0, 3)]
        read = sound.read(write_sound_film(tmp_path / name, runs, codec=codec))
        assert click_times(read.pcm, RATE) == pytest.approx([0.5, 3.5], abs=1e-3)
        assert not read.pcm[int(1.1 * RATE) : int(2.9 * RATE)].any()


def test_a_lost_frame_of_sound_moves_nothing(tmp_path):
    runs = [(0, clicks(0.5, 48_000, [0.2])), (0.52, clicks(0.5, 48_000, [0.2]))]
    read = sound.read(write_sound_film(tmp_path / "a.mkv", runs))
    assert click_times(read.pcm, RATE) == pytest.approx([0.2, 0.72], abs=1e-3)


def test_what_is_there_twice_is_cut(tmp_path):
    runs = [(0, clicks(1, 48_000, [0.5])), (0.95, clicks(1, 48_000, [0.02, 0.5]))]
    path = write_sound_film(tmp_path / "a.mkv", runs, block=4800)
    read = sound.read(path)
    assert len(read.pcm) == round(1.95 * RATE)
    assert click_times(read.pcm, RATE) == pytest.approx([0.5, 1.45], abs=1e-3)


def test_rounded_stamps_break_nothing(tmp_path):
    # Matroska rounds to milliseconds; 1024 samples last 23.2 of them.
    path = write_sound_film(
        tmp_path / "a.mkv", [(0, tone(4, 44_100, 440))], 44_100, block=1024
    )
    assert fitted(sound.read(path).pcm, 440)[2] < 1e-3


def test_two_channels_stay_apart_or_are_mixed(tmp_path):
    left = tone(1.0, 48_000, 440)
    heard = np.concatenate([left, 0 * left], axis=1)
    path = write_sound_film(tmp_path / "a.mkv", [(0, heard)], layout="stereo")
    both = sound.read(path, channels=2).pcm
    assert both.shape == (RATE, 2) and not both[:, 1].any()
    assert fitted(both, 440)[0] == pytest.approx(0.5, rel=0.01)
    mixed = sound.read(path, channels=1).pcm
    assert fitted(mixed, 440)[0] == pytest.approx(0.25, rel=0.01)


def test_one_channel_becomes_two_as_loud(tmp_path):
    path = write_sound_film(tmp_path / "a.mkv", [(0, tone(1.0, 48_000, 440))])
    both = sound.read(path, channels=2).pcm
    np.testing.assert_array_equal(both, np.repeat(sound.read(path).pcm, 2, axis=1))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("layout, count", [("5.1", 6), ("3 channels", 3)])
def test_many_channels_are_mixed_without_clipping(tmp_path, layout, count, channels):
    heard = np.repeat(tone(1.0, 48_000, 440, loudness=0.99), count, axis=1)
    read = sound.read(
        write_sound_film(tmp_path / "a.mkv", [(0, heard)], layout=layout),
        channels=channels,
    )
    assert read.pcm.shape == (RATE, channels)
    loudness, delay, rest = fitted(read.pcm, 440)
    assert loudness > 0.5 and abs(delay) < 1e-5 and rest < 1e-3


def test_another_rate_can_be_asked_for(tmp_path):
    path = write_sound_film(tmp_path / "a.mkv", [(0, clicks(1, 48_000, [0.5]))])
    read = sound.read(path, rate=16_000)
    assert read.pcm.shape == (16_000, 1)
    assert click_times(read.pcm, 16_000) == pytest.approx([0.5], abs=1e-3)


def test_a_film_without_a_track_has_no_sound(tmp_path):
    assert sound.read(write_film(tmp_path / "a.mp4", shades(3))) is None


def test_a_cut_off_film_gives_what_it_has_and_says_so(tmp_path):
    path = write_sound_film(
        tmp_path / "a.mkv", [(0, clicks(10, 48_000, [1, 4, 8]))], pictures=2
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    read = sound.read(path)
    assert click_times(read.pcm, RATE) == pytest.approx([1, 4], abs=1e-3)
    assert "of 10.0 seconds" in read.problem


def holed(path):
    """A film of ten seconds with clicks at 1 and 9, of which some bytes are lost."""
    noise = np.random.default_rng(0).normal(0, 0.02, (480_000, 1))
    heard = noise + clicks(10, 48_000, [1, 9])
    data = bytearray(write_sound_film(path, [(0, heard)], codec="aac").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 10_000] = b"\xff" * 10_000
    path.write_bytes(data)
    return path


def test_a_hole_moves_nothing(tmp_path):
    read = sound.read(holed(tmp_path / "a.ts"))
    assert click_times(read.pcm, RATE) == pytest.approx([1, 9], abs=2e-3)
    silent = (read.pcm[2 * RATE : 8 * RATE].reshape(-1, 210) == 0).all(axis=1)
    assert 0.3 < silent.sum() * 210 / RATE < 3


def test_what_a_decoder_complains_of_is_noted(tmp_path):
    assert sound.read(holed(tmp_path / "a.mkv")).problem


def test_an_unknown_format_is_a_problem_and_no_error(tmp_path):
    path = write_sound_film(tmp_path / "a.mkv", [(0, clicks(1, 48_000, [0.5]))])
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XYZ/INT/LIT"))
    read = sound.read(path, channels=2)
    assert read.pcm.shape == (0, 2) and read.begins == 0
    assert "format" in read.problem


def test_stamps_that_leap_fill_no_memory(tmp_path):
    runs = [(0, clicks(1, 48_000, [0.5])), (90_000, clicks(1, 48_000, [0.5]))]
    read = sound.read(write_sound_film(tmp_path / "a.mkv", runs))
    assert len(read.pcm) == RATE
    assert "leap from 1.0 to 90000.0 seconds" in read.problem


def test_what_is_no_film_or_no_number_is_an_error(tmp_path):
    with pytest.raises(FilmError, match="must be a file"):
        sound.read(tmp_path / "absent.mp4")
    for wrong in ({"channels": 6}, {"rate": 0}):
        with pytest.raises(ValueError, match="positive rate and 1 or 2 channels"):
            sound.read(tmp_path / "absent.mp4", **wrong)


def test_real_films_have_the_length_of_their_tracks(shared_dir):
    talking = sound.read(shared_dir / "videos/talking_1person_20s.mp4", channels=2)
    assert talking.pcm.shape[1] == 2
    assert len(talking.pcm) == pytest.approx(945_120 / 48_000 * RATE, abs=50)
    assert (talking.begins, talking.problem) == (0.0, "")
    appears = sound.read(shared_dir / "videos/noface_then_face_6s.mov")
    assert np.abs(appears.pcm).max() > 10_000 and appears.problem == ""
