"""Raw films: the frames of a clip keep their times, and the clip its sound."""

import numpy as np
import pytest

from affect_tf.data import record_decoder
from affect_tf.faces import detection
from affect_tf.faces import films
from affect_tf.faces import sound
from tests.tfrecords_builder import made_films
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.made_films import photograph
from tfrecords_builder import encoder
from tfrecords_builder import plan
from tfrecords_builder import verify
from tfrecords_builder import writer
from tfrecords_builder.readers import video
from tfrecords_builder.runners import Local
from tfrecords_builder.sound_flags import SoundFlags

ONE = frame((4, 8, 20))
NOBODY = frame()


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setitem(detection.DETECTORS, "squares", lambda: made_films.find_squares)


def read(folder, channels, **options):
    options = {"detector": "squares", "size": 16, "runner": Local(1), **options}
    heard = SoundFlags(channels, 10.0)
    return video.annotations(folder / "in", folder / "faces", sound=heard, **options)


def samples(annotations):
    planned = plan.make(annotations, 16, 0, 100)
    found = []
    for shard in planned.shards:
        rows = planned.table.iloc[shard.start : shard.stop]
        found += encoder.encode(
            rows,
            shard,
            annotations.pictures,
            annotations.taxonomy,
            16,
            annotations.sounds,
        )
    records = [record_decoder.decode(w.record, annotations.taxonomy) for w in found]
    return {sample.key: sample for sample in records}


def test_a_clip_of_a_film_has_its_times_and_its_sound(tmp_path) -> None:
    path = film(tmp_path / "in/a.mp4", [NOBODY, ONE, NOBODY, ONE, ONE], sound=True)
    (sample,) = samples(read(tmp_path, 1)).values()
    stamps = [each.time for each in films.frames(path)]
    times = [each.time for each in sample.frames]
    assert times == pytest.approx([stamps[1], stamps[3], stamps[4]], abs=1e-6)
    track = sound.read(path).pcm[:, 0]
    end = round(1e6 * times[-1]) * 22_050 // 1_000_000
    assert np.array_equal(np.frombuffer(sample.sound.pcm, "<i2"), track[:end])
    assert np.abs(track[:end]).max() > 1000


def test_silent_films_and_photographs_stand_beside_those_with_sound(tmp_path) -> None:
    film(tmp_path / "in/a.mp4", [ONE] * 4, sound=True)
    film(tmp_path / "in/b.mp4", [ONE] * 4)
    photograph(tmp_path / "in/c.png", ONE)
    found = samples(read(tmp_path, 2))
    assert [key[0] for key, sample in found.items() if sample.sound] == ["a"]
    timed = {key[0]: sample.frames[0].time for key, sample in found.items()}
    assert timed == {"a": 0, "b": 0, "c": None}


def test_without_sound_frames_have_their_times_all_the_same(tmp_path) -> None:
    film(tmp_path / "in/a.mp4", [ONE] * 3, sound=True)
    found = read(tmp_path, 0)
    manifest = writer.build(found, tmp_path / "out", size=16)
    assert manifest.timed and manifest.sound == {} and found.sounds is None
    assert found.table["time"].tolist() == pytest.approx([0, 0.04, 0.08])
    assert not verify.verify(tmp_path / "out")


def test_a_build_notices_a_film_whose_sound_changed(tmp_path) -> None:
    path = film(tmp_path / "in/a.mp4", [ONE] * 3, sound=True)
    found = read(tmp_path, 1)
    before = plan.make(found, 16, 0, 100)
    path.write_bytes(path.read_bytes() + b"\0")
    after = plan.make(found, 16, 0, 100)
    assert before.layout == after.layout and before.fingerprint != after.fingerprint
