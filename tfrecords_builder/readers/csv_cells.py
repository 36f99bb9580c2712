"""From the text of a CSV file's cells to labels, noting every cell that is wrong."""

from __future__ import annotations

import math
import pathlib
import posixpath
from collections.abc import Callable

import numpy as np
import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder.annotations import Reject

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

    def table(self, taxonomy: Taxonomy, images: pathlib.Path) -> pd.DataFrame:
        """Returns the annotation columns that the file has, wrong rows included.

        Args:
          taxonomy: The vocabulary; an expression outside it is rejected.
          images: The folder of the pictures; a picture that is not there is rejected.

        Raises:
          UserError: If a path leaves the folder.
        """
        columns = {"row": self._lines, "key": self._keys(images)}
        text = self._text
        if "split" in text:
            columns["split"] = self._splits()
        for name in ("source", "video"):
            if name in text:
                columns[name] = text[name]
        for name in ("subject", "clip"):
            if name in text:
                columns[name] = np.where(text[name] == "", columns["key"], text[name])
        if "frame" in text:
            columns["frame"] = self._frames()
        if "expression" in text and taxonomy.expressions:
            columns["expression"] = self._expressions(taxonomy)
        if "valence" in text and taxonomy.has_va:
            columns |= self._valence_arousal()
        for unit in taxonomy.action_units:
            if unit in text:
                columns[unit] = self._numbers(
                    unit, lambda value: value in (0, 1), "must be 0, 1 or blank"
                )
        return pd.DataFrame(columns)

    def _reject(self, wrong: np.ndarray, field: str, reason: str) -> None:
        self.rejected |= wrong
        for i in np.flatnonzero(wrong):
            value = self._text[field].iloc[i]
            line = int(self._lines[i])
            self.rejects.append(Reject(str(self._path), line, field, value, reason))

    def _keys(self, images: pathlib.Path) -> np.ndarray:
        written = self._text["file"]
        keys = []
        for line, name in zip(self._lines, written, strict=True):
            key = posixpath.normpath(name.replace("\\", "/")) if name else ""
            absolute = key.startswith("/") or pathlib.PureWindowsPath(key).drive
            if absolute or key == ".." or key.startswith("../"):
                raise UserError(
                    "A picture must lie inside the folder of --images. Received: "
                    f"file={name!r} in line {line} of {self._path}, which leaves "
                    f"{images}. Write paths relative to that folder."
                )
            keys.append(key)
        blank = (written == "").to_numpy()
        self._reject(blank, "file", "must name a picture")
        absent = [bool(key) and not (images / key).is_file() for key in keys]
        self._reject(np.array(absent), "file", f"is not in {images}")
        return np.array(keys, object)

    def _splits(self) -> pd.Series:
        lowered = self._text["split"].str.lower()
        splits = lowered.map(lambda name: _SPLIT_SYNONYMS.get(name, name))
        wrong = ~splits.isin(SPLITS).to_numpy()
        self._reject(wrong, "split", f"must be one of {', '.join(SPLITS)}")
        return splits

    def _frames(self) -> np.ndarray:
        rule = "must be a whole number from 0, or blank"
        numbers = self._numbers("frame", lambda n: n >= 0 and n == int(n), rule)
        if "clip" in self._text:
            wrong = np.isnan(numbers) & (self._text["clip"] != "").to_numpy()
            self._reject(wrong & ~self.rejected, "frame", "must order the clip")
        return np.nan_to_num(numbers).astype(np.int64)

    def _expressions(self, taxonomy: Taxonomy) -> pd.Series:
        names = self._text["expression"].map(taxonomy_lib.canonical_expression)
        known = names.isin(taxonomy.expressions) | (names == "")
        for name in names[~known].unique():
            reason = (
                f"is not a class. {taxonomy_lib.closest(name, taxonomy.expressions)}"
            )
            self._reject((names == name).to_numpy(), "expression", reason)
        return names.where(names != "", None)

    def _valence_arousal(self) -> dict[str, np.ndarray]:
        pair = {
            name: self._numbers(
                name,
                lambda value: -1 <= value <= 1,
                "must be a number from -1 to 1, or blank",
            )
            for name in ("valence", "arousal")
        }
        for name, other in (("valence", "arousal"), ("arousal", "valence")):
            alone = (self._text[name] == "") & (self._text[other] != "")
            reason = f"must not be blank where {other} is given"
            self._reject(alone.to_numpy(), name, reason)
        return pair

    def _numbers(
        self, field: str, allowed: Callable[[float], bool], rule: str
    ) -> np.ndarray:
        """Returns float64 [N], NaN where blank or wrong."""
        text = self._text[field]
        values = {"": math.nan}
        wrong = set()
        for cell in text.unique():
            number = _number(cell)
            if cell and not (math.isfinite(number) and allowed(number)):
                wrong.add(cell)
                number = math.nan
            values[cell] = number
        self._reject(text.isin(wrong).to_numpy(), field, rule)
        return text.map(values).to_numpy(np.float64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
