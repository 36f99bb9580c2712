"""Grey pictures of more than 8 bits: 16 are read, 32 are refused."""

import numpy as np
import pytest
from PIL import Image

from affect_tf.faces import films
from affect_tf.faces.films import FilmError

GREY = np.linspace(0, 1, 48 * 64).reshape(48, 64)
UPPER = ((GREY * 65535).astype(int) >> 8).astype(np.uint8)
EXPECTED = np.repeat(UPPER[..., None], 3, 2)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i4"])
def test_grey_of_16_bits_keeps_its_upper_byte(tmp_path, name, kind):
    Image.fromarray((GREY * 65535).astype(kind)).save(tmp_path / name)
    np.testing.assert_array_equal(films.picture(tmp_path / name), EXPECTED)


@pytest.mark.parametrize(
    "grey",
    [
        GREY.astype(np.float32),
        (GREY * 255).astype(np.float32),
        (GREY * 65536).astype(np.int32),
        (GREY * (2**31 - 1)).astype(np.int32),
        (GREY * 100 - 50).astype(np.int32),
    ],
)
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_grey_of_32_bits_is_refused(tmp_path, grey, compression):
    Image.fromarray(grey).save(tmp_path / "a.tif", compression=compression)
    with pytest.raises(FilmError, match=r"a\.tif: 32-bit pictures are not read; save"):
        films.picture(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_plain_grey_that_is_turned_keeps_its_rows(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees clockwise.
    grey = (GREY * np.iinfo(kind).max).astype(kind)
    Image.fromarray(grey).save(tmp_path / "a.tif", exif=exif)
    upper = (grey >> (8 * (grey.itemsize - 1))).astype(np.uint8)
    expected = np.repeat(np.rot90(upper, -1)[..., None], 3, 2)
    np.testing.assert_array_equal(films.picture(tmp_path / "a.tif"), expected)
    with (tmp_path / "a.tif").open("rb") as file:
        np.testing.assert_array_equal(films.picture(file), expected)
