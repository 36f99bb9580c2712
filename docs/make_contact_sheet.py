"""Draws docs/images/sample_faces.png: people of the sample data set, and a clip.

    python docs/make_contact_sheet.py [--out=PATH]

Seven rows of validation samples, one for each expression, and a row with the
frames of one clip. Grain is left out: it is what a PNG file cannot compress.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys

import cv2
import numpy as np

_ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_ROOT))

from affect_tf import files  # noqa: E402
from affect_tf.labels.taxonomy import EXPRESSIONS_7  # noqa: E402
from tfrecords_builder.rendering import face  # noqa: E402
from tfrecords_builder.rendering import nuisance  # noqa: E402
from tfrecords_builder.rendering import samples  # noqa: E402
from tfrecords_builder.rendering.units import UNITS  # noqa: E402

_COLUMNS, _SIZE, _MARGIN, _GAP = 8, 87, 78, 3


def _picture(index: int, frame: int = 0, num_frames: int = 1) -> np.ndarray:
    """One frame of a validation sample of seed 0, without grain."""
    shown = samples.perform(0, "validation", index, num_frames)
    around = samples.surroundings(0, "validation", index, num_frames)[frame]
    clean: nuisance.Nuisance = dataclasses.replace(around, grain=0.0)
    units = dict(zip(UNITS, shown.units[frame].tolist(), strict=True))
    return face.render(units, samples.person(0, "validation", index), clean, _SIZE)


def _samples(expression: str, offset: int) -> list[int]:
    """The first samples of a class, each of another person."""
    found: dict[str, int] = {}
    for index in range(offset, 6000):
        shown = samples.perform(0, "validation", index)
        if shown.expression == expression:
            found.setdefault(shown.subject, index)
        if len(found) == _COLUMNS:
            break
    return list(found.values())


def _smile(index: int) -> float:
    units = samples.perform(0, "validation", index).units[0]
    return units[UNITS.index("AU12")] + units[UNITS.index("AU25")]


def _row(pictures: list[np.ndarray], name: str) -> np.ndarray:
    row = np.full((_SIZE + _GAP, _MARGIN, 3), 255, np.uint8)
    place, font = (4, _SIZE // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(row, name, place, font, 0.42, (60, 60, 60), 1, cv2.LINE_AA)
    for picture in pictures:
        cell = np.full((_SIZE + _GAP, _SIZE + _GAP, 3), 255, np.uint8)
        cell[:_SIZE, :_SIZE] = picture
        row = np.concatenate((row, cell), axis=1)
    return row


def contact_sheet() -> np.ndarray:
    """Returns the whole sheet, uint8 [H, W, 3], red first."""
    rows = []
    for number, expression in enumerate(EXPRESSIONS_7):
        # Other people in each row.
        chosen = _samples(expression, 400 * number)
        rows.append(_row([_picture(index) for index in chosen], expression))
    clip = max(_samples("happiness", 3200), key=_smile)
    pictures = [_picture(clip, frame, 17) for frame in range(0, 17, 2)[:_COLUMNS]]
    rows.append(_row(pictures, "one clip"))
    return np.concatenate(rows)


def main() -> None:
    """Writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = _ROOT / "docs" / "images" / "sample_faces.png"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    out = parser.parse_args().out
    picture = contact_sheet()
    # Six bits a channel look the same and halve the file.
    picture = np.minimum((picture.astype(np.int32) + 2) & ~3, 255).astype(np.uint8)
    blue_first = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    files.write_bytes(out, cv2.imencode(".png", blue_first, options)[1].tobytes())


if __name__ == "__main__":
    main()
