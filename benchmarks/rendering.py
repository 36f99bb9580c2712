"""How many sample faces a core draws in a second.

    python -m benchmarks.rendering [--size=112] [--seconds=6]

One thread draws and encodes validation samples, each of them once, as the builder
does: choosing units and person, drawing, JPEG of quality 95.
"""

from __future__ import annotations

import argparse
import platform
import time

import cv2

from tfrecords_builder.readers import synthetic
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import samples


def measure(size: int, seconds: float) -> dict[str, float]:
    """Draws for about `seconds`; rates are per second of processor time."""
    drawn = synthetic.DrawnPictures(seed=0, size=size, frames_per_clip=1)
    pictures = []
    for index in range(40):  # Tables are built, and caches filled, before the clock.
        pictures.append(samples.render_still(0, index, "validation", size))
    count, byte_count, start = 0, 0, time.process_time()
    while time.process_time() - start < seconds:
        key = f"validation-{1000 + count:06d}"
        byte_count += len(drawn.read(key))
        count += 1
    whole = time.process_time() - start
    start = time.process_time()
    for number in range(400):
        face.encode(pictures[number % len(pictures)])
    encoding = (time.process_time() - start) / 400
    return {
        "faces_per_second": count / whole,
        "ms_per_face": 1000 * whole / count,
        "ms_encoding": 1000 * encoding,
        "bytes_per_face": byte_count / count,
    }


def main() -> None:
    """Prints one line a quantity."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    python = platform.python_version()
    print(f"{platform.machine()}, Python {python}, cv2 {cv2.__version__}")
    print(f"size {options.size}, one thread")
    for name, value in measure(options.size, options.seconds).items():
        print(f"{name:18s} {value:10.2f}")


if __name__ == "__main__":
    main()
