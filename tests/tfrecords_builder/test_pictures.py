"""The builder stores what training can decode, and nothing else."""

import io

import pytest
import tensorflow as tf
from PIL import Image

from affect_tf.data import images
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import pictures


def stored(data):
    """Whether the builder stores these bytes as they are."""
    try:
        prepared = pictures.prepare(data, SIZE)
    except pictures.PictureError:
        return False
    assert prepared == data
    return pictures.readable([prepared], SIZE) == [True]


def trained_on(data):
    return bool(images.decode_batch(tf.constant([data]), SIZE)[1].numpy()[0])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("cut", range(13))
def test_a_truncated_picture_is_stored_only_where_training_reads_it(kind, cut):
    whole = picture(3, kind=kind)
    data = whole[: len(whole) - cut]
    assert stored(data) == trained_on(data)
    if not cut:
        assert stored(data)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16"])
def test_every_mode_of_png_is_judged_as_in_training(mode):
    stream = io.BytesIO()
    face = Image.open(io.BytesIO(picture(1, kind="PNG")))
    if mode == "I;16":
        face = face.convert("L").convert("I").point(lambda v: v * 256).convert("I;16")
    face.convert(mode).save(stream, "PNG")
    assert stored(stream.getvalue())
    assert trained_on(stream.getvalue())


def test_no_picture_is_no_verdict():
    assert pictures.readable([], SIZE) == []


def test_each_picture_of_a_batch_has_its_own_verdict():
    batch = [picture(0), picture(1, kind="PNG")[:-2], b"x", picture(2, kind="PNG")]
    assert pictures.readable(batch, SIZE) == [True, False, False, True]
