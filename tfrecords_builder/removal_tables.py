"""The traces of people beside the records: tables of films, rejects and crop files."""

from __future__ import annotations

import csv
import io
import os
import pathlib
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from tfrecords_builder import crop_files
from tfrecords_builder import folder as folder_lib
from tfrecords_builder import rejects as rejects_lib
from tfrecords_builder.people import Person
from tfrecords_builder.rejects import Reject

#: Where the crops of films lie, below the folder of the records.
CROPS = ".faces"

_FRAMES, _FILMS = folder_lib.FILM_FILES
_NO_ROWS = pd.DataFrame({"clip": [], "video": [], "frame": []}, dtype=object)


class Traces:
    """By what the records of some people are known elsewhere.

    Attributes:
      keys: Keys of their records; a clip has that of its first frame.
      videos: Films that they are cut from.
      shots: (film, frame number) of their clips.
    """

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.videos: set[str] = set()
        self.shots: set[tuple[str, int]] = set()

    def add(self, table: pd.DataFrame) -> None:
        """Takes rows of the records, with `clip`, `video` and `frame`."""
        self.keys.update(table["clip"])
        self.videos.update(set(table["video"]) - {""})
        of_film = table[table["video"] != ""]
        numbers = of_film["frame"].tolist()
        self.shots.update(zip(of_film["video"], numbers, strict=True))


class Tables(NamedTuple):
    """What becomes of the files beside the records.

    Attributes:
      texts: File -> its new text; only those that change.
      removed: Files that go.
      rows: File -> rows that go from it.
      rejected: Rows that the list of rejects counts afterwards.
    """

    texts: dict[str, str]
    removed: tuple[str, ...]
    rows: dict[str, int]
    rejected: int


def plan(
    directory: str | os.PathLike[str],
    people: Sequence[Person],
    traces: Traces,
    shared: Collection[str],
    others: Iterable[pd.DataFrame],
    films: Collection[str] = (),
) -> Tables:
    """Works out the files beside the records without some people.

    From the table of frames go their rows, and those of a film in which nobody else
    is seen; from the table of films such films; from the lists of rejects the rows
    that name their pictures, films of nobody else, or themselves. A crop file goes
    with all of its film: it can be made again.

    Args:
      directory: The folder.
      people: Who goes.
      traces: Of their records.
      shared: Films in which somebody stays.
      others: Rows of those who stay in the same films, with `clip`, `video` and
        `frame`; taken only where there is a table of frames.
      films: Films and photographs of people who have no record (any more): their rows
        go unless somebody stays in them, and their crop files in any case.
    """
    root = pathlib.Path(directory)
    texts: dict[str, str] = {}
    rows: dict[str, int] = {}
    removed: list[str] = []
    shown, emptied = _plan_films(
        root, traces, others, set(films) - set(shared), texts, rows
    )
    alone = (traces.videos - set(shared)) | emptied
    names = {person.subject for person in people} | alone
    rejected = 0
    for name in (folder_lib.REJECTS_FILE, folder_lib.NEW_REJECTS_FILE):
        found = rejects_lib.read(root / name) or []
        kept = [r for r in found if not _about(r, traces.keys, names)]
        if name == folder_lib.REJECTS_FILE:
            rejected = rejects_lib.num_rows(kept)
        if len(kept) < len(found):
            rows[name] = len(found) - len(kept)
            if kept:
                texts[name] = _rejects_text(kept)
            else:
                removed.append(name)
    crops = _crop_files(root / CROPS, traces.videos | shown, films)
    removed += [f"{CROPS}/{name}" for name in crops]
    return Tables(texts, tuple(removed), rows, rejected)


def _plan_films(
    root: pathlib.Path,
    traces: Traces,
    others: Iterable[pd.DataFrame],
    forgotten: Collection[str],
    texts: dict[str, str],
    rows: dict[str, int],
) -> tuple[set[str], set[str]]:
    """Plans the tables of films, from which the forgotten ones go as wholes.

    Returns:
      The films that show these people, and those that show nobody else.
    """
    if not (root / _FRAMES).is_file():
        return set(), set()
    frames = _read(root / _FRAMES)
    seen = frames["key"] != ""
    mine = _of_people(frames, seen, traces, others)
    shown = set(frames.loc[mine, "film"])
    emptied = shown - set(frames.loc[~mine & seen, "film"])
    listed = set(frames["film"])
    if (root / _FILMS).is_file():
        listed |= set(_read(root / _FILMS)["film"])
    emptied |= listed & set(forgotten)
    goes = mine | frames["film"].isin(emptied)
    if goes.any():
        texts[_FRAMES] = frames[~goes].to_csv(index=False, lineterminator="\n")
        rows[_FRAMES] = int(goes.sum())
    if emptied and (root / _FILMS).is_file():
        films = _read(root / _FILMS)
        goes = films["film"].isin(emptied)
        if goes.any():
            texts[_FILMS] = films[~goes].to_csv(index=False, lineterminator="\n")
            rows[_FILMS] = int(goes.sum())
    return shown, emptied


def _of_people(
    frames: pd.DataFrame,
    seen: pd.Series,
    traces: Traces,
    others: Iterable[pd.DataFrame],
) -> pd.Series:
    """Returns bool [N]: the rows of the table of frames that show these people.

    A record has one key, and a clip shows more frames than that of its key.

    Args:
      frames: The table.
      seen: bool [N]. Rows with a face.
      traces: Of these people.
      others: As for `plan`.
    """
    by_key = frames["key"].isin(traces.keys)
    # Everything of a person whom one of these rows names ...
    who = pd.MultiIndex.from_frame(frames[["film", "person"]])
    followed = seen & who.isin(who[by_key])
    # ... unless the labels say that the same track is of somebody else there.
    person = frames[seen].drop_duplicates("key").set_index("key")["person"]
    rows = [rows[["clip", "video", "frame"]] for rows in others]
    rows = pd.concat([_NO_ROWS, *rows]).assign(
        frame=lambda rows: rows["frame"].map(str)
    )
    rows = rows.assign(person=rows["clip"].map(person).fillna("?"))
    theirs = pd.MultiIndex.from_frame(rows[["video", "person", "frame"]])
    place = pd.MultiIndex.from_frame(frames[["film", "person", "frame"]])
    followed &= ~place.isin(theirs)
    # A clip may go on with a track of another number. Where a frame shows several
    # people, only the above says who it is.
    place = pd.MultiIndex.from_frame(frames[["film", "frame"]])
    shared = frames[seen].duplicated(["film", "frame"], keep=False)
    alone = ~shared.reindex(frames.index, fill_value=True)
    shots = [(film, str(number)) for film, number in traces.shots]
    return by_key | followed | (alone & place.isin(shots))


def _read(path: pathlib.Path) -> pd.DataFrame:
    """Returns a table of text, which is written as it was read."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")


def _crop_files(
    folder: pathlib.Path, films: Collection[str], forgotten: Collection[str]
) -> list[str]:
    """Returns the crop files of some films or photographs.

    One that cannot be opened is among them, as nobody knows whom it shows; but it is
    no sign that there is anything of the forgotten films.
    """
    wanted = {*films, *forgotten}
    if not wanted or not folder.is_dir():
        return []
    found, damaged = [], []
    for path in sorted(folder.glob("*.zip")):
        try:
            _, contents = crop_files.read_tables(path)
        except OSError:
            damaged.append(path.name)
            continue
        film = contents["film"] or {}
        names = {film.get("film"), *(contents["photographs"] or ())}
        names |= {problem[0] for problem in contents["problems"]}
        if names & wanted:
            found.append(path.name)
    return sorted(found + damaged) if films or found else []


def _about(reject: Reject, keys: set[str], names: set[str]) -> bool:
    """Returns whether a reject names somebody.

    It does by the key of a picture, by a folder on the way to the picture, or by an
    annotation file of one's own ("EXPR_Set/x.txt", "SN001/SN001_au1.txt").
    """
    picture = pathlib.PurePosixPath(reject.value)
    file = pathlib.PurePath(reject.file)
    if reject.value in keys or file.stem in names:
        return True
    if file.parent.name in names and file.stem.startswith(file.parent.name):
        return True
    return any(part in names for part in picture.parts[:-1])


def _rejects_text(rejects: Sequence[Reject]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Reject._fields)
    writer.writerows(rejects)
    return stream.getvalue()
