"""From films and photographs to crop files: each once, whole, and always the same."""

import dataclasses
import hashlib
import io
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from affect_tf.faces import analysis
from affect_tf.faces import detection
from affect_tf.faces import films
from tests.tfrecords_builder import made_films
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.made_films import photograph
from tfrecords_builder import crop_work
from tfrecords_builder import extraction
from tfrecords_builder import picture_source
from tfrecords_builder import pictures
from tfrecords_builder.readers import footage
from tfrecords_builder.runners import Beam
from tfrecords_builder.runners import Local

SIZE = 32


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setitem(detection.DETECTORS, "squares", lambda: made_films.find_squares)


@pytest.fixture
def films_here(tmp_path):
    """Two films, of which one is without a face in two frames, and a photograph."""
    moving = [frame((4 + 2 * i, 8, 20)) for i in range(8)]
    moving[2] = moving[3] = frame()
    film(tmp_path / "in/moving.mp4", moving, sound=True)
    film(tmp_path / "in/sub/Two people.AVI", [frame((4, 8, 24), (50, 8, 30))] * 4)
    photograph(tmp_path / "in/photo.png", frame((10, 10, 16), (40, 10, 30)))
    return tmp_path


def extract(folder, **options):
    options = {"detector": "squares", "size": SIZE, "runner": Local(1), **options}
    return extraction.extract(footage.find(folder / "in"), folder / "faces", **options)


def crop_files_in(folder):
    """Name and checksum of each crop file."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "faces").iterdir()
        if path.name != ".lock"
    }


def test_every_frame_has_a_row_and_every_face_a_picture(films_here):
    found = extract(films_here)
    assert found.frames["film"].value_counts().to_dict() == {
        "moving": 8,
        "sub/Two people": 4,
        "photo": 1,
    }
    moving = found.frames[found.frames["film"] == "moving"]
    assert moving["frame"].tolist() == [*range(8)]
    assert moving["time"].tolist() == pytest.approx([i / 25 for i in range(8)])
    assert [key or None for key in moving["key"]][1:5] == [
        "moving/00001",
        None,
        None,
        "moving/00004",
    ]
    assert moving["person"].isna().tolist() == [False] * 2 + [True] * 2 + [False] * 4
    assert moving["left"].dropna().tolist() == [4, 6, 12, 14, 16, 18]
    (photo,) = found.frames[found.frames["film"] == "photo"].itertuples()
    assert (photo.key, photo.frame, photo.photograph, photo.left) == ("photo", 0, 1, 40)


def test_photographs_of_a_batch_are_not_mistaken_for_each_other(tmp_path):
    names = [f"{number}" for number in range(9)]
    for number, name in enumerate(names):
        square = (4 + 4 * number, 8, 20 + number)
        image = frame() if number == 4 else frame(square)
        photograph(tmp_path / f"in/{name}.png", image)
    (tmp_path / "in/5.png").write_bytes(b"no picture")
    found = extract(tmp_path)
    assert len([*(tmp_path / "faces").glob("*.zip")]) == 1
    assert [problem.name for problem in found.problems] == ["5"]
    rows = found.frames.set_index("film")
    assert [*rows.index] == [name for name in names if name != "5"]
    assert rows["key"].tolist() == ["0", "1", "2", "3", "", "6", "7", "8"]
    assert rows["left"].dropna().tolist() == [4, 8, 12, 16, 28, 32, 36]
    assert (rows["frame"] == 0).all() and found.films.empty
    for number in (0, 3, 8):
        alone = photograph(tmp_path / f"{number}/in/{number}.png", frame(
            (4 + 4 * number, 8, 20 + number)
        )).parents[1]  # fmt: skip
        expected = extract(alone).crops.read(f"{number}")
        assert found.crops.read(f"{number}") == expected


def test_crops_show_the_face_and_are_stored_as_they_are(films_here):
    found = extract(films_here)
    for key in found.frames["key"][found.frames["key"] != ""]:
        data = found.crops.read(key)
        assert pictures.prepare(data, SIZE) == data
        # The square is the whole crop, and the second of two is larger.
        assert made_films.pixels(data)[6:26, 6:26].min() > 200
    again = io.BytesIO()
    crop = analysis.analyse(
        [films.FilmFrame(0, 0.0, frame((10, 10, 16), (40, 10, 30)))],
        made_films.find_squares,
        size=SIZE,
    )
    image = Image.fromarray(next(crop).crop)
    image.save(again, "JPEG", quality=picture_source.JPEG_QUALITY)
    assert found.crops.read("photo") == again.getvalue()


def test_all_faces_are_kept_if_that_is_asked_for(films_here):
    found = extract(films_here, keep="all")
    two = found.frames[found.frames["film"] == "sub/Two people"]
    assert two["key"].tolist()[:3] == [
        "sub/Two people/00000_p0",
        "sub/Two people/00000_p1",
        "sub/Two people/00001_p0",
    ]
    assert two.groupby("person")["left"].nunique().tolist() == [1, 1]
    assert sorted(found.frames["key"])[2:-8] == [
        *[f"moving/0000{i}_p0" for i in (0, 1, 4, 5, 6, 7)],
        "photo_p0",
        "photo_p1",
    ]
    assert all(found.crops.read(key) for key in found.frames["key"] if key)


def test_the_table_of_films_says_where_the_sound_is(films_here):
    table = extract(films_here).films.set_index("film")
    moving, two = table.loc["moving"], table.loc["sub/Two people"]
    assert (moving["frames"], moving["width"], moving["height"]) == (8, 96, 64)
    assert moving["rate"] == pytest.approx(25) and moving["file"] == "moving.mp4"
    assert moving["seconds"] == pytest.approx(8 / 25)
    assert moving["sound_codec"] == "aac" and moving["sound_rate"] == 16000
    assert moving["sound_start"] == pytest.approx(0, abs=0.1)
    assert two["file"] == "sub/Two people.AVI" and two.isna()["sound_rate"]
    assert len(table) == 2


def test_a_sound_of_unknown_length_has_none(tmp_path, monkeypatch):
    path = film(tmp_path / "in/a.mp4", [frame()] * 2, sound=True)
    known = films.probe(path)
    sound = dataclasses.replace(known.sound, seconds=float("nan"))
    unknown = dataclasses.replace(known, sound=sound)
    monkeypatch.setattr(films, "probe", lambda _: unknown)
    (row,) = extract(tmp_path).films.itertuples()
    assert np.isnan(row.sound_seconds) and row.sound_rate == 16000


def test_without_following_each_frame_is_looked_at_by_itself(tmp_path):
    # Somebody else in each frame, as large and elsewhere.
    places = [(4, 8), (60, 30), (4, 40), (60, 8)]
    film(tmp_path / "in/a.mp4", [frame((*place, 20)) for place in places])
    followed, alone = extract(tmp_path), extract(tmp_path, follow=False)
    assert followed.frames["person"].isna().any()
    assert alone.frames["left"].tolist() == pytest.approx([4, 60, 4, 60], abs=1)
    assert (alone.frames["person"] == 0).all()


def test_the_bytes_do_not_depend_on_the_workers(films_here):
    extract(films_here, detector="none")
    one = crop_files_in(films_here)
    (films_here / "faces").rename(films_here / "before")
    extract(films_here, detector="none", runner=Local(2))
    assert crop_files_in(films_here) == one and len(one) == 3


def test_a_beam_pipeline_writes_the_same_bytes(films_here):
    pytest.importorskip("apache_beam")
    extract(films_here)
    one = crop_files_in(films_here)
    (films_here / "faces").rename(films_here / "before")
    extract(films_here, runner=Beam((), str(films_here / "shared")))
    assert crop_files_in(films_here) == one and len(one) == 3


_KILLED = """
import os, signal, sys
from affect_tf.faces import films
from tfrecords_builder import extraction
from tfrecords_builder.readers import footage
from tfrecords_builder.runners import Local

assert "tensorflow" not in sys.modules, "workers need gigabytes for nothing"
whole = films.frames

def frames(path):
    for frame in whole(path):
        if frame.index == 2 and "moving" in path:
            os.kill(os.getpid(), signal.SIGKILL)
        yield frame

films.frames = frames
root, faces = sys.argv[1:]
footage = footage.find(root)
extraction.extract(footage, faces, detector="none", size=32, runner=Local(1))
"""


def test_what_was_killed_goes_on_and_ends_with_the_same_bytes(films_here):
    extract(films_here, detector="none")
    whole = crop_files_in(films_here)
    faces = films_here / "faces"
    faces.rename(films_here / "whole")
    command = [sys.executable, "-c", _KILLED, films_here / "in", faces]
    # Film by film, the longest first: one is finished, one is in the making.
    killed = subprocess.run(command, cwd=pathlib.Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    done = [path for path in faces.glob("[!.]*.zip")]
    assert [path.name.split("-")[0] for path in done] == ["sub_Two_people"]
    assert any(path.name.startswith(".moving") for path in faces.iterdir())
    stamp = done[0].stat().st_mtime_ns
    extract(films_here, detector="none")
    assert crop_files_in(films_here) == whole
    assert done[0].stat().st_mtime_ns == stamp


def test_only_what_is_missing_or_has_changed_is_done(films_here, monkeypatch):
    made = []
    work = crop_work.extract

    def count(each):
        made.append(each.footage[0].name)
        return work(each)

    monkeypatch.setattr(crop_work, "extract", count)
    first = extract(films_here)
    assert sorted(made) == ["moving", "photo", "sub/Two people"]
    made.clear()
    again = extract(films_here)
    assert made == [] and again.frames.equals(first.frames)
    film(films_here / "in/moving.mp4", [frame((4, 8, 20))] * 3)
    assert len(extract(films_here).frames) == 3 + 4 + 1 and made == ["moving"]
    made.clear()
    extract(films_here, keep="all")
    extract(films_here, size=16)
    extract(films_here, detector="none")
    extract(films_here, follow=False)
    assert len(made) == 4 * 3


def test_an_interrupted_run_keeps_finished_films(films_here, monkeypatch):
    whole = films.frames

    def frames(path):
        for each in whole(path):
            if each.index == 1 and "moving" in path:
                raise KeyboardInterrupt
            yield each

    monkeypatch.setattr(films, "frames", frames)
    with pytest.raises(KeyboardInterrupt):
        extract(films_here)
    names = crop_files_in(films_here)
    assert [name.split("-")[0] for name in names] == ["sub_Two_people"]
