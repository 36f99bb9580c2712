"""What a crop file holds, and how its pictures are found again."""

import concurrent.futures
import os
import pathlib
import pickle
import time
import zipfile

import pytest

from tfrecords_builder import crop_files
from tfrecords_builder.crop_files import CropFiles

CONTENTS = {"film": None, "problems": []}


def crop(frame, person):
    return bytes([frame, person]) * (50 + frame)


def write(path, people, contents=CONTENTS):
    """Writes a file of which `people` gives the persons of each frame."""
    with crop_files.create(path, contents) as crops:
        for frame, persons in enumerate(people):
            for person in persons:
                row = {"frame": str(frame), "person": str(person)}
                crops.add(row, crop(frame, person))
            if not persons:
                crops.add({"frame": str(frame)}, None)
    return path


@pytest.fixture
def stored(tmp_path):
    write(tmp_path / "a.zip", [(0,), (), (1, 3)])
    write(tmp_path / "b.zip", [(0,), (0, 1)])
    return tmp_path


def test_pictures_are_found_by_film_frame_and_person(stored):
    one = CropFiles(str(stored), {"x/a b": "a.zip"})
    assert one.read("x/a b/00000") == crop(0, 0)
    assert one.read("x/a b/00002") == crop(2, 1)
    every = CropFiles(str(stored), {"x/a b": "a.zip"}, everybody=True)
    assert every.read("x/a b/00002_p3") == crop(2, 3)


def test_pictures_of_a_photograph_are_found_by_its_name(stored):
    places = {"p": ("b.zip", 0), "p_p1": ("b.zip", 1)}
    assert CropFiles(str(stored), {}, places).read("p_p1") == crop(1, 0)
    every = CropFiles(str(stored), {}, places, everybody=True)
    # Person 1 of "p" is not there; person 1 of "p_p1" is.
    assert every.read("p_p0") == crop(0, 0)
    assert every.read("p_p1_p1") == crop(1, 1)
    with pytest.raises(OSError, match="no 'p_p1'"):
        every.read("p_p1")


def test_numbers_may_begin_with_one(stored):
    crops = CropFiles(str(stored), {"SN001": "a.zip"}, first=1)
    assert crops.read("SN001/00001") == crop(0, 0)
    assert crops.read("SN001/00003") == crop(2, 1)


@pytest.mark.parametrize("key", ["a/00001", "a/00009", "b/00000", "a", "a/x", ""])
def test_a_key_without_a_picture_is_an_error_that_rejects_the_row(stored, key):
    crops = CropFiles(str(stored), {"a": "a.zip", "gone": "gone.zip"})
    with pytest.raises(OSError):
        crops.read(key)
    with pytest.raises(FileNotFoundError):
        crops.read("gone/00000")


def test_a_stamp_is_that_of_the_film_and_never_raises(stored):
    crops = CropFiles(str(stored), {"a": "a.zip"}, {"p": ("b.zip", 0)})
    assert crops.stamp("a/00000") == crops.stamp("a/00002") == "a.zip"
    assert crops.stamp("p") == "b.zip"
    assert crops.stamp("else/00000") == crops.stamp("") == "absent"


@pytest.mark.parametrize("keep", [0.999, 0.5, 0.0])
def test_a_cut_file_is_an_error_and_no_picture(stored, keep):
    data = (stored / "a.zip").read_bytes()
    (stored / "a.zip").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(OSError, match="damaged"):
        CropFiles(str(stored), {"a": "a.zip"}).read("a/00000")
    with pytest.raises(OSError, match="damaged"):
        crop_files.read_tables(stored / "a.zip")


def test_a_changed_picture_is_an_error(stored):
    data = (stored / "a.zip").read_bytes()
    place = data.index(crop(0, 0)) + 7
    (stored / "a.zip").write_bytes(data[:place] + b"!" + data[place + 1 :])
    crops = CropFiles(str(stored), {"a": "a.zip"})
    with pytest.raises(OSError, match="damaged"):
        crops.read("a/00000")
    assert crops.read("a/00002") == crop(2, 1)


def test_a_file_that_is_written_again_is_read_again(stored):
    crops = CropFiles(str(stored), {"a": "a.zip"})
    assert crops.read("a/00000") == crop(0, 0)
    write(stored / "a.zip", [(), (5,), (), (2,)])
    assert crops.read("a/00003") == crop(3, 2)
    with pytest.raises(OSError):
        crops.read("a/00000")


def test_pictures_travel_and_are_read_by_several_threads(stored):
    crops = CropFiles(str(stored), {"a": "a.zip", "b": "b.zip"})
    crops = pickle.loads(pickle.dumps(crops))
    keys = ["a/00000", "a/00002", "b/00000", "b/00001"] * 50
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = [*pool.map(crops.read, keys)]
    assert found == [crop(0, 0), crop(2, 1), crop(0, 0), crop(1, 0)] * 50


def test_the_bytes_do_not_depend_on_the_moment(tmp_path, monkeypatch):
    one = write(tmp_path / "one.zip", [(0,), (0, 1)])
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr(os, "umask", lambda mask: 0o077)
    two = write(tmp_path / "two.zip", [(0,), (0, 1)])
    assert one.read_bytes() == two.read_bytes()


def test_the_file_is_an_archive_for_any_program(stored):
    with zipfile.ZipFile(stored / "a.zip") as archive:
        assert archive.testzip() is None
        assert [info.filename for info in archive.infolist()] == [
            "00000_p0.jpg",
            "00002_p1.jpg",
            "00002_p3.jpg",
            "faces.csv",
            "contents.json",
            "index.npy",
        ]
        assert {info.compress_type for info in archive.infolist()} == {0}
        faces = archive.read("faces.csv").decode().splitlines()
    assert faces[0].startswith("frame,time,person,left") and len(faces) == 5
    assert faces[2].split(",")[:3] == ["1", "", ""]


def test_a_file_without_a_picture_can_be_read(tmp_path):
    write(tmp_path / "a.zip", [(), ()])
    faces, contents = crop_files.read_tables(tmp_path / "a.zip")
    assert faces.count(b"\n") == 3 and contents == CONTENTS
    with pytest.raises(FileNotFoundError):
        CropFiles(str(tmp_path), {"a": "a.zip"}).read("a/00000")


@pytest.mark.filterwarnings("error")
def test_what_is_interrupted_leaves_the_old_file(stored):
    before = (stored / "a.zip").read_bytes()
    with pytest.raises(KeyboardInterrupt), crop_files.create(stored / "a.zip", {}):
        raise KeyboardInterrupt
    assert (stored / "a.zip").read_bytes() == before
    assert {path.name for path in pathlib.Path(stored).iterdir()} == {"a.zip", "b.zip"}
