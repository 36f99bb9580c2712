"""Pictures whose data beside the pixels are damaged are read all the same."""

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image

from affect_tf.faces import films
from affect_tf.faces import picture_metadata
from affect_tf.faces.films import FilmError
from tests.faces.test_films import CORNER


def tiff(turn, compression=None, **changed):
    """A TIFF with EXIF data; changes are (type, number of values, value) by tag."""
    exif, stream = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = turn
    if compression is None:  # Pillow writes EXIF data beside no other pixels.
        exif[ExifTags.IFD.Exif] = 0
        exif._ifds[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "2020:01:01"}
    Image.fromarray(CORNER).save(stream, "TIFF", exif=exif, compression=compression)
    data = bytearray(stream.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    places = range(first + 2, first + 2 + 12 * count, 12)
    entries = {struct.unpack_from("<H", data, place)[0]: place for place in places}
    for name, values in changed.items():
        struct.pack_into("<HII", data, entries[ExifTags.Base[name]] + 2, *values)
    return bytes(data)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")
@pytest.mark.parametrize(
    ("changed", "is_turned"),
    [
        ({}, True),
        ({"ExifOffset": (4, 1, 10**8)}, True),  # The data begin outside the file,
        ({"ExifOffset": (4, 2**20, 8)}, True),  # or begin at many places outside it.
        ({"Orientation": (3, 2**30, 8)}, False),  # As many turns, outside the file.
        ({"Orientation": (5, 1, 10**8)}, False),
        ({"Orientation": (99, 1, 6)}, False),
    ],
)
def test_a_tiff_with_damaged_exif_data_is_read(tmp_path, changed, is_turned):
    (tmp_path / "a.tif").write_bytes(tiff(6, **changed))
    expected = np.rot90(CORNER, -1) if is_turned else CORNER
    np.testing.assert_array_equal(films.picture(tmp_path / "a.tif"), expected)
    with (tmp_path / "a.tif").open("rb") as file:
        np.testing.assert_array_equal(films.picture(file), expected)


def test_a_turn_that_is_none_is_not_shown_to_a_decoder_that_tells_of_it(capfd):
    data = tiff(6, "tiff_lzw", Orientation=(3, 1, 99))
    np.testing.assert_array_equal(films.picture(io.BytesIO(data)), CORNER)
    assert capfd.readouterr() == ("", "")


def test_a_tiff_that_does_not_say_where_its_pixels_are_is_an_error(tmp_path):
    damaged = tiff(1, Orientation=(3, 2**30, 8), StripOffsets=(4, 1, 10**8))
    (tmp_path / "a.tif").write_bytes(damaged)
    with (
        pytest.warns(UserWarning, match="Truncated File Read"),
        pytest.raises(FilmError, match=r"Received: .*a\.tif"),
    ):
        films.picture(tmp_path / "a.tif")


def test_a_jpeg_with_damaged_data_beside_its_pixels_is_read(tmp_path):
    stereo = {"save_all": True, "append_images": [Image.fromarray(CORNER)]}
    Image.fromarray(CORNER).save(tmp_path / "a.jpg", "MPO", quality=95, **stereo)
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    # More pictures than the data have room for.
    place = data.index(struct.pack("<HHI", 0xB001, 4, 1)) + 8
    data[place : place + 4] = struct.pack("<I", 9)
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(tmp_path / "a.jpg")
    read = films.picture(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read > 127, CORNER > 127)


def big_tiff(order: str, turn: int, damaged: int) -> bytes:
    """A TIFF with 64-bit places: `CORNER` in grey, and EXIF data at `damaged`."""
    grey = CORNER[..., 0].tobytes()
    shorts = [(256, 64), (257, 48), (258, 8), (259, 1), (262, 1), (274, turn)]
    entries = [
        struct.pack(f"{order}HHQH6x", tag, 3, 1, value) for tag, value in shorts
    ] + [
        struct.pack(f"{order}HHQQ", tag, 16, 1, value)
        for tag, value in ((273, 16), (279, len(grey)), (34665, damaged))
    ]
    entries.sort(key=lambda entry: struct.unpack_from(f"{order}H", entry))
    start = b"II+\0" if order == "<" else b"MM\0+"
    head = start + struct.pack(f"{order}HHQ", 8, 0, 16 + len(grey))
    table = struct.pack(f"{order}Q", len(entries)) + b"".join(entries) + bytes(8)
    return head + grey + table


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", [1, 6])
def test_a_tiff_of_64_bits_with_damaged_exif_data_is_read(tmp_path, order, turn):
    data = big_tiff(order, turn, 10**12)
    bare = picture_metadata.removed(data)
    assert len(bare) == len(data) and bare[:16] == data[:16]
    (count,) = struct.unpack_from(f"{order}Q", bare, 16 + 48 * 64)
    assert count == 8  # All but the EXIF data.
    if order == ">":
        return  # Pillow takes no such file.
    expected = np.rot90(CORNER, -1) if turn == 6 else CORNER
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(films.picture(tmp_path / "a.tif"), expected)
    np.testing.assert_array_equal(films.picture(io.BytesIO(bare)), expected)


def test_a_file_that_cannot_be_mended_is_not_read_whole(tmp_path, monkeypatch):
    removed = picture_metadata.removed
    monkeypatch.setattr(
        picture_metadata, "removed", lambda data: pytest.fail("was read whole")
    )
    # No picture, and a TIFF that is too large; both have holes for their bytes.
    for name, start in (("a.png", b""), ("a.tif", b"II*\0")):
        with (tmp_path / name).open("wb") as file:
            file.write(start)
            file.truncate(300 << 20)
        with pytest.raises(FilmError, match="cannot identify"):
            films.picture(tmp_path / name)
    # A picture that is whole and refused.
    Image.fromarray(CORNER).save(tmp_path / "b.jpg")
    with pytest.raises(FilmError, match="64 x 48 pixels"):
        films.picture(tmp_path / "b.jpg", max_pixels=10)
    monkeypatch.setattr(picture_metadata, "removed", removed)
    assert not picture_metadata.is_known(b"") and picture_metadata.is_known(b"II+\0")


def test_what_breaks_off_before_its_pixels_has_nothing_to_be_read():
    for data in (b"", b"II*\0", tiff(1)[:12], b"\xff\xd8\xff\xe1\0\x08Exif", b"GIF89a"):
        assert picture_metadata.removed(data) is None
