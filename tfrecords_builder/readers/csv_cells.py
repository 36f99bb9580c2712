"""From the text of a CSV file's cells to labels, noting every cell that is wrong."""

from __future__ import annotations

import math
import pathlib
import posixpath
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder.annotations import SOURCE_NAME
from tfrecords_builder.rejects import Reject

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SPLIT_SYNONYMS = {
    "dev": "validation",
    "training": "train",
    "val": "validation",
    "valid": "validation",
}


class Cells:
    """The cells of one CSV file, read column by column.

    Attributes:
      rejects: What was wrong so far.
      rejected: bool [N]. Whether something in the row was wrong.
    """

    def __init__(
        self, text: pd.DataFrame, lines: np.ndarray, path: pathlib.Path
    ) -> None:
        """Takes the stripped cells.

        Args:
          text: One string column for each known column of the file.
          lines: int [N]. Line number of each row.
          path: The file, for messages.
        """
        self._text = text
        self._lines = lines
        self._path = path
        self.rejects: list[Reject] = []
        self.rejected = np.zeros(len(text), bool)

    def table(
        self, taxonomy: Taxonomy, images: pathlib.Path, source: str
    ) -> pd.DataFrame:
        """Returns the annotation columns that the file has, wrong rows included.

        Args:
          taxonomy: The vocabulary; an expression outside it is rejected.
          images: The folder of the pictures; a picture that is not there is rejected.
          source: What a blank source stands for.
        """
        columns = {"row": self._lines, "key": self._keys(images)}
        text = self._text
        if "split" in text:
            columns["split"] = self.splits()
        if "source" in text:
            columns["source"] = self._sources(source)
        if "video" in text:
            columns["video"] = text["video"]
        # A clip without a subject shows one person, and so does a still.
        columns["clip"] = self._filled("clip", columns["key"])
        columns["subject"] = self._filled("subject", columns["clip"])
        if "frame" in text:
            columns["frame"] = self._frames()
        return pd.DataFrame({**columns, **self.labels(taxonomy)})

    def labels(self, taxonomy: Taxonomy) -> dict[str, np.ndarray | pd.Series]:
        """Returns the columns of labels that the file has, wrong rows included.

        Args:
          taxonomy: The vocabulary; an expression outside it is rejected.
        """
        columns, text = {}, self._text
        if "expression" in text and taxonomy.expressions:
            columns["expression"] = self._expressions(taxonomy)
        if "valence" in text and taxonomy.has_va:
            columns |= self._valence_arousal()
        for unit in taxonomy.action_units:
            if unit in text:
                columns[unit] = self.numbers(
                    unit, lambda value: value in (0, 1), "must be 0, 1 or blank"
                )
        return columns

    def reject(self, wrong: np.ndarray, field: str, reason: str) -> None:
        """Rejects rows.

        Args:
          wrong: bool [N]. Which.
          field: The column to show.
          reason: The rule that they break.
        """
        self.rejected |= wrong
        for i in np.flatnonzero(wrong):
            value = self._text[field].iloc[i]
            line = int(self._lines[i])
            self.rejects.append(Reject(str(self._path), line, field, value, reason))

    def _keys(self, images: pathlib.Path) -> np.ndarray:
        written = self._text["file"]
        keys, outside, absent = [], [], []
        for name in written:
            key = posixpath.normpath(name.replace("\\", "/")) if name else ""
            absolute = key.startswith("/") or pathlib.PureWindowsPath(key).drive
            outside.append(absolute or key == ".." or key.startswith("../"))
            absent.append(key and not outside[-1] and not _is_file(images / key))
            keys.append(key)
        blank = (written == "").to_numpy()
        self.reject(blank, "file", "must name a picture")
        reason = "must be a path relative to the folder of --images, and inside it"
        self.reject(np.array(outside, bool), "file", reason)
        self.reject(np.array(absent, bool), "file", f"is not in {images}")
        return np.array(keys, object)

    def _filled(self, field: str, default: np.ndarray) -> np.ndarray:
        """Returns the cells of a column, or the default where they are blank."""
        if field not in self._text:
            return default
        text = self._text[field].to_numpy()
        return np.where(text == "", default, text)

    def _sources(self, default: str) -> pd.Series:
        sources = self._text["source"].where(self._text["source"] != "", default)
        wrong = ~sources.map(lambda name: bool(SOURCE_NAME.fullmatch(name)))
        reason = "must consist of letters, digits, '_' and '-'"
        self.reject(wrong.to_numpy(bool), "source", reason)
        return sources

    def splits(self) -> pd.Series:
        """Returns the splits by their usual names; another is rejected."""
        lowered = self._text["split"].str.lower()
        splits = lowered.map(lambda name: _SPLIT_SYNONYMS.get(name, name))
        wrong = ~splits.isin(SPLITS).to_numpy()
        self.reject(wrong, "split", f"must be one of {', '.join(SPLITS)}")
        return splits

    def _frames(self) -> np.ndarray:
        # Larger ones would be rounded on their way through a float64.
        rule = "must be a whole number from 0 and below 2^53, or blank"
        numbers = self.numbers("frame", lambda n: 0 <= n < 2**53 and n == int(n), rule)
        if "clip" in self._text:
            in_clip = (self._text["clip"] != "").to_numpy()
            wrong = np.isnan(numbers) & in_clip & ~self.rejected
            self.reject(wrong, "frame", "must order the clip")
            places = pd.DataFrame({"clip": self._text["clip"], "frame": numbers})
            usable = places[in_clip & ~self.rejected]
            again = usable.index[usable.duplicated()]
            wrong = places.index.isin(again)
            self.reject(wrong, "frame", "must occur once in its clip")
        return np.nan_to_num(numbers).astype(np.int64)

    def _expressions(self, taxonomy: Taxonomy) -> pd.Series:
        names = self._text["expression"].map(taxonomy_lib.canonical_expression)
        known = names.isin(taxonomy.expressions) | (names == "")
        for name in names[~known].unique():
            reason = (
                f"is not a class. {taxonomy_lib.closest(name, taxonomy.expressions)}"
            )
            self.reject((names == name).to_numpy(), "expression", reason)
        return names.where(names != "", None)

    def _valence_arousal(self) -> dict[str, np.ndarray]:
        pair = {
            name: self.numbers(
                name,
                lambda value: -1 <= value <= 1,
                "must be a number from -1 to 1, or blank",
            )
            for name in ("valence", "arousal")
        }
        for name, other in (("valence", "arousal"), ("arousal", "valence")):
            alone = (self._text[name] == "") & (self._text[other] != "")
            reason = f"must not be blank where {other} is given"
            self.reject(alone.to_numpy(), name, reason)
        return pair

    def numbers(
        self, field: str, allowed: Callable[[float], bool], rule: str
    ) -> np.ndarray:
        """Returns a column as float64 [N], NaN where it is blank or wrong.

        Args:
          field: The column.
          allowed: Whether a finite number is right.
          rule: What it breaks otherwise.
        """
        text = self._text[field]
        values = {"": math.nan}
        wrong = set()
        for cell in text.unique():
            number = _number(cell)
            if cell and not (math.isfinite(number) and allowed(number)):
                wrong.add(cell)
                number = math.nan
            values[cell] = number
        self.reject(text.isin(wrong).to_numpy(), field, rule)
        return text.map(values).to_numpy(np.float64)


def _number(text: str) -> float:
    """Returns NaN for whatever is no plain number: 1_0, inf, 0x1p3, other digits."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def _is_file(path: pathlib.Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # Too long a name; a zero byte.
        return False
