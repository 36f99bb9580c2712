"""Where samples are in records, and what decides it."""

from __future__ import annotations

from typing import NamedTuple
from typing import Protocol

import tensorflow as tf

from affect_tf.data import records


class Cut(NamedTuple):
    """Where the samples of some records are: faces [N], or several frames of each.

    Attributes:
      shown: int64 [N], or [N, T]. The rows whose faces a sample shows; those that are
        absent are any rows that are near.
      present: bool, the same shape. False for what is absent.
      taught: int64 [N], or [N, T] where each shown row is taught: the rows whose
        labels a sample has.
    """

    shown: tf.Tensor
    present: tf.Tensor
    taught: tf.Tensor


class Cutter(Protocol):
    """Decides which frames make a sample of clips."""

    @property
    def length(self) -> int:
        """Faces that a sample shows, at least 1."""

    @property
    def held(self) -> int:
        """Faces that take as much memory as a sample, sound included."""

    def cut(self, rows: records.Rows, training: bool) -> Cut:
        """Returns the samples of whole records, in order."""
