"""Which part of a film's sound a clip keeps, and where it comes from."""

import dataclasses
import pickle

import numpy as np
import pytest

from tests.faces.sound_files import click_times
from tests.faces.sound_files import clicks
from tests.faces.sound_files import write_sound_film
from tfrecords_builder import sound_source
from tfrecords_builder.sound_source import FilmSounds
from tfrecords_builder.sound_source import Soundtracks


@dataclasses.dataclass(frozen=True)
class Counting:
    """Films in which sample n is n, and minus n on the right."""

    length: int
    channels: int = 2
    rate: int = 100

    def read(self, video):
        if video == "silent":
            return None
        numbers = np.arange(self.length, dtype=np.int16)
        return np.stack([numbers, -numbers], axis=1)[:, : self.channels]

    def only(self, videos):
        return self

    def stamp(self, video):
        return f"stamp of {video}"


def samples(sound):
    return np.frombuffer(sound.pcm, "<i2").reshape(-1, 2)


def test_a_clip_keeps_the_seconds_before_it_up_to_its_last_frame() -> None:
    tracks = Soundtracks({"a": Counting(2000)}, seconds=3)
    sound = tracks.of_clip("a", "film", [5.0, 5.5, 6.0])
    assert sound.start == 200
    assert samples(sound)[:, 0].tolist() == list(range(200, 600))
    assert samples(sound)[:, 1].tolist() == [-n for n in range(200, 600)]


def test_the_start_of_a_film_has_less_sound_before_it() -> None:
    tracks = Soundtracks({"a": Counting(2000)}, seconds=3)
    sound = tracks.of_clip("a", "film", [0.0, 0.04, 0.999])
    assert sound.start == 0 and len(samples(sound)) == 99
    assert tracks.of_clip("a", "film", [0.0]) is None


def test_silence_follows_a_track_that_ends_before_its_film() -> None:
    sound = Soundtracks({"a": Counting(250)}, 1).of_clip("a", "film", [3.0, 4.0])
    assert sound.start == 200 and samples(sound)[:50, 0].tolist() == [*range(200, 250)]
    assert len(samples(sound)) == 200 and not samples(sound)[50:].any()


@pytest.mark.parametrize("place", [("a", "silent"), ("a", ""), ("b", "film")])
def test_a_film_without_a_track_and_a_still_have_no_sound(place) -> None:
    tracks = Soundtracks({"a": Counting(250)}, 1)
    assert tracks.of_clip(*place, [1.0]) is None


def test_a_shard_takes_its_own_source_along() -> None:
    tracks = sound_source.union(
        [Soundtracks({"a": Counting(9)}, 2), None, Soundtracks({"b": Counting(8)}, 2)]
    )
    assert set(tracks.sources) == {"a", "b"} and tracks.seconds == 2
    assert tracks.format == {"rate": 100, "channels": 2}
    assert set(tracks.only("b", ["film"]).sources) == {"b"}
    other = tracks.only("c", ["film"])
    assert other.of_clip("c", "film", [1.0]) is None and other.rate == 100
    assert sound_source.union([None]) is None


def test_films_are_heard_at_their_place_and_found_by_name(tmp_path) -> None:
    track = clicks(3.0, 48_000, [1.5])
    path = write_sound_film(tmp_path / "a.mkv", [(0.0, track)], pictures=30)
    silent = write_sound_film(tmp_path / "b.mkv", [], pictures=3)
    sounds = FilmSounds({"a": str(path), "b": str(silent)}, channels=1)
    sounds = pickle.loads(pickle.dumps(sounds))
    found = sounds.read("a")
    assert found.dtype == np.int16 and found.shape[1] == 1
    assert click_times(found, sounds.rate) == pytest.approx([1.5], abs=1e-3)
    assert sounds.read("b") is None and sounds.read("c") is None
    assert sounds.only(["b", "c"]).paths == {"b": str(silent)}
    assert sounds.stamp("a") != sounds.stamp("b") and sounds.stamp("c") == ""


def test_a_film_that_was_replaced_is_read_again(tmp_path) -> None:
    first = write_sound_film(tmp_path / "a.mkv", [(0.0, clicks(2.0, 48_000, [0.5]))])
    sounds = FilmSounds({"a": str(first)}, channels=1)
    sounds.read("a")
    write_sound_film(first, [(0.0, clicks(2.5, 48_000, [1.25]))])
    assert click_times(sounds.read("a"), sounds.rate) == pytest.approx([1.25], abs=1e-3)
