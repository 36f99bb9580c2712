"""How fast prediction is, against each of its parts alone, and what memory it takes.

    python -m benchmarks.predict_throughput FILM MODEL [--times=3] [--batch=32]

FILM is a film of faces, and MODEL a folder that --mode=export wrote. What is measured,
in frames a second of wall clock:

  decode     reading the film, in one thread
  detect     the face detector, in one thread, and in as many as there are cores
  model      the exported model on the faces of the film, at --batch
  together   film to rows, as --mode=predict does it; --times films one after another

A part of its own has the whole machine. The last line compares the slowest of them with
all together; at best that is the time of all parts, shared among the cores.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np

from affect_tf.faces import analysis
from affect_tf.faces import detection
from affect_tf.faces import films
from affect_tf.serving import Predictor
from affect_tf.serving.prediction import inputs
from affect_tf.serving.prediction import material
from affect_tf.serving.prediction import overlapping

#: Decoded frames that are held to time the detector alone, over the whole film: it is
#: as slow as a frame is hard.
_FRAMES = 96


def rate(work: Callable[[], Iterable[object]], least: float = 3.0) -> float:
    """Returns items a second, over whole passes that take `least` seconds or more."""
    start, items = time.perf_counter(), 0
    while (seconds := time.perf_counter() - start) < least:
        items += sum(1 for _ in work())
    return items / seconds


def sample(film: str) -> list[films.FilmFrame]:
    """Returns frames of a film, at equal steps."""
    step = max(1, sum(1 for _ in films.frames(film)) // _FRAMES)
    return list(itertools.islice(films.frames(film), 0, _FRAMES * step, step))


def detected(images: list[np.ndarray], workers: int) -> Callable[[], Iterator[object]]:
    """Returns what finds the faces of all images, in some threads."""
    import queue

    detectors: queue.SimpleQueue[detection.Detector] = queue.SimpleQueue()
    for _ in range(workers):
        detectors.put(detection.detector())

    def find(image: np.ndarray) -> list[detection.Face]:
        detect = detectors.get()
        try:
            return detect(image)
        finally:
            detectors.put(detect)

    return lambda: overlapping.mapped(images, find, workers)


def scored(
    predictor: Predictor, frames: list[films.FilmFrame], batch: int
) -> Callable[[], Iterator[object]]:
    """Returns what scores a batch of the film's faces."""
    seen = analysis.analyse(frames, detection.detector(), predictor.crop_size)
    crops = [each.crop for each in seen if each.crop is not None]
    faces = np.stack([crops[row % len(crops)] for row in range(batch)])
    predictor.model.from_images(faces)

    def run() -> Iterator[object]:
        predictor.model.from_images(faces)
        yield from faces

    return run


def together(predictor: Predictor, film: str, times: int) -> tuple[float, int]:
    """Returns frames a second of whole films, and their rows."""
    frames = rows = 0

    def advanced(more: int) -> None:
        nonlocal frames
        frames += more

    source = inputs.find([film])[0]
    start = time.perf_counter()
    for _ in predictor.stream([material.of_source(source)] * times, advanced):
        rows += 1
    return frames / (time.perf_counter() - start), rows


def megabytes() -> float:
    """Returns the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film")
    parser.add_argument("model")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    predictor = Predictor(options.model, batch_size=options.batch)
    spread = sample(options.film)
    images = [frame.image for frame in spread]
    cores = len(os.sched_getaffinity(0))
    height, width = images[0].shape[:2]
    print(f"{options.film}: {width} x {height}, {cores} cores")
    parts = {
        "decode": rate(lambda: films.frames(options.film)),
        "detect": rate(detected(images, 1)),
        f"detect, {cores} threads": rate(detected(images, cores)),
        f"model, batch {options.batch}": rate(
            scored(predictor, spread[:8], options.batch)
        ),
    }
    for name, value in parts.items():
        print(f"{name:20} {value:8.1f}", flush=True)
    together(predictor, options.film, 1)
    before = megabytes()
    value, rows = together(predictor, options.film, options.times)
    print(f"{'together':20} {value:8.1f}   {rows} rows")
    print(
        f"most memory: {before:.0f} MB after one film, {megabytes():.0f} MB after "
        f"{options.times} more"
    )
    slowest = min(parts, key=parts.get)
    print(f"of the slowest part ({slowest}): {value / parts[slowest]:.2f}")


if __name__ == "__main__":
    main()
