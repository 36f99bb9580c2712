"""From label files and a listing of pictures to one row a frame.

A frame is a picture number in the folder of one video and person, in one split.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.labels.taxonomy import TASKS
from tfrecords_builder.annotations import has_label
from tfrecords_builder.readers import affwild2_pictures
from tfrecords_builder.readers.affwild2_files import Labels
from tfrecords_builder.readers.affwild2_pictures import Listing

#: What is counted of the frames that are left out although nothing is wrong.
REASONS = ("invalid_label_only", "no_image", "no_annotation")

#: Only this at the end of a folder's name says which person of the video it shows.
_PERSON = re.compile(r"_(left|right)$")

#: Columns of frames that the table of `Annotations` does not have.
_INNER = ("folder", "number", "rejected", "wanted")

#: More than any picture's number, so that (folder, number) makes one integer.
_SPAN = affwild2_pictures.MAX_NUMBER + 1


def joined(labels: Sequence[tuple[str, Labels]], units: Sequence[str]) -> pd.DataFrame:
    """Joins the files of several tasks on split, folder and picture number.

    Args:
      labels: The folder of the pictures and the labels, for each file.
      units: The action units that become columns.

    Returns:
      One row a frame that any file has a row for, by split, folder and number:
      `split`, `folder`, `number`, `expression`, `valence`, `arousal` and a column a
      unit; `row` and `origin` (of the first task, in the order of `TASKS`, that has a
      label for the frame; else of the first that has a row); `rejected`, whether any
      of its rows breaks a rule; `wanted`, False.
    """
    groups: dict[tuple[int, str], list[Labels]] = {}
    ordered = sorted(labels, key=lambda pair: TASKS.index(pair[1].file.task))
    for folder, each in ordered:
        groups.setdefault((SPLITS.index(each.file.split), folder), []).append(each)
    places = sorted(groups)
    sizes = [max(len(each.values) for each in groups[place]) for place in places]
    ends = np.cumsum(sizes, dtype=np.int64)
    columns = no_labels(sum(sizes), units)
    for place, size, end in zip(places, sizes, ends, strict=True):
        rows = slice(end - size, end)
        columns["split"][rows] = SPLITS[place[0]]
        columns["folder"][rows] = place[1]
        columns["number"][rows] = np.arange(1, size + 1)
        for each in reversed(groups[place]):
            _fill(columns, int(end - size), each, slice(None))
        for each in reversed(groups[place]):
            _fill(columns, int(end - size), each, each.labelled)
    return as_table(columns)


def as_table(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Returns columns as a table that keeps their types.

    Args:
      columns: Of one length. Texts are objects: pandas 3 would make them strings of its
        own, which takes longer than reading them.
    """
    return pd.DataFrame({n: pd.Series(v, dtype=v.dtype) for n, v in columns.items()})


def no_labels(num_rows: int, units: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns the columns of `joined` for rows that nothing is known of yet."""
    columns: dict[str, np.ndarray] = {
        name: np.full(num_rows, None, object)
        for name in ("split", "folder", "origin", "expression")
    }
    for name in ("number", "row"):
        columns[name] = np.zeros(num_rows, np.int64)
    for name in ("rejected", "wanted"):
        columns[name] = np.zeros(num_rows, bool)
    for name in ("valence", "arousal", *units):
        columns[name] = np.full(num_rows, np.nan)
    return columns


def with_tests(
    frames: pd.DataFrame,
    listing: Listing,
    folders: Mapping[str, tuple[int, str]],
    units: Sequence[str],
) -> pd.DataFrame:
    """Adds every picture of the folders of a test set.

    Args:
      frames: As `joined` returns them.
      listing: The pictures.
      folders: folder -> line and file in which it is listed.
      units: The action units among the columns.

    Returns:
      The frames, and more of split "test" without labels. All of these folders in
      that split are `wanted`, also those that have labels.
    """
    if not folders:
        return frames
    numbers = [listing.numbers(folder) for folder in folders]
    sizes = [len(each) for each in numbers]
    columns = no_labels(sum(sizes), units)
    columns["number"] = np.concatenate([np.empty(0, np.int64), *numbers])
    columns["folder"] = np.repeat(np.array(list(folders), object), sizes)
    for i, name in enumerate(("row", "origin")):
        each = np.array([place[i] for place in folders.values()], columns[name].dtype)
        columns[name] = np.repeat(each, sizes)
    columns["split"][:] = "test"
    tests = pd.concat([frames[frames["split"] == "test"], as_table(columns)])
    tests = tests.drop_duplicates(["folder", "number"])
    tests["wanted"] = tests["folder"].isin(folders)
    rest = frames[frames["split"] != "test"]
    return pd.concat([rest, tests], ignore_index=True)


def with_pictures(
    frames: pd.DataFrame,
    listing: Listing,
    units: Sequence[str],
    splits: Mapping[str, str],
    keep_unlabelled: bool = False,
) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Joins frames and pictures.

    Args:
      frames: As `joined` returns them.
      listing: The pictures.
      units: The action units among the columns.
      splits: folder -> split, for each folder that labels were looked for in.
      keep_unlabelled: Whether pictures without a label become rows, too.

    Returns:
      The table of `Annotations`, before `complete`: frames that have a picture, and a
      label or `wanted`. And, for each split, how many were left out:

      - "invalid_label_only": rows in label files, all of them marked as unlabelled,
        and a picture;
      - "no_image": a label (or `wanted`), and no picture;
      - "no_annotation": a picture in one of the folders of `splits`, and no row.

      What has neither label nor picture is not counted, nor is a frame whose only
      labels were rejected.
    """
    folders = sorted({*frames["folder"], *splits})
    place = pd.Index(folders).get_indexer(frames["folder"]).astype(np.int64)
    ids = place * _SPAN + frames["number"].to_numpy(np.int64)
    shown = [i * _SPAN + listing.numbers(name) for i, name in enumerate(folders)]
    shown = np.concatenate([np.empty(0, np.int64), *shown])
    has_picture = np.isin(ids, shown)
    wanted = has_label(frames, units).to_numpy() | frames["wanted"].to_numpy()
    rejected = frames["rejected"].to_numpy()
    invalid = has_picture & ~wanted & ~rejected
    chosen = has_picture & (wanted | (invalid & keep_unlabelled))
    absent = shown[~np.isin(shown, ids)]
    names = np.array(folders, object)[absent // _SPAN]
    unseen = as_table({"folder": names, "number": absent % _SPAN})
    unseen["split"] = unseen["folder"].map(splits)
    left_out = {
        "invalid_label_only": frames.loc[invalid & ~chosen, "split"],
        "no_image": frames.loc[wanted & ~has_picture, "split"],
        "no_annotation": unseen["split"][: 0 if keep_unlabelled else None],
    }
    counts = {reason: each.value_counts() for reason, each in left_out.items()}
    present = {"train", "validation", *frames["split"].unique(), *splits.values()}
    dropped = {
        split: {reason: int(counts[reason].get(split, 0)) for reason in REASONS}
        for split in SPLITS
        if split in present
    }
    table = frames[chosen]
    if keep_unlabelled:
        origin = str(listing.root)
        table = pd.concat([table, unseen.assign(origin=origin)], ignore_index=True)
        table["row"] = table["row"].fillna(0)
    return _named(table, listing), dropped


def folder_of(name: str, listing: Listing) -> str:
    """Returns the folder of pictures that a label file is about.

    It has the file's name up to the first dot, unless there is one with all of it.
    """
    whole = affwild2_pictures.composed(name)
    return whole if whole in listing else whole.partition(".")[0]


def video_of(folder: str) -> str:
    """Returns the video that a folder is cut from.

    >>> video_of("video10_1_left"), video_of("video45_1"), video_of("left_right_left")
    ('video10_1', 'video45_1', 'left_right')
    """
    return _PERSON.sub("", folder)


def _fill(
    columns: dict[str, np.ndarray],
    start: int,
    labels: Labels,
    chosen: np.ndarray | slice,
) -> None:
    """Writes the chosen rows of one file into the columns, from a row on."""
    rows = np.arange(len(labels.values))[chosen]
    at, values, names = start + rows, labels.values[rows], labels.names
    columns["row"][at] = labels.first_line + rows
    columns["origin"][at] = str(labels.file.path)
    columns["rejected"][at] |= labels.rejected[rows]
    if labels.file.task != "expr":
        for i, name in enumerate(names):
            columns[name][at] = values[:, i]
        return
    labelled = ~np.isnan(values[:, 0])
    codes = values[labelled, 0].astype(np.int64)
    columns["expression"][at[labelled]] = np.array(names, object)[codes]


def _named(table: pd.DataFrame, listing: Listing) -> pd.DataFrame:
    """Adds what follows from folder and number."""
    columns = {name: table[name].to_numpy() for name in table if name not in _INNER}
    folders, numbers = table["folder"].to_numpy(object), table["number"].to_numpy()
    videos = {folder: video_of(folder) for folder in set(folders)}
    keys = affwild2_pictures.frame_keys(folders, numbers.tolist())
    columns["key"] = np.array(keys, object)
    columns["picture"] = np.array([listing.picture(key) for key in keys], object)
    columns["subject"] = folders
    columns["video"] = np.array([videos[folder] for folder in folders], object)
    columns["frame"] = numbers - 1
    return as_table(columns)
