"""Small trees in the layout of DISFA, and what should be read from them."""

import numpy as np

from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tfrecords_builder import checks
from tfrecords_builder.readers import disfa
from tfrecords_builder.readers.disfa_labels import UNITS
from tfrecords_builder.runners import Local


def place(number):
    """Where the face of a frame is: no two are alike, so none can be mistaken."""
    return 4 * (number - 1)


def tree(folder, people=("SN001", "SN012"), count=8, hidden=(), units=UNITS):
    """A small data set; the intensity of AUu in frame n is (n + u) % 6."""
    for who in people:
        frames = [
            frame() if n in hidden else frame((place(n), 8, 20))
            for n in range(1, count + 1)
        ]
        film(folder / f"Videos_LeftCamera/LeftVideo{who}_comp.avi", frames)
        for unit in units:
            lines = [f"{n},{(n + int(unit[2:])) % 6}" for n in range(1, count + 1)]
            write(folder, who, unit, lines)
    return folder


def write(folder, who, unit, lines, end="\n", last="\n"):
    path = folder / f"ActionUnit_Labels/{who}/{who}_{unit.lower()}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + last).encode())
    return path


def read(folder, **options):
    options = {"detector": "squares", "size": 16, "runner": Local(1), **options}
    found = disfa.annotations(folder, faces=folder.parent / "faces", **options)
    checks.check(found)
    return found


def labels(found, unit="AU4"):
    """key -> 0, 1 or None."""
    values = found.table.set_index("key")[unit]
    return {k: None if np.isnan(v) else int(v) for k, v in values.items()}


def expected(numbers, unit=4, who="SN001", threshold=2):
    return {f"{who}/{n:05d}": int((n + unit) % 6 >= threshold) for n in numbers}
