r"""How fast is a build? Pictures a second of processor time, beside the codec alone.

  python -m benchmarks.building --csv=../shared/faces/faces.csv \
      --images=../shared/faces/images

Three measurements in turn, `--rounds` times, each on one thread over the same pictures;
the ratios of one round are taken before their median:

  check    reading a file and decoding it, as Pillow and the training pipeline do
  kept     the builder, on pictures that have the stored size and keep their bytes
  resized  the builder, on pictures that are resized and encoded again,
           beside decoding, resizing and encoding them with Pillow alone
"""

from __future__ import annotations

import argparse
import io
import pathlib
import statistics
import tempfile
import time

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

from PIL import Image

from tfrecords_builder import picture_source
from tfrecords_builder import pictures
from tfrecords_builder import writer
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.readers import csv_folder


def seconds(function) -> float:
    """Returns the processor time, of all threads, that a function takes."""
    start = time.process_time()
    function()
    return time.process_time() - start


def check(data: Annotations, size: int) -> None:
    """Reads and decodes each picture as often as it must be, and does nothing else."""
    keys = list(data.table["picture"])
    for start in range(0, len(keys), 32):
        stored = [data.pictures.read(key) for key in keys[start : start + 32]]
        for picture in stored:
            Image.open(io.BytesIO(picture)).load()
        pictures.readable(stored, size)


def transcode(data: Annotations, size: int) -> None:
    """Decodes, resizes and encodes each picture, and decodes the result."""
    keys = list(data.table["picture"])
    for start in range(0, len(keys), 32):
        stored = []
        for key in keys[start : start + 32]:
            image = Image.open(io.BytesIO(data.pictures.read(key))).convert("RGB")
            stream = io.BytesIO()
            resized = image.resize((size, size), Image.Resampling.BILINEAR)
            resized.save(stream, "JPEG", quality=picture_source.JPEG_QUALITY)
            stored.append(stream.getvalue())
        pictures.readable(stored, size)


def build(data: Annotations, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer.build(data, pathlib.Path(folder, "out"), size=size, workers=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--csv", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--size", type=int, default=112, help="that of the pictures")
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    data = csv_folder.annotations(flags.csv, flags.images)
    count, other = len(data.table), flags.size * 3 // 4
    check(data, flags.size)  # Fills the caches of disk and graph.
    rows = []
    for _ in range(flags.rounds):
        rows.append(
            [
                seconds(lambda: check(data, flags.size)),
                seconds(lambda: build(data, flags.size)),
                seconds(lambda: transcode(data, other)),
                seconds(lambda: build(data, other)),
            ]
        )
    names = ("check alone", "build, kept", "codec alone", "build, resized")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name:15} {count / statistics.median(column):7.0f} pictures/s/core")
    for name, codec, whole in (("kept", 0, 1), ("resized", 2, 3)):
        ratio = statistics.median(row[codec] / row[whole] for row in rows)
        print(f"{name}: {ratio:.3f} of the speed of the codec alone")


if __name__ == "__main__":
    main()
