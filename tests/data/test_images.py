"""The one road from encoded pictures to faces."""

import io
import struct
import zlib

import cv2
import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies
from PIL import Image

from affect_tf.data import images

SIZE = 32


def picture(height=SIZE, width=SIZE, seed=0):
    """Smooth enough for JPEG, different in every channel."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 4, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(kind, mode="RGB", pixels=None, **options):
    stream = io.BytesIO()
    image = Image.fromarray(picture() if pixels is None else pixels)
    image.convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def png_of(width, height, depth=8, colour=2, rows=b""):
    """A PNG written by hand: its header may claim whatever it likes."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def jpeg_claiming(height, width):
    """A real JPEG whose frame header is overwritten with other sides."""
    data = bytearray(encoded("JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def in_graph(image_bytes):
    return images.decode_batch(image_bytes, SIZE)


def decoded(*items):
    faces, valid = in_graph(tf.constant(items, tf.string))
    return faces.numpy(), valid.numpy().tolist()


JPEG = encoded("JPEG", quality=95)
PNG = encoded("PNG")

READABLE = {
    "jpeg": JPEG,
    "progressive jpeg": encoded("JPEG", progressive=True),
    "grey jpeg": encoded("JPEG", "L"),
    "cmyk jpeg": encoded("JPEG", "CMYK"),
    "png": PNG,
    "grey png": encoded("PNG", "L"),
    "one-bit png": encoded("PNG", "1"),
    "palette png": encoded("PNG", "P"),
    "alpha png": encoded("PNG", "RGBA"),
    "grey alpha png": encoded("PNG", "LA"),
    "16-bit png": cv2.imencode(".png", picture().astype(np.uint16) * 257)[1].tobytes(),
    "large jpeg": encoded("JPEG", pixels=picture(70, 50)),
    "one-pixel png": encoded("PNG", pixels=picture(1, 1)),
    "widest png": encoded("PNG", pixels=picture(1, images.MAX_SIDE)),
    "highest jpeg": encoded("JPEG", pixels=picture(images.MAX_SIDE, 1)),
}

REFUSED = {
    "nothing": b"",
    "text": b"not a picture",
    "jpeg signature only": JPEG[:3],
    "jpeg header only": JPEG[:200],
    "half a jpeg": JPEG[: len(JPEG) // 2],
    "png signature only": PNG[:8],
    "png cut in its header": PNG[:20],
    "half a png": PNG[: len(PNG) // 2],
    "png with a wrong checksum": PNG[:40] + b"\x00\x00\x00\x00" + PNG[44:],
    "png of no pixel": png_of(0, 0),
    "gif": encoded("GIF"),
    "bmp": encoded("BMP"),
    "webp": encoded("WEBP"),
    "jpeg of 2^32 pixels": jpeg_claiming(65535, 65535),
    "png of 2^62 pixels": png_of(2**31 - 1, 2**31 - 1),
    "too wide png": encoded("PNG", pixels=picture(1, images.MAX_SIDE + 1)),
    "too high jpeg": encoded("JPEG", pixels=picture(images.MAX_SIDE + 1, 1)),
}


@pytest.mark.parametrize("kind", READABLE)
def test_common_pictures_are_read(kind):
    faces, valid = decoded(READABLE[kind])
    assert valid == [True]
    assert faces.dtype == np.uint8
    assert faces.shape == (1, SIZE, SIZE, 3)
    assert faces.any()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_marked_and_black(kind):
    faces, valid = decoded(REFUSED[kind])
    assert valid == [False]
    assert not faces.any()


def test_one_bad_picture_leaves_its_neighbours_alone():
    faces, valid = decoded(JPEG, *REFUSED.values(), PNG)
    assert valid == [True] + [False] * len(REFUSED) + [True]
    np.testing.assert_array_equal(faces[0], decoded(JPEG)[0][0])
    np.testing.assert_array_equal(faces[-1], picture())


def test_a_row_alone_equals_the_row_in_a_batch_of_32():
    items = [encoded("JPEG", pixels=picture(20 + n, 90 - n, n)) for n in range(32)]
    together, _ = decoded(*items)
    for row, item in enumerate(items):
        np.testing.assert_array_equal(decoded(item)[0][0], together[row])


def test_an_empty_batch_gives_no_faces():
    faces, valid = decoded()
    assert faces.shape == (0, SIZE, SIZE, 3)
    assert valid == []


def test_jpeg_pixels_equal_those_of_opencv():
    bgr = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded(JPEG)[0][0], bgr[:, :, ::-1])


def test_grey_becomes_three_equal_channels():
    face = decoded(READABLE["grey png"])[0][0]
    np.testing.assert_array_equal(face[..., 0], face[..., 1])
    np.testing.assert_array_equal(face[..., 0], face[..., 2])


def test_alpha_is_dropped_and_sixteen_bits_become_eight():
    np.testing.assert_array_equal(decoded(READABLE["alpha png"])[0][0], picture())
    deep = decoded(READABLE["16-bit png"])[0][0]
    np.testing.assert_array_equal(deep, picture()[:, :, ::-1])  # OpenCV writes BGR


def test_the_pixel_limit_counts_the_header_not_the_file():
    for item in (encoded("PNG", pixels=picture(8, 9)), encoded("JPEG")):
        header_pixels = 72 if item.startswith(b"\x89") else SIZE * SIZE
        assert images.decode(tf.constant(item), SIZE, header_pixels)[1]
        assert not images.decode(tf.constant(item), SIZE, header_pixels - 1)[1]


def test_a_bomb_is_refused_and_its_neighbour_read():
    # A whole and correct file of a few kB, which would unpack to 100 MB.
    side = 2**13
    rows = bytes(1 + side // 8) * (side // 2 + 1)
    bomb = png_of(side, side // 2 + 1, depth=1, colour=0, rows=rows)
    assert len(bomb) < 10_000
    assert decoded(bomb, JPEG)[1] == [False, True]


def test_decode_and_resize_agree():
    pixels = picture(75, 41)
    item = encoded("PNG", pixels=pixels)
    face, valid = images.decode(tf.constant(item), SIZE)
    assert valid.numpy()
    resized = images.resize(tf.constant(pixels[np.newaxis]), SIZE)
    np.testing.assert_array_equal(face, resized[0])


def test_resize_gives_a_row_the_same_pixels_in_any_batch():
    batch = np.stack([picture(45, 61, seed) for seed in range(32)])
    together = images.resize(tf.constant(batch), SIZE).numpy()
    alone = np.concatenate([images.resize(row[np.newaxis], SIZE) for row in batch])
    np.testing.assert_array_equal(alone, together)


def test_resize_keeps_pictures_of_the_right_size():
    batch = picture()[np.newaxis]
    np.testing.assert_array_equal(images.resize(tf.constant(batch), SIZE), batch)


def test_resize_shrinks_by_averaging_and_not_by_skipping():
    board = np.indices((64, 64)).sum(0) % 2 * np.uint8(255)
    board = np.repeat(board[..., np.newaxis], 3, -1).astype(np.uint8)[np.newaxis]
    inner = images.resize(tf.constant(board), 8).numpy()[0, 1:-1, 1:-1]
    np.testing.assert_allclose(inner, 127.5, atol=2)


def test_decode_works_inside_a_data_set_with_known_shapes():
    dataset = tf.data.Dataset.from_tensor_slices([JPEG, b"", PNG])
    dataset = dataset.map(lambda item: images.decode(item, SIZE))
    assert dataset.element_spec[0].shape == [SIZE, SIZE, 3]
    faces, valid = next(iter(dataset.batch(3)))
    assert valid.numpy().tolist() == [True, False, True]
    np.testing.assert_array_equal(faces, decoded(JPEG, b"", PNG)[0])


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    strategies.sampled_from([JPEG, PNG]),
    strategies.lists(
        strategies.tuples(strategies.integers(0, 400), strategies.binary(max_size=3)),
        max_size=4,
    ),
    strategies.integers(0, 600),
)
def test_no_bytes_whatever_raise_an_error(item, patches, length):
    damaged = bytearray(item)
    for start, patch in patches:
        damaged[start : start + len(patch)] = patch
    faces, valid = decoded(bytes(damaged[:length]), JPEG)
    assert valid[1]
    assert valid[0] or not faces[0].any()
