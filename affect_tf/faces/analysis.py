"""Films to people: detect, track, align and judge, a frame at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator

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
    if keep not in KEEP:
        raise UserError(
            f"keep must be one of {', '.join(KEEP)}. Received: keep={keep!r}. "
            "Choose one.",
            exit_code=2,
        )
    return _analyse(frames, detector, size, keep)


def _analyse(
    frames: Iterable[FilmFrame], detector: Detector, size: int, keep: str
) -> Iterator[Seen]:
    tracker, follower = Tracker(), Follower()
    for frame in frames:
        faces = detector(frame.image)
        persons = tracker.update(faces, frame.time)
        if keep == "largest":
            chosen = follower.choose(faces, persons, frame.time)
            rows = [] if chosen is None else [chosen]
        else:
            rows = sorted(range(len(faces)), key=lambda row: persons[row])
        if not rows:
            yield Seen(frame.index, frame.time)
        for row in rows:
            face = faces[row]
            crop = alignment.align(frame.image, face.points, size)
            yield Seen(
                frame.index,
                frame.time,
                persons[row],
                face,
                quality(face, crop),
                crop,
            )
