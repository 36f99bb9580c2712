"""The table of faces that were found in films, and the labels that go with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from tfrecords_builder import splits
from tfrecords_builder.crop_work import Footage

_PLACE = ["film", "frame", "person"]


def of_faces(frames: pd.DataFrame, footage: Sequence[Footage]) -> pd.DataFrame:
    """Returns a row for each face: key, video, frame, time, person, subject, origin.

    Args:
      frames: As `film_tables.Extraction` has them.
      footage: What they were found in.
    """
    rows = frames.loc[frames["key"] != "", [*_PLACE, "time", "photograph", "key"]]
    rows = rows.reset_index(drop=True)
    person = rows["person"].astype(np.int64)
    paths = {each.name: each.path for each in footage}
    pairs = zip(rows["film"], person.tolist(), strict=True)
    subjects = [f"{film}/p{number}" for film, number in pairs]
    return rows.assign(
        person=person,
        subject=np.array(subjects, object),
        video=rows["film"].where(~rows["photograph"], ""),
        time=rows["time"].where(~rows["photograph"]),
        origin=rows["film"].map(paths),
    )


def join(rows: pd.DataFrame, labels: pd.DataFrame, path: str) -> pd.DataFrame:
    """Returns the rows with their labels.

    Where the labels name one subject for a person of a film, all the person's rows are
    of that subject; where they name several, each row is of its own. A split that they
    give one frame of a film is that of all its frames.

    Args:
      rows: From `of_faces`, with a split.
      labels: Located; film, frame, person and row, and what else the file has.
      path: The file.

    Raises:
      UserError: If one subject is two people of one frame.
    """
    labels = labels.drop(columns=["time", "reason"]).rename(
        columns={"subject": "named", "split": "given"}
    )
    labels[["frame", "person"]] = labels[["frame", "person"]].astype(np.int64)
    rows = rows.merge(labels, how="left", on=_PLACE)
    labelled = rows["row"].notna()
    rows["origin"] = rows["origin"].where(~labelled, path)
    rows["row"] = rows["row"].fillna(0).astype(np.int64)
    if "named" in rows:
        rows["named"] = rows["named"].where(rows["named"] != "")
        same = _spread(rows["named"], [rows["film"], rows["person"]])
        rows["subject"] = same.fillna(rows["subject"])
        _check_subjects(rows)
    if "given" in rows:
        rows["split"] = _spread(rows["given"], [rows["film"]]).fillna(rows["split"])
    return rows


def split_by_film(rows: pd.DataFrame, fraction: float, seed: int) -> np.ndarray:
    """Returns a split for each row, object [N].

    Films that share a subject are in one split, and so are people who share a film.

    Args:
      rows: film and subject.
      fraction: Share of the rows that validates.
      seed: Seed of the choice.
    """
    films = pd.factorize(rows["film"])[0]
    group = pd.Series(films, rows.index)
    while True:
        least = group.groupby(rows["subject"].to_numpy()).transform("min")
        least = least.groupby(films).transform("min")
        if least.equals(group):
            break
        group = least
    names = rows["film"].groupby(group.to_numpy()).transform("min")
    return splits.by_group(names, fraction, seed)


def dropped(
    frames: pd.DataFrame,
    rows: pd.DataFrame,
    unused: Sequence[pd.DataFrame],
    default: str,
) -> dict[str, dict[str, int]]:
    """Returns split -> reason -> number of frames without a face, and unused labels.

    A frame without a face counts once, whether or not it has a label.

    Args:
      frames: As `film_tables.Extraction` has them.
      rows: What has become of them: film and split.
      unused: Labels for which there is no face: film, split if the file has one, and
        reason; without one they are about a film that is not there.
      default: The split of films of which no row is left.
    """
    of_film = rows.drop_duplicates("film").set_index("film")["split"].to_dict()
    empty = frames.loc[frames["key"] == "", "film"]
    counts: dict[str, dict[str, int]] = {}

    def add(film: pd.Series, split: pd.Series, reason: pd.Series) -> None:
        split = film.map(of_film).fillna(split)
        for (of, why), number in reason.groupby([split, reason]).size().items():
            of_split = counts.setdefault(of, {})
            of_split[why] = of_split.get(why, 0) + int(number)

    def same(value: str, index: pd.Index) -> pd.Series:
        return pd.Series(value, index, dtype=object)

    add(empty, same(default, empty.index), same("no_face", empty.index))
    faceless = pd.MultiIndex.from_frame(frames.loc[frames["key"] == "", _PLACE[:2]])
    for labels in unused:
        if "reason" in labels:
            place = pd.MultiIndex.from_frame(labels[_PLACE[:2]])
            labels = labels[~((labels["reason"] == "no_face") & place.isin(faceless))]
            reason = labels["reason"]
        else:
            reason = same("no_frame", labels.index)
        split = labels["split"] if "split" in labels else same(default, labels.index)
        add(labels["film"], split, reason)
    return counts


def _spread(values: pd.Series, groups: list[pd.Series]) -> pd.Series:
    """Returns the values, and in groups with a single one that one everywhere."""
    keys = [group.to_numpy() for group in groups]
    single = values.groupby(keys).transform("nunique") == 1
    return values.where(~single, values.groupby(keys).transform("first"))


def _check_subjects(rows: pd.DataFrame) -> None:
    """Raises where a subject has two faces in a frame."""
    again = rows[rows.duplicated(["film", "frame", "subject"], keep=False)]
    if again.empty:
        return
    first = again.iloc[0]
    twice = again[again["subject"] == first["subject"]]
    people = sorted(twice.loc[twice["film"] == first["film"], "person"].unique())
    raise UserError(
        "A subject must have one face in a frame. Received: "
        f"subject={first['subject']!r} for persons {', '.join(map(str, people))} of "
        f"frame {first['frame']} of {first['film']!r}. Correct the 'person' or the "
        f"'subject' of its labels."
    )
