"""Films by a model that looks back: as evaluation finds past faces and sound."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import records
from affect_tf.data import sounds
from affect_tf.data.sample import microseconds
from affect_tf.faces import sound
from affect_tf.faces.film_decoding import FilmError
from affect_tf.faces.sound import FilmSound
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction import past_scoring
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.scoring import Face
from tests.faces.film_files import shades
from tests.faces.film_files import write_film
from tests.serving import small_sequences
from tests.serving.small_sequences import PAST

#: Times of the faces of people of a film, in tenths of a second.
TIMES = {0: [0, 1, 2, 3, 4, 7, 9, 40, 42, 43, 95, 97, 99, 101], 1: [2, 4, 6, 99]}


@pytest.fixture(scope="module")
def loaded(past_export):
    return LoadedModel(past_export)


@pytest.fixture(scope="module")
def pcm():
    """9.8 seconds of noise: the track ends before the film."""
    shape = [round(9.8 * PAST.rate), PAST.channels]
    return np.random.default_rng(0).integers(-20000, 20000, shape, np.int16)


def listener(pcm):
    stored = b"" if pcm is None else pcm.tobytes()
    given = records.Sounds(tf.constant([stored]), tf.constant([0], tf.int64))
    return sounds.Recordings(given, PAST)


def material(pcm, reads):
    def read(file, rate, channels):
        reads.append((rate, channels))
        return None if pcm is None else FilmSound(pcm, 0.0)

    return Material("film", sound=read)


def wanted(models, pictures, times, pcm):
    """The scores of a person's faces by the rules of evaluation, in one record."""
    times = tf.constant(times, tf.int64)
    clip = tf.zeros_like(times)
    index, present = PAST.shown(times, clip, tf.range(tf.size(times, tf.int64)))
    inputs = {"image": pictures[index.numpy()], "present": present}
    inputs |= listener(pcm)(times, clip)
    return small_sequences.scores(models, inputs, (len(times),))


@pytest.mark.parametrize(("batch_size", "hears"), [(1, True), (3, True), (99, False)])
def test_scores_are_those_of_evaluation(loaded, past_models, pcm, batch_size, hears):
    track, reads = (pcm if hears else None), []
    film = material(track, reads)
    scorer = past_scoring.PastScorer(loaded, PAST, batch_size)
    pictures = {p: small_sequences.faces(len(t), seed=p) for p, t in TIMES.items()}
    faces = {person: [] for person in TIMES}
    for file in (0, 1):  # Twice the same: nothing is left of the first.
        faces = {person: [] for person in TIMES}
        for tenth in range(110):
            scorer.advance(file, film, tenth)
            for person, times in TIMES.items():
                if tenth in times:
                    picture = pictures[person][times.index(tenth)]
                    face = Face(file, person, tenth, tenth / 10, picture)
                    faces[person].append(face)
                    scorer.add(face)
            assert all(len(h.times) <= 4 + batch_size for h in scorer._people.values())
        scorer.advance(file, film, None)
    scorer.flush()
    assert reads == [(PAST.rate, PAST.channels)] * 2
    for person, times in TIMES.items():
        stamps = [microseconds(tenth / 10) for tenth in times]
        members = wanted(past_models, pictures[person], stamps, track)
        va = small_sequences.check_scored(faces[person], members, loaded.score_outputs)
        assert np.ptp(va) > 1e-3


@pytest.mark.parametrize("time", [0, 46, 1_000_000, 9_799_999, 9_900_000, 40_000_000])
def test_sound_ends_where_a_record_lets_it_end(pcm, time):
    found, heard = past_scoring.Track(material(pcm, []), PAST).before(time)
    given = listener(pcm)(tf.constant([time], tf.int64), tf.zeros([1], tf.int64))
    np.testing.assert_array_equal(found, given["sound"][0])
    assert heard == given["heard"][0]


def test_a_film_that_cannot_be_heard_is_silent(caplog):
    def absent(*_):
        raise FilmError("no film")

    for film in (Material("iterator"), Material("broken", sound=absent)):
        assert past_scoring.Track(film, PAST).before(5_000_000)[1] == 0
    pcm = np.ones((9, 2), np.int16)
    film = Material("odd", sound=lambda *_: FilmSound(pcm, 0.0, "it is torn"))
    assert past_scoring.Track(film, PAST).before(5_000_000)[1] > 0


def test_sound_on_the_disk_is_that_in_memory(tmp_path):
    path = write_film(tmp_path / "f.mp4", shades(25), sound=(0.2, 0.7))
    here = sound.read(path, 8000, 2)
    with (tmp_path / "sound").open("w+b") as file:
        there = sound.store(path, file, 8000, 2)
    assert isinstance(there.pcm, np.memmap)
    assert len(here.pcm) > 0.8 * 8000
    np.testing.assert_array_equal(there.pcm, here.pcm)
    assert (there.begins, there.problem) == (here.begins, here.problem)
    with (tmp_path / "none").open("w+b") as file:
        assert sound.store(write_film(tmp_path / "g.mp4", shades(3)), file) is None
