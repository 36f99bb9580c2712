"""Films to people: detect, track, align and judge, a frame at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from affect_tf.faces.detection import Detector
from affect_tf.faces.detection import Face
from affect_tf.faces.films import FilmFrame
from affect_tf.faces.quality import Quality
from affect_tf.faces.quality import quality
from affect_tf.faces.tracking import Follower
from affect_tf.faces.tracking import Tracker

KEEP = ("largest", "all")


@dataclasses.dataclass(frozen=True)
class Seen:
    """One face of one frame; or a frame without one.

    Attributes:
      index: The frame's, from 0.
      time: The frame's, seconds from the film's zero.
      person: Who it is, numbered in order of appearance; None where there is no face,
        and then all that follows is None too.
      face: Its place in the frame.
      quality: How usable it is.
      crop: Uint8 [size, size, 3], RGB: the aligned face.
    """

    index: int
    time: float
    person: int | None = None
    face: Face | None = None
    quality: Quality | None = None
    crop: np.ndarray | None = None


class People:
    """The people of one film: takes the faces of its frames, in order.

    Finding faces needs one frame alone; who is who needs those before. Whoever looks
    for the faces of several frames at a time brings them here one after another.
    """

    def __init__(
        self, size: int = alignment.TEMPLATE_SIZE, keep: str = "largest"
    ) -> None:
        """Has seen nobody yet; see `analyse` for the arguments and their errors."""
        if keep not in KEEP:
            raise UserError(
                f"keep must be one of {', '.join(KEEP)}. Received: keep={keep!r}. "
                "Choose one.",
                exit_code=2,
            )
        self._size, self._keep = size, keep
        self._tracker, self._follower = Tracker(), Follower()

    def seen(self, frame: FilmFrame, faces: Sequence[Face]) -> list[Seen]:
        """Returns the rows of the next frame, one at least.

        Args:
          frame: Its time is not less than that of the one before.
          faces: What a detector found in it, best first; may be empty.
        """
        persons = self._tracker.update(faces, frame.time)
        if self._keep == "largest":
            chosen = self._follower.choose(faces, persons, frame.time)
            rows = [] if chosen is None else [chosen]
        else:
            rows = sorted(range(len(faces)), key=lambda row: persons[row])
        if not rows:
            return [Seen(frame.index, frame.time)]
        return [self._row(frame, faces[row], persons[row]) for row in rows]

    def _row(self, frame: FilmFrame, face: Face, person: int) -> Seen:
        crop = alignment.align(frame.image, face.points, self._size)
        judged = quality(face, crop)
        return Seen(frame.index, frame.time, person, face, judged, crop)


def analyse(
    frames: Iterable[FilmFrame],
    detector: Detector,
    size: int = alignment.TEMPLATE_SIZE,
    keep: str = "largest",
) -> Iterator[Seen]:
    """Looks at the frames of one film, in order, as they are asked for.

    Args:
      frames: Of one film; from `films.frames`, or photographs made into frames.
      detector: What finds the faces; called once a frame.
      size: Side of the crops in pixels.
      keep: "all" gives every face, sorted by person. "largest" gives one row a frame:
        the largest face, but it stays with a person while they are seen, until
        somebody else is clearly larger (see `tracking.Follower`); while that person is
        missed for a moment the row has no face. Numbers of persons are the same in
        both, so that in "largest" some may be missing.

    Yields:
      At least one for each frame. Memory does not grow, but for what the caller keeps.

    Raises:
      UserError: If `keep` is unknown; and whatever `frames` raises, after the rows of
        the frames before.
    """
    people = People(size, keep)
    return (
        row for frame in frames for row in people.seen(frame, detector(frame.image))
    )
