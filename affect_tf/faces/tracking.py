"""Who is who from frame to frame, by place and size alone.

Nobody is recognised: two people who change places while nobody sees them are taken for
one another, and a person who comes back later than the memory lasts is a new one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces.detection import Face

#: The longest time over which a person is expected to go on moving, seconds.
_GLIDE_SECONDS = 0.25
#: Share of the newest step in a person's velocity.
_NEWEST = 0.5
#: A face that is this many times as large, or more, is not the same one.
_MAX_GROWTH = 2.0


@dataclasses.dataclass
class _Track:
    """A person's last box as centre and size, its velocity, and when it was seen."""

    person: int
    centre: np.ndarray
    size: np.ndarray
    velocity: np.ndarray
    time: float

    def expected(self, time: float) -> np.ndarray:
        """Returns the box where the person should be, float [4]."""
        glide = min(time - self.time, _GLIDE_SECONDS)
        centre = self.centre + self.velocity * glide
        return np.concatenate([centre - self.size / 2, centre + self.size / 2])

    def move(self, box: np.ndarray, time: float) -> None:
        """Takes the box that was seen."""
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        velocity = (centre - self.centre) / max(time - self.time, 1e-3)
        self.velocity = _NEWEST * velocity + (1 - _NEWEST) * self.velocity
        self.centre, self.size, self.time = centre, size, time


class Tracker:
    """Gives each person of a film a number: 0, 1, ... in order of appearance.

    A face is the person whose expected box it overlaps most, or, where none overlaps
    enough, the one whose expected centre is nearest and less than `max_step` away; its
    size may not have doubled or halved. Pairs are made best first, over all faces and
    persons. The expected box goes on with the person's velocity, so that people who
    cross keep their numbers. The memory is in seconds: it does not depend on the rate
    of the film.
    """

    def __init__(
        self,
        max_gap_seconds: float = 1.0,
        min_overlap: float = 0.3,
        max_step: float = 0.6,
    ) -> None:
        """Forgets nobody yet.

        Args:
          max_gap_seconds: How long a person may be out of sight.
          min_overlap: Intersection over union from which on a face is the person's.
          max_step: Largest distance of the centres, as a share of the face's side, at
            which a face without such an overlap may still be the person's.

        Raises:
          UserError: If a value is out of range.
        """
        if not (max_gap_seconds >= 0 and 0 < min_overlap <= 1 and max_step >= 0):
            raise UserError(
                "A tracker must have max_gap_seconds and max_step of 0 or more, and "
                "min_overlap above 0 and up to 1. Received: "
                f"max_gap_seconds={max_gap_seconds}, min_overlap={min_overlap}, "
                f"max_step={max_step}. Correct the value."
            )
        self._max_gap = max_gap_seconds
        self._min_overlap = min_overlap
        self._max_step = max_step
        self._tracks: list[_Track] = []
        self._num_persons = 0

    def update(self, faces: Sequence[Face], time: float) -> list[int]:
        """Takes the faces of the next frame.

        Args:
          faces: In any order; may be empty.
          time: Seconds, not less than before.

        Returns:
          The person of each face, in the order of `faces`; no one twice.
        """
        self._tracks = [t for t in self._tracks if time - t.time <= self._max_gap]
        boxes = np.array([face.box for face in faces], np.float64).reshape(-1, 4)
        persons = [-1] * len(faces)
        taken = set()
        for track, face in self._pairs(boxes, time):
            if persons[face] < 0 and track.person not in taken:
                persons[face] = track.person
                taken.add(track.person)
                track.move(boxes[face], time)
        for face, box in enumerate(boxes):
            if persons[face] < 0:
                persons[face] = self._appear(box, time)
        return persons

    def _pairs(self, boxes: np.ndarray, time: float) -> list[tuple[_Track, int]]:
        """Returns who may be who, the likeliest first."""
        pairs = []
        for track in self._tracks:
            expected = track.expected(time)
            for face, box in enumerate(boxes):
                likeness = self._likeness(expected, box)
                if likeness > 0:
                    # Ties go to the older person and the surer face.
                    pairs.append((-likeness, track.person, face, track))
        return [(track, face) for _, _, face, track in sorted(pairs, key=_order)]

    def _likeness(self, expected: np.ndarray, box: np.ndarray) -> float:
        """Returns 1 or more where the boxes overlap, less where they are near, or 0."""
        sides = [max(b[2] - b[0], b[3] - b[1], 1e-6) for b in (expected, box)]
        if max(sides) >= _MAX_GROWTH * min(sides):
            return 0.0
        low = np.maximum(expected[:2], box[:2])
        high = np.minimum(expected[2:], box[2:])
        common = np.clip(high - low, 0, None).prod()
        areas = [np.prod(b[2:] - b[:2]) for b in (expected, box)]
        overlap = common / max(sum(areas) - common, 1e-9)
        if overlap >= self._min_overlap:
            return 1.0 + overlap
        step = np.linalg.norm(expected[:2] + expected[2:] - box[:2] - box[2:]) / 2
        return max(0.0, 1 - step / max(sides) / max(self._max_step, 1e-9))

    def _appear(self, box: np.ndarray, time: float) -> int:
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        track = _Track(self._num_persons, centre, size, np.zeros(2), time)
        self._tracks.append(track)
        self._num_persons += 1
        return track.person


def _order(pair: tuple[float, int, int, _Track]) -> tuple[float, int, int]:
    return pair[:3]


class Follower:
    """Chooses one person of each frame, and stays with them.

    The largest face is followed until it is gone for `patience_seconds`, or until one
    other face has been `clearly` times as large for that long. So the choice does not
    jump between two people of similar size, nor to a bystander, or to something that
    was mistaken for a face, in a frame or two.
    """

    def __init__(self, patience_seconds: float = 0.5, clearly: float = 1.5) -> None:
        """Follows nobody yet.

        Args:
          patience_seconds: How long to wait before another person is followed.
          clearly: By how much the side of their face must be longer, 1 or more.

        Raises:
          UserError: If a value is out of range.
        """
        if not (patience_seconds >= 0 and clearly >= 1):
            raise UserError(
                "A follower must have patience_seconds of 0 or more and clearly of 1 "
                f"or more. Received: patience_seconds={patience_seconds}, "
                f"clearly={clearly}. Correct the value."
            )
        self._patience = patience_seconds
        self._clearly = clearly
        self._person: int | None = None
        self._seen = 0.0
        self._rival: int | None = None
        self._rival_since = 0.0

    def choose(
        self, faces: Sequence[Face], persons: Sequence[int], time: float
    ) -> int | None:
        """Returns the index of the face to take; None where the person is not seen.

        Args:
          faces: The faces of the next frame.
          persons: Who they are, from `Tracker.update`.
          time: Seconds, not less than before.
        """
        if not faces:
            return None
        sides = [face.side for face in faces]
        largest = int(np.argmax(sides))
        if self._person in persons:
            own = persons.index(self._person)
            if not self._outdone(persons[largest], sides[largest] / sides[own], time):
                self._seen = time
                return own
        elif self._person is not None and time - self._seen <= self._patience:
            return None
        self._person, self._seen, self._rival = persons[largest], time, None
        return largest

    def _outdone(self, other: int, times_as_large: float, time: float) -> bool:
        """Whether `other` has been clearly larger for long enough."""
        if times_as_large < self._clearly:
            self._rival = None
            return False
        if self._rival != other:
            self._rival, self._rival_since = other, time
        return time - self._rival_since >= self._patience
