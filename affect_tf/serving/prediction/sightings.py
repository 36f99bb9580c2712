"""Material to faces that wait for scores: read, detect and follow, in threads."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from affect_tf.faces import analysis
from affect_tf.faces import detection
from affect_tf.faces.film_decoding import FilmError
from affect_tf.faces.films import FilmFrame
from affect_tf.serving.prediction import overlapping
from affect_tf.serving.prediction import scoring
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.table import NOBODY
from affect_tf.serving.prediction.table import Place

#: More threads than this only wait for the film to be decoded.
_MAX_WORKERS = 8
#: Frames that are decoded before their turn. A frame of 4K has 25 MB.
_FRAMES_AHEAD = 4
#: How often frames that are looked at are asked whether they are done, where no more
#: come, seconds.
_GLANCE = 0.02
#: The name of the detector for faces that are aligned already.
ALIGNED = "none"


@dataclasses.dataclass(eq=False)
class Sighting:
    """A face in a frame; or a frame without one; or the end of a film or photograph.

    Attributes:
      number: Of the material.
      material: What it was seen in.
      place: Where.
      seen: The face and where it is, without its crop; None for aligned faces.
      face: What waits for scores; None where there is no face.
      is_end: Whether nothing more of the material follows; then there is no face.
      problem: At the end: why the rest could not be read; "" where all was.
    """

    number: int
    material: Material
    place: Place
    seen: analysis.Seen | None = None
    face: scoring.Face | None = None
    is_end: bool = False
    problem: str = ""


@dataclasses.dataclass(eq=False)
class _Look:
    """One frame on its way: first its picture is there, then its faces as well.

    Attributes:
      frame: None for a photograph that is not opened yet, and at the end.
      faces: What was found; None where nobody looks, as the face is aligned.
      content: The aligned face.
      is_end, problem: As of a `Sighting`.
    """

    number: int
    material: Material
    frame: FilmFrame | None = None
    faces: Sequence[detection.Face] | None = None
    content: np.ndarray | bytes | None = None
    is_end: bool = False
    problem: str = ""


class Finder:
    """Finds the faces of many photographs and films; for one thread at a time."""

    def __init__(
        self, detector: str, keep: str, size: int, workers: int | None = None
    ) -> None:
        """Makes the detectors.

        Args:
          detector: One of `detection.DETECTORS`; `ALIGNED` looks for no faces.
          keep: "all" or "largest", as in `analysis.analyse`.
          size: Side of the crops in pixels.
          workers: Frames that are looked at, at a time; None for one a core.

        Raises:
          UserError: If a name is unknown, or the detector's packages are missing.
        """
        analysis.People(size, keep)  # Refuses a wrong name now and not in a thread.
        first = detection.detector(detector)
        self._is_aligned = detector == ALIGNED
        self._keep, self._size = keep, size
        # MTCNN runs on TensorFlow, which has threads of its own.
        cores = 1 if detector == "mtcnn" else len(_cores())
        self._workers = max(1, min(workers or cores, _MAX_WORKERS))
        self._detectors: queue.SimpleQueue[detection.Detector] = queue.SimpleQueue()
        for detect in (
            first,
            *(detection.detector(detector) for _ in range(self._workers - 1)),
        ):
            self._detectors.put(detect)

    def sightings(
        self,
        materials: Iterable[Material],
        ahead: int,
        idle: float | None = None,
        stopped: threading.Event | None = None,
    ) -> Iterator[Sighting | None]:
        """Gives what is seen in all frames, in order.

        Args:
          materials: One after another; each is opened when its turn comes.
          ahead: How many sightings are made before they are asked for.
          idle: As of `overlapping.ahead`.
          stopped: Once it is set, no more frames are read; what was, is still given.
        """
        looks = overlapping.ahead(
            _looks(materials, stopped or threading.Event()), _FRAMES_AHEAD, _GLANCE
        )
        found = overlapping.mapped(looks, self._find, self._workers)
        return overlapping.ahead(self._followed(found), ahead, idle)

    def _find(self, look: _Look) -> _Look:
        """Opens a photograph, and finds the faces; runs in several threads."""
        if look.is_end:
            return look
        try:
            if self._is_aligned:
                look.content = _aligned(look)
                look.frame = look.frame or FilmFrame(
                    0, 0.0, np.zeros((0, 0, 3), np.uint8)
                )
                return look
            if look.frame is None:
                look.frame = FilmFrame(0, 0.0, look.material.picture())
            detect = self._detectors.get()
            try:
                look.faces = detect(look.frame.image)
            finally:
                self._detectors.put(detect)
        except MemoryError:
            raise
        except Exception as error:  # One picture of thousands must not end them all.
            look.problem = reason(error, look.material.name)
        return look

    def _followed(self, looks: Iterator[_Look | None]) -> Iterator[Sighting | None]:
        """Tells the people of each material apart; pictures are let go of here."""
        number, people = -1, None
        with contextlib.closing(looks):
            for look in looks:
                if look is None:
                    yield None
                    continue
                if look.number != number or people is None:
                    number = look.number
                    people = analysis.People(self._size, self._keep)
                yield from self._seen(look, people)

    def _seen(self, look: _Look, people: analysis.People) -> Iterator[Sighting]:
        material, number = look.material, look.number
        is_picture = material.frames is None
        if look.frame is not None:
            place = Place(material.name, look.frame.index, look.frame.time)
            try:
                if not look.problem:
                    yield from _faces(look, place, people)
            except MemoryError:
                raise
            except Exception as error:
                look.problem = reason(error, material.name)
            if look.problem and not is_picture:
                face = scoring.Face(number, NOBODY, place.frame, place.time, None)
                face.problem = look.problem
                yield Sighting(number, material, place, face=face)
        if look.is_end or is_picture:
            place = Place(material.name)
            yield Sighting(number, material, place, is_end=True, problem=look.problem)


def reason(error: Exception, name: str) -> str:
    """Returns why a file gives no row, or no more, for the table and for people."""
    said = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror
    # Messages for the terminal repeat the name, which stands in the row already.
    return f"cannot be read: {said.rpartition(f'Received: {name}: ')[2]}"


def _looks(materials: Iterable[Material], stopped: threading.Event) -> Iterator[_Look]:
    for number, material in enumerate(materials):
        if stopped.is_set():
            return
        if material.frames is None:
            yield _Look(number, material)
            continue
        problem = ""
        try:
            for frame in material.frames():
                yield _Look(number, material, frame)
                if stopped.is_set():
                    break
        except (FilmError, OSError, UserError) as error:
            problem = reason(error, material.name)
        yield _Look(number, material, is_end=True, problem=problem)


def _aligned(look: _Look) -> np.ndarray | bytes:
    if look.frame is not None:
        return look.frame.image
    encoded = look.material.encoded()
    return look.material.picture() if encoded is None else encoded


def _faces(look: _Look, place: Place, people: analysis.People) -> list[Sighting]:
    if look.content is not None:
        face = scoring.Face(look.number, 0, place.frame, place.time, look.content)
        return [Sighting(look.number, look.material, place, face=face)]
    seen = people.seen(look.frame, look.faces or ())
    return [_sighting(look, place, each) for each in seen]


def _sighting(look: _Look, place: Place, seen: analysis.Seen) -> Sighting:
    face = None
    if seen.person is not None:
        face = scoring.Face(look.number, seen.person, place.frame, seen.time, seen.crop)
    seen = dataclasses.replace(seen, crop=None)
    return Sighting(look.number, look.material, place, seen, face)


def _cores() -> Sequence[int]:
    """Returns the cores that this process may use."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # Not on macOS or Windows.
        return range(os.cpu_count() or 1)


#: The least side of the crops: what the builder makes and models are trained on.
CROP_SIZE = alignment.TEMPLATE_SIZE
