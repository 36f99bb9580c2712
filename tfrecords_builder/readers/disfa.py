"""Reads DISFA: films of 27 people, the intensity of twelve action units in each frame.

    ActionUnit_Labels/SN001/SN001_au4.txt        frame,intensity
    Videos_LeftCamera/LeftVideoSN001_comp.avi
    Video_RightCamera/RightVideoSN001_Comp.avi

A frame's labels and its picture are joined by its number, counted from 1. The faces
are found in the films, or come as pictures that somebody else has aligned.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import splits
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.extraction_progress import Progress
from tfrecords_builder.readers import disfa_labels
from tfrecords_builder.readers import disfa_pictures
from tfrecords_builder.readers import dropped
from tfrecords_builder.readers import film_flags
from tfrecords_builder.readers.disfa_labels import UNITS
from tfrecords_builder.readers.picture_folder import checked_root
from tfrecords_builder.readers.picture_folder import PictureFolder
from tfrecords_builder.runners import Runner

HELP = (
    "DISFA: ActionUnit_Labels/ beside the films of one camera.\n"
    "--images takes pictures that are aligned already, instead of the films."
)

#: The lowest intensity at which a unit counts as there.
THRESHOLD = 2


def annotations(
    root: str | os.PathLike[str],
    *,
    faces: str | os.PathLike[str] | None = None,
    images: str | os.PathLike[str] | None = None,
    source: str = "disfa",
    camera: str = "left",
    threshold: int = THRESHOLD,
    first_image: int = 1,
    detector: str = "default",
    size: int = 112,
    validation_fraction: float | None = None,
    seed: int = 0,
    runner: Runner | None = None,
    progress: Progress | None = None,
) -> Annotations:
    """Reads the data set.

    The largest face of a frame is its subject's; nobody is tracked. A key is
    "SN001/00012", by the number of the labels; `frame` counts from 0. A film that is
    damaged is left out as a whole: the numbers of its frames cannot be trusted.

    Args:
      root: The folder of the data set.
      faces: Folder for the crop files of the films; not needed with `images`.
      images: Folder of aligned pictures, whose names hold the person and end with the
        frame's number (LeftVideoSN001_comp_aligned/frame_det_00_000012.bmp).
      source: Name of the source and the vocabulary.
      camera: "left" or "right".
      threshold: The lowest intensity, 1 to 5, that makes a unit 1.
      first_image: The number of the picture of a film's first frame.
      detector: Name of a face detector, for the films.
      size: Side of the crops, pixels.
      validation_fraction: Share of the rows that becomes the validation split, by
        whole people; by default all train.
      seed: Seed of that choice.
      runner: Who looks through the films.
      progress: Told how far that is.

    Raises:
      UserError: If an option is wrong, or the folder holds no such data set.
    """
    root = checked_root(root, "disfa")
    _check(threshold, camera, faces, images)
    paths = PictureFolder(root).paths
    labels = disfa_labels.read(root, paths)
    if images is None:
        seen = disfa_pictures.in_films(
            root, paths, labels.table["subject"].unique(), camera, faces,
            detector=detector, size=size, runner=runner, progress=progress,
        )  # fmt: skip
    else:
        seen = disfa_pictures.in_folder(pathlib.Path(images), camera, first_image)
    table = labels.table.merge(
        seen.table, how="outer", on=["subject", "number"], indicator="there"
    ).sort_values(["subject", "number"], ignore_index=True)
    lost = _reason(table)
    split = _splits(table["subject"], lost == "", validation_fraction, seed)
    rows = table[lost == ""].assign(split=split[lost == ""])
    return Annotations(
        table=_completed(rows, threshold, source, root),
        taxonomy=Taxonomy(source, (), UNITS, has_va=False),
        pictures=seen.pictures,
        origin=str(root),
        rejects=(*labels.rejects, *seen.rejects),
        notes=(*labels.notes, *seen.notes, *_notes(lost)),
        dropped=dropped.count(split, lost, {}),
        reader="disfa",
        films=seen.films,
    )


def add_flags(add: Callable[..., object]) -> None:
    """Adds the reader's flags with `add`, as `add_argument`."""
    add(
        "--threshold",
        type=int,
        metavar="INTENSITY",
        help=f"the lowest intensity, 1 to 5, that counts (default {THRESHOLD})",
    )
    add(
        "--camera",
        choices=disfa_pictures.CAMERAS,
        help="whose films or pictures (default left)",
    )
    add(
        "--images",
        metavar="DIR",
        help="aligned pictures instead of films, named by person and frame "
        "(.../LeftVideoSN001_comp_aligned/frame_det_00_000012.bmp)",
    )
    add(
        "--first_image",
        type=int,
        metavar="N",
        help="the number of a film's first picture (default 1)",
    )
    film_flags.add_detector(add)


def read(flags: argparse.Namespace) -> Annotations:
    """Returns the data set that a command line asks for."""
    with film_flags.progress(flags) as progress:
        return annotations(
            flags.root,
            faces=film_flags.folder(flags),
            images=flags.images,
            source=flags.source or "disfa",
            camera=flags.camera or "left",
            threshold=THRESHOLD if flags.threshold is None else flags.threshold,
            first_image=1 if flags.first_image is None else flags.first_image,
            detector=flags.detector or "default",
            size=flags.size,
            validation_fraction=flags.validation_fraction,
            seed=flags.seed,
            runner=film_flags.runner(flags),
            progress=progress,
        )


def _reason(table: pd.DataFrame) -> np.ndarray:
    """Returns why each row cannot be used, object [N]; "" where it can."""
    there = table["there"].to_numpy(object)
    reason = np.where(table["key"].eq("").to_numpy(), "no_face", "").astype(object)
    reason[there == "left_only"] = "no_image"
    reason[there == "right_only"] = "no_annotation"
    return reason


def _splits(
    subjects: pd.Series, used: np.ndarray, fraction: float | None, seed: int
) -> np.ndarray:
    """Returns a split for each row: all of a person's rows in one."""
    if fraction is None:
        return np.full(len(subjects), "train", object)
    chosen = splits.by_group(subjects[used], fraction, seed)
    of = dict(zip(subjects[used], chosen, strict=True))
    return subjects.map(lambda subject: of.get(subject, "train")).to_numpy(object)


def _completed(
    rows: pd.DataFrame, threshold: int, source: str, root: pathlib.Path
) -> pd.DataFrame:
    """Returns the table of annotations."""
    taxonomy = Taxonomy(source, (), UNITS, has_va=False)
    intensity = rows[list(UNITS)]
    present = (intensity >= threshold).astype(np.float64).where(intensity.notna())
    table = rows[["key", "split", "subject", "row", "origin"]].assign(
        video=rows["subject"], frame=rows["number"] - 1, **present
    )
    return annotations_lib.complete(
        table.assign(archive="disfa"), taxonomy, source, str(root)
    )


def _notes(lost: np.ndarray) -> list[str]:
    """Returns in how many frames a face was found."""
    without = int((lost == "no_face").sum())
    if not without:
        return []
    every = without + int((lost == "").sum())
    return [f"No face was found in {without:,} of {every:,} labelled frames."]


def _check(
    threshold: int,
    camera: str,
    faces: str | os.PathLike[str] | None,
    images: str | os.PathLike[str] | None,
) -> None:
    if not 1 <= threshold <= disfa_labels.STRONGEST:
        raise UserError(
            f"--threshold must lie in 1 ... {disfa_labels.STRONGEST}. "
            f"Received: --threshold={threshold}. Use 2 if in doubt.",
            exit_code=2,
        )
    if camera not in disfa_pictures.CAMERAS:
        raise UserError(
            f"--camera must be one of {', '.join(disfa_pictures.CAMERAS)}. "
            f"Received: --camera={camera}. Choose one.",
            exit_code=2,
        )
    if faces is None and images is None:
        raise UserError(
            "Films must have a folder for their faces. Received: faces=None. Name one, "
            "or a folder of aligned pictures with images."
        )
