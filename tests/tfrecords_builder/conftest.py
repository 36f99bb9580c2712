"""A folder of small pictures and a CSV file that describes them."""

import io
import pathlib

import numpy as np
import pytest
from PIL import Image

import affect_tf  # noqa: F401
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder

HEADER = "file,split,subject,expression,valence,arousal,AU1,AU4"
#: Blank cells, partly filled units, a row without any label, greyscale, a PNG.
ROWS = (
    "a/1.jpg,train,1,happiness,0.5,-0.25,,",
    "a/2.jpg,train,1,,,,1,0",
    "a/3.png,train,1,Sad,,,1,",
    "b/1.jpg,train,2,,,,,",
    "b/2.jpg,train,2,fear,-1,1,0,0",
    "c/1.jpg,validation,3,neutral,0,0,0,1",
    "c/2.jpg,validation,3,neutral,,,,1",
)
SIZE = 32


def picture(seed=0, size=(SIZE, SIZE), kind="JPEG", mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind)
    return stream.getvalue()


class Data:
    """Pictures and annotations that a test may damage before it builds them."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.csv = root / "faces.csv"
        self.images = root / "images"
        self.out = root / "records"
        self.write(HEADER, *ROWS)
        for i, row in enumerate(ROWS):
            path = self.images / row.split(",")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = "PNG" if path.suffix == ".png" else "JPEG"
            path.write_bytes(picture(i, kind=kind, mode="L" if i == 1 else "RGB"))

    def write(self, *lines, end="\n"):
        self.csv.write_bytes(end.join([*lines, ""]).encode())

    def files(self):
        """Every file of the result and its bytes."""
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def data(tmp_path):
    return Data(tmp_path)


def build(data, **options):
    annotations = csv_folder.annotations(data.csv, data.images)
    return writer.build(annotations, data.out, **{"size": SIZE, **options})
