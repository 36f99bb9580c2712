"""How the face detectors compare on pictures and films beside the checkout.

    python -m benchmarks.detectors DIR [--detectors=default,small,mtcnn] [--faces=100]

DIR holds `layouts/`, `videos/` and `faces/`. Times are of one core. What is measured:

  boxes      annotated boxes (ExpW) and pictures (AffectNet) in which a face was found,
             and faces that no box covers
  tilt       angle of the annotated eyes (AffectNet) in the aligned crop, degrees
  group      faces found of five, by their width in pixels
  no face    faces found in frames without one
  template   mean offset of each point from the template in aligned faces, pixels of 112
  film       frames a second of decoding, detecting, and the whole analysis
"""

from __future__ import annotations

import argparse
import csv
import itertools
import pathlib
import platform
import time
from collections.abc import Iterator

import cv2
import numpy as np

from affect_tf.faces import alignment
from affect_tf.faces import analysis
from affect_tf.faces import detection
from affect_tf.faces import films


def expw(root: pathlib.Path, detect: detection.Detector) -> Iterator[str]:
    """Compares faces with the boxes of ExpW."""
    boxes: dict[str, list[tuple[float, ...]]] = {}
    for line in (root / "label" / "label.lst").read_text().splitlines():
        name, _, top, left, right, bottom, *_ = line.split()
        boxes.setdefault(name, []).append(tuple(map(float, (left, top, right, bottom))))
    found = faces = uncovered = 0
    times = []
    for name, wanted in boxes.items():
        path = root / "image" / "origin" / name
        if not path.exists():
            continue
        image = films.picture(path)
        seen, milliseconds = timed(detect, image)
        times.append(milliseconds)
        faces += len(wanted)
        middles = [middle(face.box) for face in seen]
        found += sum(any(inside(m, box) for m in middles) for box in wanted)
        uncovered += sum(not any(inside(m, box) for box in wanted) for m in middles)
    yield f"boxes     ExpW: {found} of {faces}, {uncovered} elsewhere"
    yield f"          {np.median(times):.1f} ms a picture (median)"


def affectnet(root: pathlib.Path, detect: detection.Detector) -> Iterator[str]:
    """Looks whether the annotated eyes are level in the crops."""
    found = pictures = 0
    tilts, times = [], []
    with (root / "training.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        path = root / "Manually_Annotated_Images" / row["subDirectory_filePath"]
        if not path.is_file():
            continue
        try:
            image = films.picture(path)
            landmarks = np.float64(row["facial_landmarks"].split(";")).reshape(68, 2)
        except (films.FilmError, ValueError):
            continue
        pictures += 1
        seen, milliseconds = timed(detect, image)
        times.append(milliseconds)
        eyes = alignment.five_points(landmarks)[:2]
        near = [f for f in seen if inside(eyes.mean(0), f.box)]
        if near:
            found += 1
            matrix = alignment.similarity(near[0].points)[:, :2]
            x, y = matrix @ (eyes[1] - eyes[0])
            tilts.append(abs(np.degrees(np.arctan2(y, x))))
    yield f"          AffectNet: {found} of {pictures} pictures"
    yield f"          {np.median(times):.1f} ms a picture (median)"
    low, high = np.percentile(tilts, [50, 95])
    yield f"tilt      {low:.1f} degrees (median), {high:.1f} (95%)"


def group(path: pathlib.Path, detect: detection.Detector) -> Iterator[str]:
    """Shrinks a photograph of five people on a canvas of its own size."""
    image, parts = films.picture(path), []
    for scale in (2, 1, 0.5, 0.33, 0.25, 0.17):
        matrix = np.float64([[scale, 0, 0], [0, scale, 0]])
        flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=flags)
        canvas = np.full((*image.shape[:2], 3), 90, np.uint8) if scale < 1 else small
        canvas[: small.shape[0], : small.shape[1]] = small
        seen, milliseconds = timed(detect, canvas)
        width = round(100 * matrix[0, 0])
        parts.append(f"{width} px: {len(seen)} ({milliseconds:.0f} ms)")
    yield f"group     {', '.join(parts)}"


def without_faces(root: pathlib.Path, detect: detection.Detector) -> Iterator[str]:
    """Counts faces where there are none."""
    first = films.frames(root / "no_face_4s.mp4")
    second = itertools.islice(films.frames(root / "noface_then_face_6s.mov"), 94)
    images = [frame.image for frame in itertools.chain(first, second)][::2]
    results = [timed(detect, image) for image in images]
    faces = sum(len(seen) for seen, _ in results)
    milliseconds = np.median([each for _, each in results])
    yield f"no face   {faces} in {len(images)} frames, {milliseconds:.0f} ms a frame"


def template(
    root: pathlib.Path, detect: detection.Detector, count: int
) -> Iterator[str]:
    """Looks where the points are in neutral faces that are aligned already."""
    with (root / "faces.csv").open(newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["expression"] == "neutral"]
    offsets = []
    for row in rows[:: max(1, len(rows) // count)][:count]:
        image = films.picture(root / "images" / row["file"])
        image = cv2.copyMakeBorder(image, *[40] * 4, cv2.BORDER_REPLICATE)
        if seen := detect(image):
            offsets.append(seen[0].points - 40 - alignment.TEMPLATE)
    mean = np.mean(np.float64(offsets), 0).round(1).tolist()
    yield f"template  {len(offsets)} faces, offset of each point x, y: {mean}"


def film(path: pathlib.Path, detect: detection.Detector) -> Iterator[str]:
    """Times a film of one person."""
    start = time.process_time()
    images = [frame.image for frame in films.frames(path)]
    decoding = (time.process_time() - start) / len(images)
    start = time.process_time()
    for image in images[::8]:
        detect(image)
    detecting = (time.process_time() - start) / len(images[::8])
    some = itertools.islice(films.frames(path), 60)
    start = time.process_time()
    rows = list(analysis.analyse(some, detect))
    whole = (time.process_time() - start) / len(rows)
    height, width = images[0].shape[:2]
    rates = [f"{1 / each:.0f}" for each in (decoding, detecting, whole)]
    yield (
        f"film      {len(images)} frames of {width} x {height}, a second: decoding "
        f"{rates[0]}, detecting {rates[1]}, decoding to crops {rates[2]}"
    )


def timed(
    detect: detection.Detector, image: np.ndarray
) -> tuple[list[detection.Face], float]:
    """Returns the faces and the milliseconds of processor time."""
    start = time.process_time()
    seen = detect(image)
    return seen, 1000 * (time.process_time() - start)


def middle(box: tuple[float, ...]) -> tuple[float, float]:
    """Returns the middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def inside(point: np.ndarray | tuple[float, float], box: tuple[float, ...]) -> bool:
    """Whether a point lies in a box."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def main() -> None:
    """Prints a block of lines for each detector."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--detectors", default="default,small")
    parser.add_argument("--faces", type=int, default=100)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{platform.machine()}, Python {platform.python_version()}")
    layouts, videos = options.folder / "layouts", options.folder / "videos"
    for name in options.detectors.split(","):
        detect = detection.detector(name)
        detect(np.zeros((64, 64, 3), np.uint8))
        print(f"\n{name}")
        parts = (
            expw(layouts / "expw", detect),
            affectnet(layouts / "affectnet", detect),
            group(videos / "multi_face.jpg", detect),
            without_faces(videos, detect),
            template(options.folder / "faces", detect, options.faces),
            film(videos / "talking_1person_20s.mp4", detect),
        )
        for line in itertools.chain.from_iterable(parts):
            print(line, flush=True)


if __name__ == "__main__":
    main()
