"""The tables of crop files, joined: every frame, every film, every problem."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import pandas as pd

from tfrecords_builder import crop_files
from tfrecords_builder.crop_files import CropFiles
from tfrecords_builder.crop_work import Problem
from tfrecords_builder.crop_work import Work

#: Columns of the table of films. The sound's start is in seconds from the film's zero.
FILM_COLUMNS = (
    "film",
    "file",
    "frames",
    "width",
    "height",
    "rotation",
    "rate",
    "seconds",
    "codec",
    "sound_codec",
    "sound_rate",
    "sound_channels",
    "sound_start",
    "sound_seconds",
)
#: Numbers, in columns that may have blanks.
_WHOLE = ("frames", "width", "height", "rotation", "sound_rate", "sound_channels")
_REAL = ("rate", "seconds", "sound_start", "sound_seconds")


class Extraction(NamedTuple):
    """What was found in films and photographs.

    Attributes:
      frames: One row a frame and person, films first; a frame without a face has one,
        without a person. Columns: film, photograph (bool), those of
        `crop_files.FACE_COLUMNS`, and key, which is "" without a face. A photograph
        is a film of one frame.
      films: One row a film that can be read, with `FILM_COLUMNS`.
      crops: The pictures of the keys.
      problems: Films that break off, and what could not be read at all.
    """

    frames: pd.DataFrame
    films: pd.DataFrame
    crops: CropFiles
    problems: tuple[Problem, ...]


def read(path: str) -> tuple[bytes, dict[str, Any]] | None:
    """Returns the tables of a finished crop file; None where there is none to use.

    One that was made while the disk or the network failed is none.
    """
    try:
        faces, contents = crop_files.read_tables(path)
    except OSError:
        return None
    return None if contents["again"] else (faces, contents)


def join(
    work: Sequence[Work],
    tables: Mapping[str, tuple[bytes, dict[str, Any]]],
    first: int,
) -> Extraction:
    """Returns the tables of all crop files as one.

    Args:
      work: In the order of the result; at least one piece.
      tables: Crop file -> its tables.
      first: The number that keys give a film's first frame.
    """
    texts, lengths, films, problems = [], [], [], []
    names: dict[str, str] = {}
    photographs: dict[str, tuple[str, int]] = {}
    for each in work:
        faces, contents = tables[each.target]
        header, _, body = faces.partition(b"\n")
        texts.append(body)
        lengths.append(body.count(b"\n"))
        target = os.path.basename(each.target)
        problems += [Problem(*problem) for problem in contents["problems"]]
        if each.footage[0].is_film:
            names[each.footage[0].name] = target
            if contents["film"] is not None:
                films.append(_film(contents["film"], each.footage[0].file))
        else:
            for number, photograph in enumerate(each.footage):
                photographs[photograph.name] = (target, number)
    everybody = work[0].keep == "all"
    frames = _faces(b"\n".join([header, b"".join(texts)]))
    frames = _named(frames, work, np.array(lengths, np.int64))
    frames["key"] = _keys(frames, everybody, first)
    folder = os.path.dirname(work[0].target)
    crops = CropFiles(folder, names, photographs, everybody, first)
    table = pd.DataFrame(films, columns=list(FILM_COLUMNS))
    table = table.astype(
        dict.fromkeys(_WHOLE, "Int64") | dict.fromkeys(_REAL, np.float64)
    )
    return Extraction(frames, table, crops, tuple(problems))


def _faces(text: bytes) -> pd.DataFrame:
    types = dict.fromkeys(crop_files.FACE_COLUMNS, np.float64)
    types |= {"frame": np.int64, "person": "Int64"}
    return pd.read_csv(io.BytesIO(text), dtype=types)


def _named(
    frames: pd.DataFrame, work: Sequence[Work], lengths: np.ndarray
) -> pd.DataFrame:
    """Returns the rows of all crop files with the name of what each row shows.

    Args:
      frames: The rows, where the frame of a photograph is its place in the batch.
      work: One for each crop file.
      lengths: int [number of crop files]. Rows of each.
    """
    counts = [len(each.footage) for each in work]
    starts = np.repeat(np.cumsum([0, *counts[:-1]]), lengths)
    of_film = np.repeat([each.footage[0].is_film for each in work], lengths)
    names = np.array([item.name for each in work for item in each.footage], object)
    number = frames["frame"].to_numpy()
    place = starts + np.where(of_film, 0, number)
    frames["frame"] = np.where(of_film, number, 0)
    # An object column in every version of pandas: others are joined to it.
    frames.insert(0, "film", pd.Series(names[place], dtype=object))
    frames.insert(1, "photograph", ~of_film.astype(bool))
    return frames


def _keys(frames: pd.DataFrame, everybody: bool, first: int) -> np.ndarray:
    """Returns the key of each row's picture, object [N]."""
    film = frames["film"].to_numpy(object)
    number = [f"/{n:05d}" for n in (frames["frame"] + first).tolist()]
    # Objects, since pandas has several kinds of text that do not add up.
    number = np.where(frames["photograph"], "", np.array(number, object))
    person = frames["person"].fillna(-1).to_numpy(np.int64)
    ends = [f"_p{n}" if everybody else "" for n in person.tolist()]
    keys = film + number.astype(object) + np.array(ends, object)
    return np.where(person < 0, "", keys).astype(object)


def _film(film: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Returns a row of the table of films."""
    sound = film["sound"] or {}
    row = {**film, "file": file}
    row |= {f"sound_{name}": value for name, value in sound.items()}
    return {name: row.get(name) for name in FILM_COLUMNS}
