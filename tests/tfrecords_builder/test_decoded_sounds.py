import pathlib
import threading
import time

import numpy as np
import pytest
from absl import logging

from affect_tf.faces import sound as sound_lib
from affect_tf.faces.sound import FilmSound
from tfrecords_builder.decoded_sounds import DecodedSounds


@pytest.fixture
def decoded(monkeypatch):
    """The names of the films that were decoded, in order; "silent" has no sound."""
    names = []

    def read(path, rate, channels):
        names.append(path)
        time.sleep(0.01)
        if path == "silent":
            return None
        return FilmSound(np.full([1000, channels], len(path), np.int16), 0.0)

    monkeypatch.setattr(sound_lib, "read", read)
    return names


def test_clips_of_many_films_in_any_order_decode_each_film_once(decoded):
    films = [f"film{'x' * number}" for number in range(10)] + ["silent"]
    asked = np.random.default_rng(0).permutation(films * 10)
    store = DecodedSounds()

    def ask(some):
        for film in some:
            track = store.read(str(film), "stamp", 22_050, 2)
            if film == "silent":
                assert track is None
            else:
                assert track.shape == (1000, 2) and track[5, 1] == len(film)

    threads = [threading.Thread(target=ask, args=[asked[n::4]]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decoded) == sorted(films)


def test_a_film_that_has_changed_is_decoded_again(decoded):
    store = DecodedSounds()
    for stamp in ("old", "new", "new"):
        store.read("film", stamp, 22_050, 1)
    assert len(decoded) == 2


def test_what_was_not_asked_for_longest_gives_way_and_who_holds_it_keeps_it(decoded):
    store = DecodedSounds(max_bytes=5000)
    first = store.read("a", "", 22_050, 1)
    for film in ("bb", "a", "ccc"):
        store.read(film, "", 22_050, 1)
    assert decoded == ["a", "bb", "ccc"]
    store.read("a", "", 22_050, 1)
    store.read("bb", "", 22_050, 1)
    assert decoded == ["a", "bb", "ccc", "bb"]
    np.testing.assert_array_equal(first, 1)
    folder = pathlib.Path(first.filename).parent
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_track_is_said_once_with_its_film(monkeypatch, caplog):
    damaged = FilmSound(np.zeros([1000, 1], np.int16), 0.0, "it ends after 1 s of 9")
    monkeypatch.setattr(sound_lib, "read", lambda *_: damaged)
    monkeypatch.setattr(logging.get_absl_logger(), "propagate", True)
    store = DecodedSounds()
    for _ in range(3):
        assert len(store.read("films/a.mp4", "", 22_050, 1)) == 1000
    (record,) = caplog.records
    said = record.getMessage()
    assert "films/a.mp4" in said and "it ends after 1 s of 9" in said
