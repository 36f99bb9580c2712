"""The one table that every reader fills, and every writer reads.

A reader knows one layout on disk, its label order and its marks for a missing
label; past it a label is a name, a number in range, or absent.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from affect_tf.data.sample import Frame
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import rejects as rejects_lib
from tfrecords_builder.picture_source import Pictures
from tfrecords_builder.rejects import Reject
from tfrecords_builder.sound_source import Soundtracks

#: What a source may be called: it becomes part of a file name.
SOURCE_NAME = re.compile(r"[A-Za-z0-9_-]+")

#: Columns of the table besides the action units, with the value of an absent one.
#:
#: key: str, unique for each frame.
#: picture: str, what `pictures` takes. By default the key; several rows may share one,
#:   as the copies do that balancing makes.
#: clip: str; frames with the same clip make one sample, in order of `frame`. A still
#:   is its own clip: by default the key.
#: split: "train", "validation" or "test".
#: source: str, letters, digits, "_" and "-": the data set or subset.
#: archive: str, the collection whose names of films and people `video` and `subject`
#:   are: the lists of one challenge and those of another are of the same films. By
#:   default the source.
#: subject: str, unique within the source. By default the clip: nobody known twice.
#: video: str; empty for a still.
#: frame: int, position in the video, counted from 0; 0 for a still.
#: time: float, when the video shows it, in seconds from its first frame; NaN where
#:   nobody noted it.
#: expression: canonical class name, or None where unlabelled.
#: valence, arousal: float in [-1, 1], NaN where unlabelled; always both or neither.
#: row: int, line number in the annotation file; 0 where there is none.
#: origin: str, that file. By default the origin of the annotations.
#: sampling_expr, sampling_au, sampling_va: float, how often the row is drawn for a
#:   task, where 1 is the mean; absent where nothing is to be balanced while reading.
#:
#: One more column for each action unit of the taxonomy ("AU4"): 0.0, 1.0, or NaN
#: where unlabelled.
DEFAULTS = {
    "key": None,
    "picture": None,
    "clip": None,
    "split": "train",
    "source": None,
    "archive": None,
    "subject": None,
    "video": "",
    "frame": 0,
    "time": np.nan,
    "expression": None,
    "valence": np.nan,
    "arousal": np.nan,
    "row": 0,
    "origin": "",
}

_TEXTS = (
    "key",
    "picture",
    "clip",
    "split",
    "source",
    "archive",
    "subject",
    "video",
    "origin",
)
#: What an absent column is a copy of.
_SAME_AS = {"picture": "key", "clip": "key", "archive": "source", "subject": "clip"}

#: Columns that are absent where no task is balanced while reading.
SAMPLING = {task: f"sampling_{task}" for task in TASKS}


class FilmTables(NamedTuple):
    """What was seen in films, whether or not it became a record.

    Attributes:
      frames: One row a frame and person; a frame without a face has one row, whose
        person and key are empty.
      films: One row a film: its frames, size, rate and length, and its sound.
    """

    frames: pd.DataFrame
    films: pd.DataFrame


@dataclasses.dataclass(frozen=True)
class Annotations:
    """A data set before it is written.

    Attributes:
      table: One row a frame; `DEFAULTS` documents the columns. `complete` adds those
        that a reader does not know.
      taxonomy: The classes and units of the table.
      pictures: Where the picture of a key comes from.
      origin: The annotation file or folder, for messages.
      rejects: Rows that break a rule, and are left out.
      notes: Remarks for the summary, a line each.
      dropped: split -> reason -> number of frames that are left out although nothing
        is wrong with them: "no_image", "invalid_label_only".
      reader: Which reader made it: "csv", "affwild2".
      subjects_known: Whether the input says who is seen.
      films: What was seen in films, where the pictures come from films.
      sounds: Where the sound of the films comes from; None stores none.
    """

    table: pd.DataFrame
    taxonomy: Taxonomy
    pictures: Pictures
    origin: str
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()
    dropped: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    reader: str = ""
    subjects_known: bool = True
    films: FilmTables | None = None
    sounds: Soundtracks | None = None

    @property
    def num_rows(self) -> int:
        """Rows of the input: those in the table and those rejected on the way."""
        return len(self.table) + rejects_lib.num_rows(self.rejects)


def complete(
    table: pd.DataFrame, taxonomy: Taxonomy, source: str, origin: str = ""
) -> pd.DataFrame:
    """Returns the table with every column, in order and of the documented type.

    Args:
      table: At least a `key` column; any of the others.
      taxonomy: Its action units become columns.
      source: Value of the `source` column where the table has none.
      origin: Value of the `origin` column where the table has none.

    Returns:
      A new table; the columns of units outside the taxonomy are gone.
    """
    columns = {}
    for name, default in {**DEFAULTS, "source": source, "origin": origin}.items():
        if name in table:
            columns[name] = table[name].to_numpy()
        elif name in _SAME_AS:
            columns[name] = columns[_SAME_AS[name]]
        else:
            columns[name] = [default] * len(table)
    for name in _TEXTS:
        columns[name] = np.array([str(v) for v in columns[name]], object)
    # pandas writes a missing string as None or as NaN, depending on its version.
    columns["expression"] = np.array(
        [v if isinstance(v, str) and v else None for v in columns["expression"]], object
    )
    for name in ("frame", "row"):
        columns[name] = np.asarray(columns[name]).astype(np.int64)
    for name in ("time", "valence", "arousal", *taxonomy.action_units):
        values = table[name] if name in table else np.full(len(table), np.nan)
        columns[name] = np.asarray(values, np.float64)
    for name in SAMPLING.values():
        if name in table:
            columns[name] = np.asarray(table[name], np.float64)
    series = {name: pd.Series(v, dtype=v.dtype) for name, v in columns.items()}
    return pd.DataFrame(series)


def has_label(table: pd.DataFrame, units: Sequence[str]) -> pd.Series:
    """Returns bool [N]: whether a row has any label."""
    labelled = table["expression"].notna() | table["valence"].notna()
    return labelled | table[list(units)].notna().any(axis=1)


def sum_of_dropped(
    parts: Sequence[Mapping[str, Mapping[str, int]]],
) -> dict[str, dict[str, int]]:
    """Returns the counts of several `Annotations.dropped`, added up."""
    total: dict[str, dict[str, int]] = {}
    for part in parts:
        for split, reasons in part.items():
            of_split = total.setdefault(split, {})
            for reason, number in reasons.items():
                of_split[reason] = of_split.get(reason, 0) + int(number)
    return total


def frame(row: NamedTuple, units: Sequence[str], image: bytes) -> Frame:
    """Returns one frame of a sample.

    Args:
      row: A row of the table, as `itertuples` gives it.
      units: The action units of the taxonomy.
      image: The bytes of its picture.
    """
    unlabelled = np.isnan(row.valence)
    values = ((unit, getattr(row, unit)) for unit in units)
    return Frame(
        image=image,
        expression=row.expression,
        action_units={u: int(value) for u, value in values if not np.isnan(value)},
        valence=None if unlabelled else row.valence,
        arousal=None if unlabelled else row.arousal,
        number=row.frame,
        time=None if np.isnan(row.time) else row.time,
    )


def sampling(row: NamedTuple) -> dict[str, float]:
    """Returns task -> how often a row is drawn; empty where nothing says so.

    Args:
      row: A row of the table, as `itertuples` gives it.
    """
    numbers = {task: getattr(row, name, np.nan) for task, name in SAMPLING.items()}
    return {task: number for task, number in numbers.items() if not np.isnan(number)}
