"""DISFA's films and pictures: which shows whom, from where, and in which frame."""

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import detection
from tests.tfrecords_builder import made_films
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.readers.disfa_trees import expected
from tests.tfrecords_builder.readers.disfa_trees import labels
from tests.tfrecords_builder.readers.disfa_trees import place
from tests.tfrecords_builder.readers.disfa_trees import read
from tests.tfrecords_builder.readers.disfa_trees import tree


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setitem(detection.DETECTORS, "squares", lambda: made_films.find_squares)


@pytest.fixture
def one(tmp_path):
    return tree(tmp_path / "disfa", people=["SN001"])


def test_the_camera_is_chosen_by_the_name_of_the_film_or_its_folder(one):
    right = [frame((place(n) + 2, 8, 20)) for n in range(1, 9)]
    film(one / "Video_RightCamera/RightVideoSN001_Comp.avi", right)
    assert read(one).films.frames["left"].iloc[0] == pytest.approx(0)
    found = read(one, camera="right")
    assert found.films.frames["left"].iloc[0] == pytest.approx(2)
    # The name of the film comes before that of its folder.
    film(one / "Videos_LeftCamera/RightVideoSN001_Comp.avi", right)
    (one / "Video_RightCamera/RightVideoSN001_Comp.avi").unlink()
    assert read(one).films.frames["left"].iloc[0] == pytest.approx(0)
    found = read(one, camera="right")
    assert found.films.films["file"].item().startswith("Videos_LeftCamera")
    film(one / "Videos_LeftCamera/copy of LeftVideoSN001.avi", right)
    with pytest.raises(UserError, match="one film of the left camera"):
        read(one)


def test_a_damaged_film_is_left_out_as_a_whole(tmp_path):
    root = tree(tmp_path / "disfa", count=120)
    path = root / "Videos_LeftCamera/LeftVideoSN012_comp.avi"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found = read(root)
    assert (found.films.frames["film"] == "SN012").sum() > 1
    assert set(found.table["subject"]) == {"SN001"}
    assert [reject.file for reject in found.rejects] == [str(path)]
    assert found.dropped["train"]["no_image"] == 120


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("LeftVideo{who}_comp/LeftVideo{who}_comp_aligned/frame_det_00_{n:06d}.bmp", 1),
        ("aligned/{who}/{n}.png", 1),
        ("{who}_left_{n:04d}.JPG", 1),
        ("{who}/{n:05d}.jpg", 0),
    ],
)
def test_aligned_pictures_are_joined_by_number(one, tmp_path, name, first):
    for n in (1, 3, 4, 11):
        path = tmp_path / "images" / name.format(who="SN001", n=n - 1 + first)
        made_films.photograph(path, frame((place(n), 8, 20)))
    found = read(one, images=tmp_path / "images", first_image=first)
    assert labels(found) == expected([1, 3, 4])
    assert found.films is None
    for row in found.table.itertuples():
        pixels = made_films.pixels(found.pictures.read(row.picture))
        left = int(np.argmax(pixels[18, :, 0] > 128))
        assert left == pytest.approx(place(row.frame + 1), abs=1)
    assert found.dropped["train"] == {
        "invalid_label_only": 0,
        "no_image": 5,
        "no_annotation": 1,
    }


def test_pictures_that_begin_with_zero_are_not_taken_for_others(one, tmp_path):
    made_films.photograph(tmp_path / "images/SN001/00000.png", frame())
    with pytest.raises(UserError, match="--first_image=0"):
        read(one, images=tmp_path / "images")


def test_other_faces_other_cameras_and_second_pictures_are_left_out(one, tmp_path):
    images = tmp_path / "images"
    for name in (
        "LeftSN001/frame_det_00_000001.png",
        "LeftSN001/frame_det_01_000001.png",
        "RightSN001/frame_det_00_000002.png",
        "LeftSN001/frame_det_00_000003.png",
        "LeftSN001/000003.png",
        "thumbnail.png",
    ):
        made_films.photograph(images / name, frame())
    found = read(one, images=images)
    assert [*labels(found)] == ["SN001/00001"]
    assert len(found.rejects) == 2 and "only picture" in found.rejects[0].reason
    assert any("second face in a frame, left out: 1" in note for note in found.notes)
    right = read(one, images=images, camera="right")
    assert [*labels(right)] == ["SN001/00002"]
