"""Columns of numbers in a large list: read at once, wrong cells named one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfrecords_builder.rejects import Reject

#: Of a longer cell, rejected.csv shows the beginning.
_SHOWN = 100


class NumericCells:
    """Some rows of one file, as text.

    Attributes:
      rejects: What was wrong so far.
      rejected: bool [N]. Whether something in the row was wrong.
    """

    def __init__(
        self, file: str, lines: Sequence[int], cells: Mapping[str, Sequence[str]]
    ) -> None:
        """Takes the cells.

        Args:
          file: Where they stand, for messages.
          lines: [N]. Line number of each row, from 1.
          cells: Field -> its N cells.
        """
        self._file = file
        self._lines = lines
        self._cells = cells
        self.rejects: list[Reject] = []
        self.rejected = np.zeros(len(lines), bool)

    def reject(
        self, field: str, wrong: np.ndarray, reason: str | Sequence[str]
    ) -> None:
        """Rejects rows.

        Args:
          field: The field to show.
          wrong: bool [N]. Which rows.
          reason: The rule that they break: one for all, or [N].
        """
        self.rejected |= wrong
        for i in np.flatnonzero(wrong):
            value = self._cells[field][i][:_SHOWN]
            line = int(self._lines[i])
            rule = reason if isinstance(reason, str) else reason[i]
            self.rejects.append(Reject(self._file, line, field, value, rule))

    def numbers(
        self,
        field: str,
        low: float = -math.inf,
        high: float = math.inf,
        *,
        whole: bool = False,
        blank: bool = False,
    ) -> np.ndarray:
        """Returns a column as float64 [N], NaN where it is blank or wrong.

        Args:
          field: Its name.
          low: The least value that is right.
          high: The greatest.
          whole: Whether a fraction is wrong; "3.0" is right.
          blank: Whether an empty cell is right.
        """
        text = pd.Series(self._cells[field], dtype=object)
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
        right = np.isfinite(values) & (values >= low) & (values <= high)
        if whole:
            right &= np.nan_to_num(values) % 1 == 0
        wrong = ~right
        if blank and wrong.any():
            wrong &= (text.str.strip() != "").to_numpy(bool)
        rule = f"must be a {'whole ' * whole}{_range(low, high)}{', or blank' * blank}"
        self.reject(field, wrong, rule)
        return np.where(right, values, np.nan)


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "number"
    if math.isinf(high):
        return f"number from {low:g}"
    return f"number from {low:g} to {high:g}"
