"""Films and photographs as they are shown: order, time, turn, colour, sound."""

import fractions
import itertools
import math
import struct
import weakref

import numpy as np
import pytest
from PIL import Image
from PIL import ImageFile
from PIL import ImageOps

from affect_tf.faces import film_decoding
from affect_tf.faces import films
from affect_tf.faces.films import FilmError
from tests.faces.film_files import shades
from tests.faces.film_files import write_film

#: White in its upper left corner: shows every turn and every mirror.
CORNER = np.kron([[255, 0], [0, 0]], np.ones((24, 32)))[..., None].repeat(3, 2)
CORNER = CORNER.astype(np.uint8)


@pytest.mark.parametrize(
    "name, codec",
    [
        ("a.mp4", "mpeg4"),
        ("a.avi", "mpeg4"),
        ("a.mkv", "mpeg4"),
        ("a.ts", "mpeg2video"),
        ("a.avi", "libx264"),  # Frames in another order than shown, and no times.
        ("a.264", "libx264"),
    ],
)
def test_frames_come_in_order_with_the_times_of_a_player(tmp_path, name, codec):
    path = write_film(tmp_path / name, shades(12), codec=codec)
    seen = list(films.frames(path))
    assert [frame.index for frame in seen] == list(range(12))
    np.testing.assert_allclose([f.time for f in seen], np.arange(12) / 25, atol=1e-6)
    levels = [frame.image.mean() for frame in seen]
    np.testing.assert_allclose(levels, np.linspace(20, 235, 12), atol=4)
    assert seen[0].image.dtype == np.uint8 and seen[0].image.shape == (48, 64, 3)


def test_a_film_of_variable_rate_keeps_its_times(tmp_path):
    times = [0.0, 0.014, 0.056, 0.1, 0.5, 0.533, 2.0]
    path = write_film(tmp_path / "a.mp4", shades(7), times=times)
    seen = [frame.time for frame in films.frames(path)]
    np.testing.assert_allclose(seen, times, atol=1e-3)


def test_the_first_frame_is_at_zero_wherever_the_clock_stands(tmp_path):
    path = write_film(tmp_path / "a.mkv", shades(3), times=[5.0, 5.04, 5.08])
    seen = [frame.time for frame in films.frames(path)]
    np.testing.assert_allclose(seen, [0, 0.04, 0.08], atol=1e-3)


@pytest.mark.parametrize(
    "degrees, mirrored", itertools.product([0, 90, 180, 270], [False, True])
)
def test_frames_are_upright_whatever_the_camera_says(tmp_path, degrees, mirrored):
    path = write_film(tmp_path / "a.mp4", [CORNER] * 2, turn=(degrees, mirrored))
    shown = np.rot90(CORNER, degrees // 90)
    shown = shown[:, ::-1] if mirrored else shown
    (frame, _), film = films.frames(path), films.probe(path)
    np.testing.assert_array_equal(frame.image > 127, shown > 127)
    assert (film.height, film.width) == frame.image.shape[:2] == shown.shape[:2]
    assert frame.image.flags.c_contiguous
    if not mirrored:
        assert film.rotation == -degrees % 360


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    wide = fractions.Fraction(4, 3)
    path = write_film(tmp_path / "a.mp4", shades(2), aspect=wide)
    assert next(films.frames(path)).image.shape == (48, 85, 3)
    assert films.probe(path).width == 85


def test_a_film_describes_itself_and_its_sound(tmp_path):
    path = write_film(tmp_path / "a.mkv", shades(25), sound=(0.5, 2.0))
    film = films.probe(path)
    assert (film.codec, film.frames, film.rate) == ("mpeg4", 25, 25.0)
    assert film.seconds == pytest.approx(1.0, abs=0.05)
    assert (film.sound.codec, film.sound.rate, film.sound.channels) == ("aac", 8000, 1)
    # The encoder starts with 1024 samples of its own.
    assert film.sound.start == pytest.approx(0.5, abs=0.15)
    assert film.sound.seconds == pytest.approx(2.0, abs=0.2)
    assert films.probe(write_film(tmp_path / "b.mp4", shades(2))).sound is None


def test_a_film_counts_what_was_decoded(tmp_path):
    film = films.probe(write_film(tmp_path / "a.mp4", shades(5)))
    counted = film.counted(3, 0.5)
    assert (counted.frames, counted.rate, counted.seconds) == (3, 4.0, 0.75)
    assert film.counted(1, 0.0).rate == 25 and film.counted(0, 0.0).seconds == 0


def test_a_film_is_never_held_as_a_whole(tmp_path, monkeypatch):
    packets, images = [], []
    see = film_decoding.Damage.see
    monkeypatch.setattr(
        film_decoding.Damage, "see", lambda d, p: (packets.append(1), see(d, p))
    )
    for frame in films.frames(write_film(tmp_path / "a.mp4", shades(100))):
        images.append(weakref.ref(frame.image))
        assert sum(image() is not None for image in images) <= 2
        assert len(packets) <= frame.index + 5
    assert len(images) == 100


def test_frames_are_decoded_only_when_they_are_asked_for(tmp_path):
    path = write_film(tmp_path / "a.mp4", shades(5))
    lazy = films.frames(path)
    path.unlink()
    with pytest.raises(FilmError, match="must be a file"):
        next(lazy)


def test_films_are_known_by_name():
    assert films.is_film("x/A film.MP4") and films.is_film("b.mov")
    assert not films.is_film("a.jpg") and not films.is_film("mp4")


def test_a_photograph_is_upright_rgb(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees clockwise.
    image = Image.fromarray(CORNER)
    image.save(tmp_path / "a.jpg", exif=exif)
    shown = films.picture(tmp_path / "a.jpg")
    np.testing.assert_array_equal(shown > 127, np.rot90(CORNER, -1) > 127)
    image.convert("L").save(tmp_path / "grey.png")
    image.convert("P").save(tmp_path / "palette.png")
    image.convert("CMYK").save(tmp_path / "print.jpg")
    deep = Image.fromarray(CORNER[..., 0].astype(np.uint16) << 8)
    deep.save(tmp_path / "deep.png")
    for name in ("grey.png", "palette.png", "print.jpg", "deep.png"):
        read = films.picture(tmp_path / name)
        assert read.shape == CORNER.shape and read.dtype == np.uint8
        np.testing.assert_array_equal(read > 127, CORNER > 127)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_photograph_is_an_error_that_names_the_file(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(FilmError, match=r"Received: .*a\.png"):
        films.picture(tmp_path / "a.png")


def test_a_photograph_that_is_cut_off_is_an_error(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(FilmError, match="truncated"):
        films.picture(tmp_path / "a.jpg")


def test_a_picture_beyond_the_limit_is_not_decoded(tmp_path, monkeypatch):
    Image.fromarray(CORNER).save(tmp_path / "a.png")
    height, width = CORNER.shape[:2]
    assert films.picture(tmp_path / "a.png", max_pixels=width * height).any()
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("was decoded"))
    with pytest.raises(FilmError, match=f"{width} x {height} pixels"):
        films.picture(tmp_path / "a.png", max_pixels=width * height - 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_turn_of_exif_is_undone(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(CORNER).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(films.picture(tmp_path / "a.png"), expected)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
# An entry of a tag that ends in its midst, one of no known type, and one far outside.
@pytest.mark.parametrize(
    "entries", [b"\x01\x12\0", b"\x01\x12\0\x99" + bytes(8), b"\xff" * 12]
)
def test_damaged_exif_data_leave_the_picture_as_it_is(tmp_path, entries):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entries
    Image.fromarray(CORNER).save(tmp_path / "a.jpg", exif=exif, quality=95)
    read = films.picture(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read > 127, CORNER > 127)


def test_exif_data_that_cannot_be_read_at_all_count_as_none(tmp_path, monkeypatch):
    def fail(image):
        raise struct.error("unpack requires more")

    Image.fromarray(CORNER).save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "getexif", fail)
    np.testing.assert_array_equal(films.picture(tmp_path / "a.png"), CORNER)


def test_a_turn_is_undone_though_other_exif_data_are_damaged(tmp_path):
    width_as_text = b"\x01\0\0\x02\0\0\0\x04abc\0"
    turn = b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + width_as_text + turn + bytes(4)
    Image.fromarray(CORNER).save(tmp_path / "a.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "a.jpg") as image, pytest.raises(struct.error):
        ImageOps.exif_transpose(image)
    read = films.picture(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read > 127, np.rot90(CORNER, -1) > 127)


@pytest.mark.parametrize("error", [struct.error("x"), TypeError("x"), IndexError("x")])
def test_whatever_a_decoder_raises_is_an_error_of_the_file(
    tmp_path, monkeypatch, error
):
    Image.fromarray(CORNER).save(tmp_path / "a.png")

    def load(image):
        raise error

    monkeypatch.setattr(Image.Image, "load", load)
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(FilmError, match=r"Received: .*a\.png"):
        films.picture(tmp_path / "a.png")


def test_real_films_give_the_frames_that_they_have(shared_dir):
    rate = {}
    for name, count in (("talking_1person_20s.mp4", 472), ("no_face_4s.mp4", 95)):
        path = shared_dir / "videos" / name
        times = [frame.time for frame in films.frames(path)]
        assert len(times) == count and times[0] == 0
        rate[name] = films.probe(path).counted(count, times[-1]).rate
    # The container of the second states 98 frames and 23.67 a second.
    assert rate["talking_1person_20s.mp4"] == pytest.approx(24000 / 1001)
    assert rate["no_face_4s.mp4"] == pytest.approx(24)
    sound = films.probe(shared_dir / "videos" / "talking_1person_20s.mp4").sound
    assert (sound.codec, sound.rate, sound.channels) == ("aac", 48000, 2)
    assert sound.start == 0 and math.isclose(sound.seconds, 19.69, abs_tol=0.01)
