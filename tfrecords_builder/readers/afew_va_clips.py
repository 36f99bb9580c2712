"""The clips of AFEW-VA: a folder of frames and a JSON file each."""

from __future__ import annotations

import collections
import json
import pathlib
import posixpath
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from tfrecords_builder.readers.landmarks import NUM_LANDMARKS
from tfrecords_builder.readers.picture_folder import is_picture
from tfrecords_builder.readers.picture_folder import PictureFolder
from tfrecords_builder.rejects import Reject

#: Valence and arousal are written in tenths.
SCALE = 10

#: Key under which `_object` notes the names that a JSON object holds twice.
_REPEATED = object()


class Clip(NamedTuple):
    """One folder.

    Attributes:
      folder: Its path from the root of the data set, "01/001".
      name: The last part of that, "001".
      files: Its JSON files, from the root of the data set.
      pictures: Its pictures, from there.
    """

    folder: str
    name: str
    files: list[str]
    pictures: list[str]


class Frames(NamedTuple):
    """What is known of a clip.

    Attributes:
      rows: A dictionary a frame: `frame` (its number), `path` (of its picture, None
        where there is none), `actor` (who is seen; empty where the file does not say),
        `valence`, `arousal`, `origin`, and `landmarks`, float64 [68, 2], pixels, NaN
        for none.
      rejects: What was wrong.
      unlisted: Number of pictures without a frame in the JSON file.
    """

    rows: list[dict[str, Any]]
    rejects: list[Reject]
    unlisted: int


def find(root: pathlib.Path) -> list[Clip]:
    """Returns all folders below the root with pictures or a JSON file of their name.

    What lies in the root itself belongs to no clip.
    """
    clips: dict[str, Clip] = {}
    for path in PictureFolder(root).paths:
        folder, name = posixpath.split(path)
        is_json = name.lower().endswith(".json")
        if folder and (is_json or is_picture(name)):
            clip = Clip(folder, posixpath.basename(folder), [], [])
            clip = clips.setdefault(folder, clip)
            (clip.files if is_json else clip.pictures).append(path)
    return [clip for clip in clips.values() if clip.pictures or _own_file(clip)]


def read(root: pathlib.Path, clip: Clip, needs_landmarks: bool) -> Frames:
    """Reads one clip.

    Args:
      root: The folder of the data set.
      clip: One that `find` gave.
      needs_landmarks: Whether a frame with wrong landmarks is rejected.

    Returns:
      Its frames. Where the JSON file cannot be read at all, every picture of the clip
      is rejected; nothing outside of it is.
    """
    if not clip.files:
        return Frames([], [], len(clip.pictures))
    own = _own_file(clip)
    if own is None:
        where = str(root / clip.folder)
        reason = f"lies beside several JSON files, none of them {clip.name}.json"
        return Frames([], reject_all(clip, where, reason), 0)
    path = root / own
    try:
        content = json.loads(
            path.read_text(encoding="utf-8-sig"), object_pairs_hook=_object
        )
        if _REPEATED in content:
            raise ValueError(f"{content[_REPEATED][0]!r} occurs twice")
        frames = content["frames"]
        repeated = frames.pop(_REPEATED, ())
        actor = str(content.get("actor") or "").strip()
    except (OSError, ValueError, RecursionError) as error:
        reason = f"belongs to a JSON file that cannot be read ({error})"
        return Frames([], reject_all(clip, str(path), reason), 0)
    except (KeyError, TypeError, AttributeError):
        reason = "belongs to a JSON file without an object of frames"
        return Frames([], reject_all(clip, str(path), reason), 0)
    found = _frames(clip, str(path), frames, repeated, needs_landmarks)
    for row in found.rows:
        row["actor"] = actor
    return found


def reject_all(clip: Clip, file: str, reason: str) -> list[Reject]:
    """Returns a reject for every picture of a clip; one where there is none."""
    names = [posixpath.basename(path) for path in clip.pictures]
    return [Reject(file, 0, "clip", name, reason) for name in names or [clip.name]]


def _own_file(clip: Clip) -> str | None:
    """Returns the JSON file of the clip's name, or the only one beside pictures."""
    for path in clip.files:
        stem = posixpath.splitext(posixpath.basename(path))[0]
        if stem.casefold() == clip.name.casefold():
            return path
    return clip.files[0] if len(clip.files) == 1 and clip.pictures else None


def _frames(
    clip: Clip,
    file: str,
    frames: Mapping[str, Any],
    repeated: Sequence[str],
    needs_landmarks: bool,
) -> Frames:
    """Returns the frames that a JSON file describes."""
    pictures = _by_number(clip.pictures)
    rows, rejects, numbers = [], [], set()
    for name, frame in frames.items():
        number = _number(name)
        try:
            if number is None:
                raise _Fault("frame", None, "must be a number, as its picture's name")
            if name in repeated or number in numbers:
                raise _Fault("frame", None, "must be described once")
            row = _labels(frame, needs_landmarks)
        except _Fault as fault:
            value = name if fault.value is None else f"{name}: {fault.value!r}"
            rejects.append(Reject(file, 0, fault.field, value, fault.reason))
        else:
            path = pictures.get(number)
            row |= {"frame": number, "path": path, "origin": file}
            rows.append(row)
        numbers.add(number)
    unlisted = len(clip.pictures) - len(pictures.keys() & numbers)
    return Frames(rows, rejects, unlisted)


class _Fault(Exception):
    """What is wrong with a frame; the value is None where there is none to show."""

    def __init__(self, field: str, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.value = value
        self.reason = reason


def _labels(frame: Any, needs_landmarks: bool) -> dict[str, Any]:
    """Returns `valence`, `arousal` and `landmarks` of a frame.

    Raises:
      _Fault: If one of them is wrong.
    """
    if not isinstance(frame, dict) or _REPEATED in frame:
        raise _Fault("frame", None, "must be an object that names each field once")
    found = {}
    for field in ("valence", "arousal"):
        value = frame.get(field)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # NaN is not in range either.
        if not is_number or not -SCALE <= value <= SCALE:
            shown = "" if value is None else value
            raise _Fault(field, shown, f"must be a number from -{SCALE} to {SCALE}")
        found[field] = value / SCALE
    found["landmarks"] = _landmarks(frame.get("landmarks") or None, needs_landmarks)
    return found


def _landmarks(value: Any, needed: bool) -> np.ndarray:
    """Returns float64 [68, 2], pixels; NaN where there are none, or none is needed.

    Raises:
      _Fault: If they are wrong and needed.
    """
    none = np.full((NUM_LANDMARKS, 2), np.nan)
    if value is None or not needed:
        return none
    try:
        marks = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        marks = none
    if marks.shape != none.shape or not np.isfinite(marks).all():
        raise _Fault("landmarks", None, f"must be {NUM_LANDMARKS} pairs of numbers")
    return marks


def _by_number(pictures: Sequence[str]) -> dict[int, str]:
    """Returns frame number -> picture; of several with one number, the first."""
    found: dict[int, str] = {}
    for path in pictures:
        number = _number(posixpath.splitext(posixpath.basename(path))[0])
        if number is not None:
            found.setdefault(number, path)
    return found


def _number(name: str) -> int | None:
    """Returns the number of a frame ("00012" is 12); None for another name."""
    return int(name) if name.isascii() and name.isdigit() and len(name) < 16 else None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[Any, Any]:
    """Returns a JSON object; the last of equal names counts, and all are noted."""
    found: dict[Any, Any] = dict(pairs)
    if len(found) < len(pairs):
        times = collections.Counter(name for name, _ in pairs)
        found[_REPEATED] = [name for name, number in times.items() if number > 1]
    return found
