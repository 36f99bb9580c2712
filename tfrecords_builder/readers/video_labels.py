"""Labels for the frames of films: a CSV file, joined by frame number or by time.

    video        the film as its frames are keyed, or its path below --root
    frame        its number, from 0; or instead
    time         seconds from the film's first frame
    person       whose face, as in frames.csv; blank is the largest of the frame
    subject      who that is, for all frames of this person in this film
    split        train, validation or test
    expression, valence, arousal, AU1 ... AU45

A photograph needs no frame.
"""

from __future__ import annotations

import pathlib
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder.crop_work import Footage
from tfrecords_builder.readers import csv_header
from tfrecords_builder.readers import csv_rows
from tfrecords_builder.readers.csv_cells import Cells
from tfrecords_builder.rejects import Reject

_COLUMNS = (
    "video",
    "frame",
    "time",
    "person",
    "subject",
    "split",
    "expression",
    "valence",
    "arousal",
)
_FLAG = "labels"
#: What makes a face.
_PLACE = ["film", "frame", "person"]
#: Of a time in seconds; crop files round theirs to microseconds.
_ROUNDING = 1e-5


class Labels(NamedTuple):
    """The rows of a label file that break no rule.

    Attributes:
      table: film, frame or time (NaN where the other is given), person (NaN: the
        largest), row, and those of subject, split and the labels that the file has.
      taxonomy: The vocabulary of the file.
      unknown: Rows about a film that is not there, with their columns.
      rejects: The other rows.
      notes: Remarks.
      path: The file.
    """

    table: pd.DataFrame
    taxonomy: Taxonomy
    unknown: pd.DataFrame
    rejects: list[Reject]
    notes: list[str]
    path: pathlib.Path

    @property
    def names_subjects(self) -> bool:
        """Whether any row says who is seen."""
        return "subject" in self.table and bool((self.table["subject"] != "").any())


def read(path: pathlib.Path, footage: Sequence[Footage], source: str) -> Labels:
    """Reads a label file.

    Args:
      path: The file.
      footage: The films and photographs that it may name.
      source: Name of the vocabulary.

    Raises:
      UserError: If it is missing or malformed as a whole, or names none of them.
    """
    header, rows, lines = csv_rows.read(path, _FLAG)
    columns, ignored = csv_header.columns(header, path, _COLUMNS, _FLAG)
    if ("frame" in columns) == ("time" in columns):
        both = "both" if "frame" in columns else "neither"
        raise UserError(
            "--labels must have a column 'frame', or a column 'time' in seconds. "
            f"Received: {both} in {path}. Keep one of them."
        )
    text = {name: [row[i].strip() for row in rows] for name, i in columns.items()}
    text = pd.DataFrame(text, dtype=object)
    taxonomy, notes = csv_header.taxonomy("auto", text, source)
    csv_header.check_labels(text, taxonomy, ignored, path, _FLAG)
    cells = Cells(text, lines, path)
    films = _films(text["video"], footage)
    table = pd.DataFrame({"film": films, "row": lines})
    is_film = films.isin({each.name for each in footage if each.is_film}).to_numpy()
    table["frame"], table["time"] = _places(cells, text, is_film)
    table["person"] = (
        _whole(cells, "person", "must be a number of frames.csv, or blank")
        if "person" in text
        else np.nan
    )
    if "subject" in text:
        table["subject"] = text["subject"]
    if "split" in text:
        table["split"] = cells.splits()
    table = table.assign(**cells.labels(taxonomy))
    _reject_repeated(cells, table)
    table = table[~cells.rejected]
    known = table["film"].notna()
    if not known.any() and len(table):
        raise UserError(
            "--labels must name films or photographs of --root. Received: "
            f"video={text['video'].iloc[0]!r} and others in {path}, none of which is "
            f"there. Write {footage[0].name!r} or {footage[0].file!r}."
        )
    return Labels(
        table=table[known].reset_index(drop=True),
        taxonomy=taxonomy,
        unknown=table[~known],
        rejects=sorted(cells.rejects, key=lambda reject: reject.row),
        notes=[*csv_header.notes(ignored), *notes],
        path=path,
    )


def locate(
    labels: Labels, frames: pd.DataFrame, films: pd.DataFrame
) -> tuple[pd.DataFrame, list[Reject]]:
    """Finds the face that each row is about.

    A time means the nearest frame, if that is no further than half the distance to the
    next one (half a mean distance beyond the ends, a whole one at most in a gap). Of
    several times at one frame the nearest counts.

    Args:
      labels: From `read`.
      frames: As `film_tables.Extraction` has them.
      films: Likewise.

    Returns:
      The table of the labels, with frame and person filled in, and reason: why a row
      is of no use, "no_frame", "no_face" or "nearer_label"; "" where it is. And rows
      that are about the same face: one names the person, one the largest.
    """
    table = labels.table.copy()
    table["reason"] = ""
    if table["time"].notna().any():
        table = _nearest(table, frames, films)
    places = pd.MultiIndex.from_frame(table[["film", "frame"]])
    every = pd.MultiIndex.from_frame(frames[["film", "frame"]])
    there = places.isin(every)
    table.loc[~there & (table["reason"] == ""), "reason"] = "no_frame"
    faces = frames[frames["key"] != ""]
    area = (faces["right"] - faces["left"]) * (faces["bottom"] - faces["top"])
    largest = faces.assign(area=area).sort_values("area", kind="stable")
    largest = largest.drop_duplicates(["film", "frame"], keep="last")
    largest = largest.set_index(["film", "frame"])["person"].astype(float)
    person = table["person"].to_numpy(np.float64)
    person = np.where(np.isnan(person), largest.reindex(places).to_numpy(), person)
    table["person"] = person
    seen = pd.MultiIndex.from_arrays(
        [faces["film"], faces["frame"], faces["person"].astype(float)]
    )
    found = pd.MultiIndex.from_frame(table[_PLACE]).isin(seen)
    table.loc[~found & (table["reason"] == ""), "reason"] = "no_face"
    again = table[table["reason"] == ""].duplicated(_PLACE, keep=False)
    again = again.index[again]
    rejects = [
        Reject(str(labels.path), row, "person", "", "must be labelled once in a frame")
        for row in table.loc[again, "row"]
    ]
    return table.drop(again), rejects


def _films(written: pd.Series, footage: Sequence[Footage]) -> pd.Series:
    """Returns the name of each row's film or photograph; None where there is none."""
    known = {}
    for each in footage:
        known[_spelling(each.file)] = each.name
    # A name comes before a path that is spelt like it.
    known |= {_spelling(each.name): each.name for each in footage}
    found = {text: known.get(_spelling(text)) for text in written.unique()}
    return pd.Series([found[text] for text in written], dtype=object)


def _spelling(path: str) -> str:
    """Returns a path as Windows, macOS and Linux would agree on it."""
    return unicodedata.normalize("NFC", path.replace("\\", "/").removeprefix("./"))


def _places(
    cells: Cells, text: pd.DataFrame, is_film: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the frame and the time of each row; a photograph's are 0."""
    field = "frame" if "frame" in text else "time"
    if field == "frame":
        values = _whole(cells, "frame", "must be a whole number from 0")
    else:
        values = cells.numbers("time", lambda _: True, "must be a number of seconds")
    cells.reject(is_film & (text[field] == "").to_numpy(), field, "must be given")
    # What a photograph, or an unknown film, says here does not matter.
    none = np.full(len(text), np.nan)
    first = np.where(is_film, none, 0.0)
    if field == "frame":
        return np.where(is_film, values, first), none
    return first, np.where(is_film, values, none)


def _whole(cells: Cells, field: str, rule: str) -> np.ndarray:
    return cells.numbers(field, lambda n: 0 <= n < 2**53 and n == int(n), rule)


def _reject_repeated(cells: Cells, table: pd.DataFrame) -> None:
    """Rejects rows about one place: which of them is right nobody knows."""
    known = table["film"].notna().to_numpy() & ~cells.rejected
    place = table[["film", "frame", "time", "person"]]
    again = place[known].duplicated(keep=False)
    wrong = np.zeros(len(table), bool)
    wrong[np.flatnonzero(known)[again.to_numpy()]] = True
    cells.reject(wrong, "video", "must be labelled once at a frame or time")


def _nearest(
    table: pd.DataFrame, frames: pd.DataFrame, films: pd.DataFrame
) -> pd.DataFrame:
    """Returns the table with the frame that is nearest to each time."""
    rate = films.set_index("film")["rate"]
    shown = frames.drop_duplicates(["film", "frame"])[["film", "frame", "time"]]
    shown = shown[shown["film"].isin(rate.index)]
    usual = 1 / shown["film"].map(rate).to_numpy(np.float64)
    of = shown.groupby("film", sort=False)["time"]
    before = of.diff().fillna(pd.Series(usual, shown.index))
    after = (-of.diff(-1)).fillna(pd.Series(usual, shown.index))
    shown = shown.assign(
        shown_at=shown["time"],
        before=np.minimum(before, 2 * usual) / 2,
        after=np.minimum(after, 2 * usual) / 2,
    )
    timed = table["time"].notna()
    asked = table[timed].drop(columns="frame").rename_axis("place").reset_index()
    found = pd.merge_asof(
        asked.sort_values("time", kind="stable"),
        shown.sort_values("time", kind="stable"),
        on="time",
        by="film",
        direction="nearest",
    ).set_index("place")
    late = found["time"] - found["shown_at"]
    near = (late <= found["after"] + _ROUNDING) & (-late <= found["before"] + _ROUNDING)
    found["reason"] = np.where(near, "", "no_frame")
    found["late"] = late.abs()
    order = found[near].sort_values("late", kind="stable")
    later = order.index[order.duplicated(_PLACE)]
    found.loc[later, "reason"] = "nearer_label"
    found["frame"] = found["frame"].where(near, -1)
    table.loc[found.index, "frame"] = found["frame"].astype(np.float64)
    table.loc[found.index, "reason"] = found["reason"]
    return table
