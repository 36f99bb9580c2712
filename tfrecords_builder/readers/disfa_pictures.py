"""Which film or which pictures of DISFA show which person and frame."""

from __future__ import annotations

import os
import pathlib
import posixpath
import re
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import pandas as pd

from affect_tf.errors import UserError
from affect_tf.faces import films
from tfrecords_builder import extraction
from tfrecords_builder.annotations import FilmTables
from tfrecords_builder.crop_work import Footage
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.picture_source import Pictures
from tfrecords_builder.readers import disfa_labels
from tfrecords_builder.readers import film_flags
from tfrecords_builder.readers.picture_folder import PictureFolder
from tfrecords_builder.rejects import Reject

#: Where the film was taken from.
CAMERAS = ("left", "right")

_SUBJECT = re.compile(r"sn0*([0-9]+)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"([0-9]+)$", re.ASCII)
#: How OpenFace names the faces of a frame; 00 is the first.
_OTHER_FACE = re.compile(r"_det_(?!00_)[0-9]+_", re.ASCII)


class Seen(NamedTuple):
    """What is there to be labelled.

    Attributes:
      table: subject, number (from 1) and key, "" for a frame without a face.
      pictures: Those of the keys.
      films: The tables of the films, or None.
      rejects: What cannot be used.
      notes: Remarks.
    """

    table: pd.DataFrame
    pictures: Pictures
    films: FilmTables | None
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


class Numbered(NamedTuple):
    """Pictures by what they show.

    Attributes:
      table: subject, number (of the frame, from 1) and path.
      rejects: Pictures that claim the same frame.
      notes: What was not taken.
    """

    table: pd.DataFrame
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


def in_films(
    root: pathlib.Path,
    paths: Sequence[str],
    subjects: Sequence[str],
    camera: str,
    faces: str | os.PathLike[str],
    **options: Any,
) -> Seen:
    """Returns the largest face of each frame of the films.

    Args:
      root: The folder of the data set.
      paths: What lies below it.
      subjects: Whose films are of use.
      camera: "left" or "right".
      faces: Folder for the crop files.
      **options: Of `extraction.extract`.

    Raises:
      UserError: If there is no film, or a person has two.
    """
    found = find_films(paths, camera)
    footage = [
        Footage(subject, os.path.join(root, found[subject]), found[subject], True)
        for subject in subjects
        if subject in found
    ]
    if not footage:
        raise UserError(
            f"--root must hold films of the {camera} camera, like "
            f"{camera.title()}VideoSN001_comp.avi, of people with labels. Received: "
            f"--root={root}, which has none. Add --images=DIR for pictures that are "
            "aligned already."
        )
    # Nobody is followed: what counts is the frame, and there is one person in the room.
    extracted = extraction.extract(footage, faces, first=1, follow=False, **options)
    frames = extracted.frames
    table = pd.DataFrame(
        {"subject": frames["film"], "number": frames["frame"] + 1, "key": frames["key"]}
    )
    damaged = {problem.name for problem in extracted.problems}
    others = sorted(set(found) - set(subjects))
    return Seen(
        table=table[~table["subject"].isin(damaged)],
        pictures=extracted.crops,
        films=FilmTables(frames.drop(columns="photograph"), extracted.films),
        rejects=film_flags.rejects(footage, extracted.problems),
        notes=(f"Films of people without labels: {', '.join(others)}.",) * bool(others),
    )


def in_folder(images: pathlib.Path, camera: str, first: int) -> Seen:
    """Returns pictures that are aligned already.

    Args:
      images: Their folder.
      camera: "left" or "right".
      first: The number of a film's first picture.

    Raises:
      UserError: If there is none, or they are numbered from less than `first`.
    """
    if not images.is_dir():
        raise UserError(
            f"--images must be a folder. Received: --images={images}. Name the folder "
            "of the aligned pictures.",
            exit_code=2,
        )
    numbered = number_pictures(PictureFolder(images).pictures(), camera, first)
    table = numbered.table
    if table.empty:
        raise UserError(
            f"--images must hold pictures of the {camera} camera, whose names have "
            "the person and end with the frame, like SN001/00012.png. Received: "
            f"--images={images}, which has none. Name another folder."
        )
    number = table["number"].astype(str).str.zfill(5)
    table = table.assign(key=table["subject"] + "/" + number)
    paths = dict(zip(table["key"], table.pop("path"), strict=True))
    return Seen(
        table=table,
        pictures=PictureFiles(str(images), paths),
        films=None,
        rejects=tuple(r._replace(file=str(images / r.file)) for r in numbered.rejects),
        notes=numbered.notes,
    )


def find_films(paths: Sequence[str], camera: str) -> dict[str, str]:
    """Returns the film of each person: subject -> path.

    A film is that of a person by its name (LeftVideoSN001_comp.avi). One whose path
    says the other camera is none.

    Args:
      paths: What lies below the root.
      camera: "left" or "right".

    Raises:
      UserError: If a person has two.
    """
    found: dict[str, list[str]] = {}
    for path in paths:
        match = _SUBJECT.search(path.rpartition("/")[2])
        if match and films.is_film(path) and _camera(path) in (camera, None):
            found.setdefault(disfa_labels.subject(match[1]), []).append(path)
    for subject, candidates in found.items():
        # A film that says its camera comes before one that says none.
        named = [path for path in candidates if _camera(path) == camera]
        found[subject] = named or candidates
        if len(found[subject]) > 1:
            raise UserError(
                f"A person must have one film of the {camera} camera. Received: "
                f"{subject} in {' and '.join(found[subject])}. Move one out of --root."
            )
    return {subject: candidates[0] for subject, candidates in found.items()}


def number_pictures(paths: Iterable[str], camera: str, first: int) -> Numbered:
    """Returns which frame each picture shows, by the number that ends its name.

    The person is named by the file or, nearest to it, by a folder:
    LeftVideoSN001_comp_aligned/frame_det_00_000012.bmp is frame 12 of SN001.

    Args:
      paths: Of pictures, below their folder.
      camera: Those whose path says the other one are not taken.
      first: The number of a film's first picture.

    Raises:
      UserError: If a number is smaller than `first`: all would be off by some.
    """
    rows, rejects, notes = [], [], []
    unnamed, others = 0, 0
    for path in paths:
        stem = posixpath.splitext(path)[0]
        match, subjects = _NUMBER.search(stem), _SUBJECT.findall(stem)
        if match is None or not subjects:
            unnamed += 1
        elif _camera(path) in (camera, None):
            if _OTHER_FACE.search(stem.rpartition("/")[2]):
                others += 1
            else:
                rows.append((disfa_labels.subject(subjects[-1]), int(match[1]), path))
    table = pd.DataFrame(rows, columns=["subject", "number", "path"])
    if len(table) and table["number"].min() < first:
        path = table.loc[table["number"].idxmin(), "path"]
        raise UserError(
            f"Pictures must be numbered from {first}, like the frames of the labels. "
            f"Received: {path}. Say --first_image={table['number'].min()} if that is "
            "the first frame of its film."
        )
    table["number"] += 1 - first
    again = table.duplicated(["subject", "number"], keep=False)
    for path in table.loc[again, "path"]:
        reason = "must be the only picture of its person and frame"
        rejects.append(Reject(path, 0, "file", path, reason))
    if unnamed:
        notes.append(f"Pictures whose name has no SN001 or no number: {unnamed:,}.")
    if others:
        notes.append(f"Pictures of a second face in a frame, left out: {others:,}.")
    return Numbered(table[~again].reset_index(drop=True), tuple(rejects), tuple(notes))


def _camera(path: str) -> str | None:
    """Returns the camera that a path names, the nearest to the file; None is none."""
    for part in reversed(path.lower().split("/")):
        named = [camera for camera in CAMERAS if camera in part]
        if len(named) == 1:
            return named[0]
    return None
