"""Sightings to the rows of a table, a film or photograph at a time."""

from __future__ import annotations

import array
import dataclasses
from collections.abc import Iterator

from affect_tf.serving.loaded_model import Outputs
from affect_tf.serving.prediction import table
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.sightings import Sighting
from affect_tf.serving.prediction.smoothing import Smoother


@dataclasses.dataclass
class Outcome:
    """What became of one film or photograph.

    Attributes:
      name: As the table has it.
      is_film: Whether it is a film or a camera.
      is_live: Whether it is a camera.
      frames: How many were decoded; 1 for a photograph.
      faces: How many rows have a face.
      problem: Why it, or the rest of it, could not be read; "" where all was.
    """

    name: str
    is_film: bool
    frames: int = 0
    faces: int = 0
    problem: str = ""
    is_live: bool = False


class MaterialRows:
    """The rows of one film or photograph.

    Attributes:
      outcome: Up to the last sighting that was added.
    """

    def __init__(
        self, material: Material, columns: table.Columns, smooth: float
    ) -> None:
        self.outcome = Outcome(
            material.name, material.frames is not None, is_live=material.is_live
        )
        self._columns = columns
        self._smoother: Smoother[Sighting] = Smoother(smooth)
        # A film in which nobody is ever seen has no rows: the frames before the first
        # face wait here, as sixteen bytes each, however long that takes.
        self._indices, self._times = array.array("q"), array.array("d")
        self._is_begun = False
        self._last = table.Place(material.name)

    def add(self, sighting: Sighting) -> Iterator[table.Row]:
        """Takes the next sighting, whose scores are known, and gives rows."""
        if sighting.is_end:
            yield from self._end(sighting.problem)
            return
        self._last = sighting.place
        self.outcome.frames = sighting.place.frame + 1
        face = sighting.face
        if self.outcome.is_film and not self._is_begun and face is None:
            self._indices.append(sighting.place.frame)
            self._times.append(sighting.place.time)
            return
        if not self._is_begun:
            self._is_begun = True
            yield from self._held()
        if face is not None:
            self.outcome.faces += face.scores is not None
            self.outcome.problem = self.outcome.problem or face.problem
        person = table.NOBODY if face is None else face.person
        scores = None if face is None else face.scores
        ready = self._smoother.add(sighting, sighting.place.time, person, scores)
        for each, smooth in ready:
            yield self._row(each, smooth)

    def _row(self, sighting: Sighting, scores: Outputs | None) -> table.Row:
        if scores is None:
            problem = sighting.face.problem if sighting.face else table.NO_FACE
            return self._columns.failed(sighting.place, problem)
        if sighting.seen is None:
            return self._columns.aligned(sighting.place, scores)
        return self._columns.face(sighting.place, sighting.seen, scores)

    def _held(self) -> Iterator[table.Row]:
        held = zip(self._indices, self._times, strict=True)
        self._indices, self._times = array.array("q"), array.array("d")
        for frame, time in held:
            place = table.Place(self.outcome.name, frame, time)
            yield self._columns.failed(place)

    def rest(self) -> Iterator[table.Row]:
        """Gives what still waits: nothing more of this one will come."""
        for each, smooth in self._smoother.end():
            yield self._row(each, smooth)

    def _end(self, problem: str) -> Iterator[table.Row]:
        yield from self.rest()
        if problem:
            self.outcome.problem = problem
            place = table.Place(self.outcome.name, self.outcome.frames, self._last.time)
            yield self._columns.failed(place, problem)
