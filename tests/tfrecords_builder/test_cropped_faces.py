"""Faces are cut where the annotations have them, whatever the picture is like."""

import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from tests.tfrecords_builder.conftest import picture
from tfrecords_builder import cropped_faces
from tfrecords_builder import pictures
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.picture_source import PictureFiles

#: A turned face of 28 pixels between the eyes, in a picture of 160 x 120.
TURN = np.array([[0.8, 0.3], [-0.3, 0.8]])
POINTS = (alignment.TEMPLATE @ TURN + [10, 5]).astype(np.float32)
BOX = np.array([30, 20, 90, 80], np.float32)
NO_POINTS = np.full((5, 2), np.nan, np.float32)
NO_BOX = np.full(4, np.nan, np.float32)


def dots(places, size=(160, 120), box=None):
    """A dark picture with a bright spot at each place."""
    pixels = np.full((*size[::-1], 3), 40, np.uint8)
    if box is not None:
        left, top, right, bottom = map(int, box)
        pixels[top:bottom, left:right] = (40, 40, 200)
    for x, y in np.round(places).astype(int):
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 250
    return pixels


def encoded(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def face(root, data, points=NO_POINTS, box=NO_BOX, **cut):
    """The pixels of the only face of one picture."""
    (root / "a").write_bytes(data)
    source = cropped_faces.crops(
        root, ["k"], ["a"], Cut(**cut), points[None], box[None]
    )
    stored = source.read("k")
    size = cut.get("size", 112)
    # The writer keeps what has its size already.
    assert pictures.prepare(stored, size) is stored
    return np.asarray(Image.open(io.BytesIO(stored)))


def test_five_points_come_to_the_template(tmp_path):
    found = face(tmp_path, encoded(dots(POINTS)), POINTS)
    for x, y in np.round(alignment.TEMPLATE).astype(int):
        assert found[y, x].min() > 200
    assert np.median(found) < 60


def test_a_box_becomes_the_square_around_it(tmp_path):
    data = encoded(dots([], box=BOX))
    exact = face(tmp_path, data, box=BOX, align="box", size=60)
    assert exact[2:-2, 2:-2, 2].min() > 150
    wide = face(tmp_path, data, box=BOX, align="box", size=60, margin=1)
    inside = wide[:, :, 2] > 120
    assert inside.mean() == pytest.approx(0.25, abs=0.03)
    assert inside[17:43, 17:43].all()


def test_the_margin_is_for_boxes_alone(tmp_path):
    data = encoded(dots(POINTS))
    assert np.array_equal(
        face(tmp_path, data, POINTS), face(tmp_path, data, POINTS, margin=1)
    )


def test_what_is_outside_of_the_picture_is_black(tmp_path):
    found = face(tmp_path, encoded(dots([])), box=BOX - 60, align="box")
    assert found[:20].max() < 5 and found[-20:, -20:].min() > 30


def test_landmarks_go_before_the_box_only_where_they_are_wanted(tmp_path):
    data = encoded(dots(POINTS, box=BOX))
    turned = face(tmp_path, data, POINTS, BOX)
    boxed = face(tmp_path, data, POINTS, BOX, align="box")
    assert np.array_equal(turned, face(tmp_path, data, POINTS))
    assert np.array_equal(boxed, face(tmp_path, data, box=BOX, align="box"))
    assert np.array_equal(boxed, face(tmp_path, data, box=BOX))
    assert not np.array_equal(turned, boxed)


def test_none_keeps_the_file_as_it_is(tmp_path):
    (tmp_path / "a").write_bytes(b"anything")
    nowhere = NO_POINTS[None], NO_BOX[None]
    source = cropped_faces.crops(tmp_path, ["k"], ["a"], Cut("none"), *nowhere)
    assert isinstance(source, PictureFiles)
    assert source.read("k") == b"anything"


def test_stored_pixels_count_and_not_the_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = dots(POINTS)
    data = encoded(pixels, "JPEG", exif=exif, quality=95)
    assert Image.open(io.BytesIO(data)).getexif()[0x0112] == 6
    plain = encoded(pixels, "JPEG", quality=95)
    assert np.array_equal(face(tmp_path, data, POINTS), face(tmp_path, plain, POINTS))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK", "I;16"])
def test_every_mode_of_picture_becomes_rgb(tmp_path, mode):
    image = Image.fromarray(dots([], box=BOX)[:, :, 2])
    stream = io.BytesIO()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 256)
    else:
        image = image.convert(mode)
    image.save(stream, "TIFF" if mode == "CMYK" else "PNG")
    found = face(tmp_path, stream.getvalue(), box=BOX, align="box", margin=1)
    assert found.shape == (112, 112, 3)
    assert np.median(found[40:70, 40:70]) == pytest.approx(200, abs=60)
    assert found[40:70, 40:70].mean() > found[:20].mean() + 60


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is an empty file"),
        (b"text", "is not a picture"),
        (picture(kind="JPEG")[:400], "cannot be decoded"),
        (picture(kind="PNG")[:400], "cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_said(tmp_path, data, reason):
    with pytest.raises(pictures.PictureError, match=reason):
        face(tmp_path, data, box=BOX)


@pytest.mark.parametrize("shift", [(160, 0), (0, 120), (-95, 0), (0, -85)])
def test_a_face_outside_of_the_picture_is_refused(tmp_path, shift):
    data = encoded(dots([]))
    with pytest.raises(pictures.PictureError, match=r"has no face in it.*160x120"):
        face(tmp_path, data, box=BOX + np.tile(shift, 2))
    with pytest.raises(pictures.PictureError, match="has no face in it"):
        face(tmp_path, data, POINTS + 1.5 * np.float32(shift))


def test_points_in_one_place_are_refused(tmp_path):
    with pytest.raises(pictures.PictureError, match="without a size"):
        face(tmp_path, encoded(dots([])), np.full((5, 2), 50, np.float32))


def source(root, **changes):
    """Two faces of one picture, one of another."""
    given = {
        "keys": ["k0", "k1", "l0"],
        "paths": ["k.png", "k.png", "l.png"],
        "cut": Cut(),
        "points": np.stack([POINTS, NO_POINTS, NO_POINTS]),
        "boxes": np.stack([BOX, BOX, BOX]),
    }
    return cropped_faces.crops(root, **{**given, **changes})


def test_a_source_travels_and_reads_in_any_order(tmp_path):
    (tmp_path / "k.png").write_bytes(encoded(dots(POINTS, box=BOX)))
    (tmp_path / "l.png").write_bytes(encoded(dots(POINTS)))
    here = source(tmp_path)
    there = pickle.loads(pickle.dumps(here))
    faces = [here.read(key) for key in ("k0", "k1", "l0")]
    assert len(set(faces)) == 3
    assert [there.read(key) for key in ("l0", "k1", "k0")] == faces[::-1]
    with pytest.raises(OSError):
        source(tmp_path, paths=["x.png"] * 3).read("k0")


def test_the_stamp_changes_with_all_that_changes_the_face(tmp_path):
    for name in ("k.png", "l.png"):
        (tmp_path / name).write_bytes(encoded(dots(POINTS)))
    before = source(tmp_path)
    keys = ("k0", "k1", "l0")
    stamps = [before.stamp(key) for key in keys]
    assert stamps == [source(tmp_path).stamp(key) for key in keys]
    changes = (
        {"cut": Cut(size=96)},
        {"cut": Cut(margin=0.1)},
        {"points": np.stack([POINTS + 1, POINTS, POINTS])},
        {"boxes": np.stack([BOX + 1] * 3), "cut": Cut("box")},
    )
    for change in changes:
        after = source(tmp_path, **change)
        assert all(after.stamp(k) != s for k, s in zip(keys, stamps, strict=True))
    os.utime(tmp_path / "k.png", (1, 1))
    changed = [before.stamp(k) != s for k, s in zip(keys, stamps, strict=True)]
    assert changed == [True, True, False]
    (tmp_path / "l.png").unlink()
    assert before.stamp("l0").startswith("absent")
    assert before.stamp("unknown") == "absent"


def test_many_faces_are_small(tmp_path):
    number = 2000
    keys = [f"{i % 7}/{i:060d}" for i in range(number)]
    points = np.repeat(POINTS[None], number, 0)
    boxes = np.repeat(BOX[None], number, 0)
    paths = [f"{key}.jpg" for key in keys]
    many = cropped_faces.crops(tmp_path, keys, paths, Cut(), points, boxes)
    assert len(pickle.dumps(many)) / number < 250


def test_a_face_without_a_place_or_name_is_a_mistake_of_the_reader(tmp_path):
    unknown = np.stack([BOX, BOX, NO_BOX])
    assert cropped_faces.located(Cut(), source(tmp_path).points, unknown).tolist() == [
        True,
        True,
        False,
    ]
    for change in ({"boxes": unknown}, {"keys": ["k0", "k0", "l0"]}):
        with pytest.raises(ValueError, match="Received: [01] repeated keys, [01] with"):
            source(tmp_path, **change)
    points = np.stack([POINTS] * 3)
    assert not cropped_faces.located(Cut("box"), points, unknown)[2]
    assert cropped_faces.located(Cut("none"), points, unknown).all()


@pytest.mark.parametrize(
    ("wrong", "flag"),
    [
        ({"align": "nose"}, "--align must be one of landmarks, box, none"),
        ({"size": 0}, "--size must be at least 1"),
        ({"margin": -1.0}, "--margin must lie in"),
        ({"margin": float("nan")}, "--margin must lie in"),
        ({"margin": float("inf")}, "--margin must lie in"),
    ],
)
def test_a_wrong_cut_is_refused_by_name(wrong, flag):
    with pytest.raises(UserError, match=flag) as caught:
        Cut(**wrong)
    assert caught.value.exit_code == 2
