"""Reads AFEW-VA: valence and arousal of every frame of short clips from films.

`<NN>/<clip>/` holds the frames `00000.png`, `00001.png`, ... and `<clip>.json`:

    {"actor": "...", "frames":
        {"00000": {"landmarks": [[x, y], ...], "valence": -2, "arousal": 5}, ...}}

with 68 landmarks, and values from -10 to 10 that become -1 to 1.
"""

from __future__ import annotations

import argparse
import collections
import os
from collections.abc import Callable

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import cropped_faces
from tfrecords_builder import splits
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.readers import afew_va_clips
from tfrecords_builder.readers import crop_flags
from tfrecords_builder.readers import dropped as dropped_lib
from tfrecords_builder.readers import landmarks as landmarks_lib
from tfrecords_builder.readers.picture_folder import checked_root
from tfrecords_builder.rejects import Reject

HELP = "AFEW-VA: <NN>/<clip>/ with the frames of a clip and <clip>.json."


def annotations(
    root: str | os.PathLike[str],
    *,
    source: str = "afew_va",
    validation_fraction: float | None = None,
    seed: int = 0,
    align: str = "landmarks",
    margin: float = 0.0,
    size: int = cropped_faces.Cut.size,
) -> Annotations:
    """Reads the data set.

    A frame's key is its clip and its number in five digits ("001/00000"); the video
    is the clip; the subject its actor, or the clip where none is named. Landmarks are
    needed to cut a face out: a frame without any is left out as "no_face", one whose
    landmarks are not 68 pairs of numbers is rejected. A JSON file that cannot be read
    costs its own clip, whose pictures are rejected.

    Args:
      root: The folder of the data set.
      source: Name of the source and the vocabulary.
      validation_fraction: Share of the frames that becomes the validation split, by
        whole clips; by default all are training data.
      seed: Seed of that choice.
      align: "landmarks"; "box" for the square around all landmarks; or "none".
      margin: What is added around that box, as in `cropped_faces.Cut`.
      size: Side of the crops, pixels.

    Raises:
      UserError: If an option is wrong, or the folder holds no such data set.
    """
    cut = Cut(align, size, margin)
    root = checked_root(root, "afew_va")
    clips = afew_va_clips.find(root)
    if not any(clip.files for clip in clips):
        raise UserError(
            "The folder of AFEW-VA must hold <NN>/<clip>/<clip>.json. "
            f"Received: --root={root}, which does not. Name the folder above '01'."
        )
    rows, landmarks, rejects, unlisted = _frames(root, clips, cut)
    points = landmarks_lib.five_points(landmarks)
    boxes = landmarks_lib.boxes(landmarks)
    fraction = 0.0 if validation_fraction is None else validation_fraction
    # One actor may be in several clips, and must not be in two splits.
    named = rows["actor"] != ""
    subjects = rows["actor"].where(named, rows["video"])
    split = splits.by_group(subjects, fraction, seed)
    reason = np.full(len(rows), "", object)
    # What comes last counts.
    reason[~cropped_faces.located(cut, points, boxes)] = "no_face"
    reason[rows["path"].isna()] = "no_image"
    split_of = dict(zip(rows["video"], split, strict=True))
    without = collections.Counter()
    for clip, number in unlisted.items():
        without[split_of.get(clip, "train")] += number
    kept = reason == ""
    dropped = dropped_lib.count(split, reason, without)
    rows = rows.assign(split=split, subject=subjects)[kept]
    paths = rows["path"].tolist()
    taxonomy = Taxonomy(source)
    return Annotations(
        table=annotations_lib.complete(
            rows.assign(archive="afew_va"), taxonomy, source, str(root)
        ),
        taxonomy=taxonomy,
        pictures=cropped_faces.crops(
            root, rows["key"].tolist(), paths, cut, points[kept], boxes[kept]
        ),
        origin=str(root),
        rejects=tuple(rejects),
        notes=_notes(named.to_numpy()),
        dropped=dropped,
        reader="afew_va",
        subjects_known=bool(named.any()),
    )


def add_flags(add: Callable[..., object]) -> None:
    """Adds the reader's flags with `add`, as `add_argument`."""
    crop_flags.add_flags(add, "landmarks")


def read(flags: argparse.Namespace) -> Annotations:
    """Calls `annotations` with what a command line says."""
    return annotations(
        checked_root(flags.root, "afew_va"),
        source="afew_va" if flags.source is None else flags.source,
        validation_fraction=flags.validation_fraction,
        seed=flags.seed,
        **crop_flags.options(flags, "landmarks"),
    )


def _notes(named: np.ndarray) -> tuple[str, ...]:
    """Returns what follows where clips do not say who is seen, bool [N]."""
    if named.all():
        return ()
    return (
        f"{(~named).sum():,} of {len(named):,} frames are of clips that name no actor: "
        "each such clip counts as a person of its own.",
    )


def _frames(
    root: os.PathLike[str], clips: list[afew_va_clips.Clip], cut: Cut
) -> tuple[pd.DataFrame, np.ndarray, list[Reject], dict[str, int]]:
    """Reads the clips.

    Returns:
      One row a frame: `key`, `video`, `frame`, `path` (None where there is no
      picture), `actor`, `valence`, `arousal` and `origin`; float64 [N, 68, 2], the
      landmarks; what was wrong; and clip -> number of pictures without a frame.
    """
    rows, landmarks, rejects, unlisted = [], [], [], {}
    origins: dict[str, str] = {}
    for clip in clips:
        if clip.name in origins:
            reason = f"belongs to a clip whose name {origins[clip.name]} has too"
            where = str(root / clip.folder)
            rejects += afew_va_clips.reject_all(clip, where, reason)
            continue
        origins[clip.name] = str(root / clip.folder)
        found = afew_va_clips.read(root, clip, cut.align != "none")
        rejects += found.rejects
        unlisted[clip.name] = found.unlisted
        for row in found.rows:
            landmarks.append(row.pop("landmarks"))
            key = f"{clip.name}/{row['frame']:05d}"
            rows.append({"key": key, "video": clip.name, **row})
    columns = [
        "key", "video", "frame", "path", "actor", "valence", "arousal", "origin",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    marks = np.array(landmarks).reshape(-1, landmarks_lib.NUM_LANDMARKS, 2)
    return table, marks, rejects, unlisted
