"""From rows of the table to serialized samples, picture by picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from affect_tf.data import records
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import pictures
from tfrecords_builder.picture_source import Pictures
from tfrecords_builder.plan import PlannedShard
from tfrecords_builder.rejects import Reject
from tfrecords_builder.sound_source import Soundtracks


class Written(NamedTuple):
    """What became of one clip.

    Attributes:
      record: The serialized sample, or None where it was rejected.
      frames: Frames in it.
      rejects: Frames that were left out.
      rows: Rows of the table that it was made of.
    """

    record: bytes | None
    frames: int
    rejects: list[Reject]
    rows: int


def encode(
    table: pd.DataFrame,
    planned: PlannedShard,
    source: Pictures,
    taxonomy: Taxonomy,
    size: int,
    sounds: Soundtracks | None = None,
) -> list[Written]:
    """Returns the samples of a few rows, which must be whole clips, in order.

    Args:
      table: Rows of a plan's table.
      planned: The shard that they belong to.
      source: Where the pictures come from.
      taxonomy: The vocabulary of the records.
      size: Side of the stored pictures.
      sounds: Where the sound comes from; None stores none.
    """
    clips: dict[str, list] = {}
    for row in table.itertuples(index=False):
        clips.setdefault(row.clip, []).append(row)
    stored = _pictures(table["picture"].unique(), source, size)
    return [_sample(rows, planned, taxonomy, stored, sounds) for rows in clips.values()]


def _pictures(
    keys: Iterable[str], source: Pictures, size: int
) -> dict[str, bytes | str]:
    """Returns, for each picture, the bytes to store, or why there are none."""
    found: dict[str, bytes | str] = {}
    for key in keys:
        try:
            found[key] = pictures.prepare(source.read(key), size)
        except OSError as error:
            found[key] = f"cannot be read ({error.strerror or error})"
        except pictures.PictureError as error:
            found[key] = str(error)
    whole = [key for key, stored in found.items() if isinstance(stored, bytes)]
    verdicts = pictures.readable([found[key] for key in whole], size)
    for key, valid in zip(whole, verdicts, strict=True):
        if not valid:
            found[key] = pictures.UNREADABLE
    return found


def _sample(
    rows: list,
    planned: PlannedShard,
    taxonomy: Taxonomy,
    stored: Mapping[str, bytes | str],
    sounds: Soundtracks | None,
) -> Written:
    """Encodes one clip without the frames that have no readable picture."""
    frames, rejects = [], []

    def reject(row: NamedTuple, reason: str) -> None:
        rejects.append(Reject(row.origin, row.row, "file", row.key, reason))

    for row in rows:
        image = stored[row.picture]
        if isinstance(image, str):
            reject(row, image)
        else:
            frames.append(annotations_lib.frame(row, taxonomy.action_units, image))
    if any(frame.time is None for frame in frames):
        # Where only some are known, nobody can tell how far apart they are.
        frames = [dataclasses.replace(frame, time=None) for frame in frames]
    first = rows[0]
    sample = records.Sample(
        key=first.clip,
        frames=tuple(frames),
        source=first.source,
        subject=first.subject,
        video=first.video,
        split=first.split,
        # Only stills have any, so those of the first frame are those of the clip.
        sampling=annotations_lib.sampling(first),
    )
    # Every sample of a shard has its tasks. A clip that lost them goes as a whole.
    if sample.tasks != planned.tasks or not frames:
        lost = {reject.value for reject in rejects}
        for row in rows:
            if row.key not in lost:
                reject(row, "is in a clip whose labelled frames cannot be read")
        return Written(None, 0, rejects, len(rows))
    if sounds is not None and frames[0].time is not None:
        times = [frame.time for frame in frames]
        sound = sounds.of_clip(first.source, first.video, times)
        sample = dataclasses.replace(sample, sound=sound)
    return Written(records.encode(sample, taxonomy), len(frames), rejects, len(rows))
