"""From one film, or a batch of photographs, to one crop file: what a worker does.

A function of its argument alone, without TensorFlow: it runs in processes of this
machine or of others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import threading
import time
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import numpy as np
from PIL import Image

from affect_tf import files
from affect_tf.faces import analysis
from affect_tf.faces import detection
from affect_tf.faces import films
from tfrecords_builder import crop_files
from tfrecords_builder.crop_files import CropFileWriter
from tfrecords_builder.picture_source import JPEG_QUALITY

#: Seconds between two notes of how far a film is.
_NOTE_SECONDS = 0.5

#: Each thread has its own detectors: their models are not made for several.
_loaded = threading.local()


class Footage(NamedTuple):
    """A film or a photograph.

    Attributes:
      name: What its frames are called after, unique in the data set.
      path: The file.
      file: The same from the root of the data set, with forward slashes.
      is_film: Whether it is a film.
    """

    name: str
    path: str
    file: str
    is_film: bool


@dataclasses.dataclass(frozen=True)
class Work:
    """What one worker is to do.

    Attributes:
      footage: One film, or photographs.
      target: The crop file.
      detector: Name of a detector.
      size: Side of the crops in pixels.
      keep: "largest" or "all".
      follow: Whether people are followed from frame to frame; otherwise each frame is
        looked at as if it were a photograph.
      note: A file that says how far the work is while it goes on.
    """

    footage: tuple[Footage, ...]
    target: str
    detector: str
    size: int
    keep: str
    follow: bool
    note: str


class Problem(NamedTuple):
    """What could not be read, to its end or at all.

    Attributes:
      name: The film or photograph.
      frames: Frames that were read before.
      seconds: The time of the last of them; None where there is none.
      reason: What the decoder says.
    """

    name: str
    frames: int
    seconds: float | None
    reason: str


def extract(work: Work) -> int:
    """Writes a crop file, and returns the number of frames that were looked at.

    Of a damaged film there is what can be decoded, and a problem in the contents; of a
    photograph that cannot be read, the problem alone. Contents that say "again" are
    to be made again in the next run, since it may have been the disk.

    Raises:
      UserError: If the detector cannot be loaded.
      OSError: If the crop file cannot be written.
    """
    detector = _detector(work.detector)
    # What a killed worker left. Nobody else does the same work now.
    files.remove_leftovers(work.target)
    contents: dict[str, Any] = {
        "film": None,
        "photographs": None,
        "problems": [],
        "again": False,
    }
    note = _Note(work.note)
    with crop_files.create(work.target, contents) as crops:
        if work.footage[0].is_film:
            frames = _extract_film(work, detector, crops, contents, note)
        else:
            frames = _extract_photographs(work, detector, crops, contents, note)
    note(frames, 1.0)
    return frames


class _Note:
    """Says in a small file, now and then, how far the work is."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._next = 0.0

    def __call__(self, frames: int, share: float) -> None:
        """Takes the frames done, and which share of the work they are; 1 at the end."""
        now = time.monotonic()
        if now < self._next and share < 1:
            return
        self._next = now + _NOTE_SECONDS
        # Whoever loses a note loses nothing.
        with (
            contextlib.suppress(OSError),
            open(self._path, "w", encoding="ascii") as stream,
        ):
            stream.write(f"{frames} {share:.4f}")


def _before_end(done: float, total: float) -> float:
    """Returns a share below 1: what is left is to close the file."""
    return min(done / max(total, 1e-6), 0.999)


def _extract_film(
    work: Work,
    detector: detection.Detector,
    crops: CropFileWriter,
    contents: dict[str, Any],
    note: _Note,
) -> int:
    footage, film, seen = work.footage[0], None, None
    try:
        film = films.probe(footage.path)
        for seen in _seen(films.frames(footage.path), detector, work):
            _add(crops, seen)
            note(seen.index + 1, _before_end(seen.time, film.seconds))
    except films.FilmError as error:
        _add_problem(contents, footage, error, seen)
        contents["again"] = True
    if seen is None:
        return 0
    film = film.counted(seen.index + 1, seen.time)
    contents["film"] = {**_plain(film), "film": footage.name}
    # It is a place on one machine; the name is the same on all.
    del contents["film"]["path"]
    return film.frames


def _plain(film: films.Film | films.Sound) -> dict[str, Any]:
    """Returns a description as JSON has it, which knows no NaN."""
    fields = dataclasses.asdict(film)
    if fields.get("sound"):
        fields["sound"] = _plain(film.sound)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


def _extract_photographs(
    work: Work,
    detector: detection.Detector,
    crops: CropFileWriter,
    contents: dict[str, Any],
    note: _Note,
) -> int:
    """Takes each photograph as a film of one frame, numbered by its place."""
    contents["photographs"] = [footage.name for footage in work.footage]
    for number, footage in enumerate(work.footage):
        try:
            image = films.picture(footage.path)
        except films.FilmError as error:
            _add_problem(contents, footage, error, None)
            # A number that is one of the system's: the file was not to be had.
            contents["again"] |= bool(getattr(error.__cause__, "errno", None))
            continue
        frame = films.FilmFrame(number, 0.0, image)
        for seen in _seen([frame], detector, work):
            _add(crops, seen)
        note(number + 1, _before_end(number + 1, len(work.footage)))
    return len(work.footage)


def _seen(
    frames: Iterable[films.FilmFrame], detector: detection.Detector, work: Work
) -> Iterator[analysis.Seen]:
    """Gives what is seen in frames, together or each on its own."""
    groups = [frames] if work.follow else ([frame] for frame in frames)
    for group in groups:
        yield from analysis.analyse(group, detector, size=work.size, keep=work.keep)


def _add_problem(
    contents: dict[str, Any],
    footage: Footage,
    error: films.FilmError,
    last: analysis.Seen | None,
) -> None:
    frames, seconds = (0, None) if last is None else (last.index + 1, last.time)
    # The same on every machine.
    reason = str(error).replace(footage.path, footage.file)
    contents["problems"].append(Problem(footage.name, frames, seconds, reason))


def _add(crops: CropFileWriter, seen: analysis.Seen) -> None:
    """Adds a row of faces.csv, and the crop where there is a face."""
    row = {"frame": str(seen.index), "time": _cell(seen.time, 6)}
    if seen.person is None:
        crops.add(row, None)
        return
    face, quality = seen.face, seen.quality
    edges = zip(("left", "top", "right", "bottom"), face.box, strict=True)
    row |= {name: _cell(edge, 2) for name, edge in edges}
    points = np.asarray(face.points).ravel().tolist()
    for name, value in zip(_POINTS, points, strict=True):
        row[name] = _cell(value, 2)
    row |= {
        "person": str(seen.person),
        "score": _cell(quality.score, 4),
        "size": _cell(quality.size, 2),
        "blur": _cell(quality.blur, 2),
        "yaw": _cell(quality.yaw, 3),
        "pitch": _cell(quality.pitch, 3),
        "roll": _cell(quality.roll, 3),
    }
    crops.add(row, _jpeg(seen.crop))


#: Where the five points stand in faces.csv.
_POINTS = tuple(c for c in crop_files.FACE_COLUMNS if c.endswith(("_x", "_y")))


def _cell(value: float, digits: int) -> str:
    """Returns a number with so many digits behind the point; blank where it is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def _jpeg(crop: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(crop).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _detector(name: str) -> detection.Detector:
    """Returns this thread's detector; loading one can take seconds."""
    if getattr(_loaded, "name", None) != name:
        _loaded.detector, _loaded.name = detection.detector(name), name
    return _loaded.detector
