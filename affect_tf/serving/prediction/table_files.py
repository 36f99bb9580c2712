"""Tables of predictions as files: CSV, Parquet and JSON lines, a chunk at a time.

A file is written under a temporary name and renamed once it is whole. An interrupt or
an error ends it where it is: it is then a valid file of what was done.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import math
import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import BinaryIO
from typing import Protocol

import pandas as pd

from affect_tf import files
from affect_tf.errors import UserError
from affect_tf.serving.prediction import outputs
from affect_tf.serving.prediction import table

#: Rows that a file holds back: a group of Parquet, a write of the others.
_CHUNK = 4096


class Sheet(Protocol):
    """A table that grows.

    Attributes:
      is_kept: Whether the file has its name, which it gets at its end.
    """

    is_kept: bool

    def add(self, rows: Sequence[table.Row]) -> None:
        """Appends rows, in the order of the columns."""


class _Rows(Protocol):
    """What a format does with rows."""

    def add(self, rows: Sequence[table.Row]) -> None:
        """Appends rows."""

    def close(self) -> None:
        """Writes what is held back and ends the table; the stream stays open."""


@contextlib.contextmanager
def writer(path: str | os.PathLike[str], columns: table.Columns) -> Iterator[Sheet]:
    """Opens a table; its folder is made where there is none.

    Where it cannot be ended, as on a full disk, what was there stays, and the sheet
    that was given says so.

    Args:
      path: Ends in .csv, .parquet or .jsonl. What is there is replaced at the end; it
        is kept where the block ends in an error before the first row.
      columns: Of the rows that will come.

    Raises:
      UserError: If the ending is another, the file cannot be made there, or the
        package that writes Parquet is missing.
    """
    make = _SHEETS[outputs.table_ending(path)]
    ended_by = None
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(files.atomic_writer(path))
        except OSError as error:
            raise UserError(
                "--out must be a file that can be written. "
                f"Received: --out={os.fspath(path)}: {error.strerror}. Name another.",
                exit_code=2,
            ) from error
        sheet = make(stream, columns)
        counted = _Counted(sheet)
        try:
            yield counted
        except (KeyboardInterrupt, Exception) as error:
            if not isinstance(error, KeyboardInterrupt) and not counted.rows:
                raise
            ended_by = error
        sheet.close()
    counted.is_kept = True
    if ended_by is not None:
        raise ended_by


class _Counted:
    """A sheet that knows whether it has rows, and whether they are kept."""

    def __init__(self, sheet: _Rows) -> None:
        self._sheet, self.rows, self.is_kept = sheet, 0, False

    def add(self, rows: Sequence[table.Row]) -> None:
        self._sheet.add(rows)
        self.rows += len(rows)

    def close(self) -> None:
        self._sheet.close()


def read(path: str | os.PathLike[str], columns: table.Columns) -> pd.DataFrame:
    """Reads a table that `writer` wrote.

    Returns:
      The rows as `columns.frame` gives them.
    """
    parts = list(_chunks(path, columns))
    return pd.concat([columns.frame([]), *parts], ignore_index=True)


def by_file(
    path: str | os.PathLike[str], columns: table.Columns
) -> Iterator[pd.DataFrame]:
    """Gives the rows of one film or photograph after another, in memory one at a time.

    Those without rows are not there. `file` tells which it is.
    """
    held: list[pd.DataFrame] = []
    for chunk in _chunks(path, columns):
        for name, rows in chunk.groupby("file", sort=False):
            if held and held[0]["file"].iloc[0] != name:
                yield pd.concat(held, ignore_index=True)
                held = []
            held.append(rows)
    if held:
        yield pd.concat(held, ignore_index=True)


def _chunks(
    path: str | os.PathLike[str], columns: table.Columns
) -> Iterator[pd.DataFrame]:
    ending = outputs.table_ending(path)
    names = list(columns.names)
    if ending == ".csv":
        text = [name for name, kind in columns.kinds.items() if kind == table.TEXT]
        # A file may be called "NA"; only an empty cell of a number means none.
        missing = {name: [""] for name in names if name not in text}
        with pd.read_csv(
            path,
            dtype=dict.fromkeys(text, object),
            keep_default_na=False,
            na_values=missing,
            chunksize=_CHUNK,
        ) as chunks:
            for chunk in chunks:
                yield table.typed(chunk, columns.kinds)
    elif ending == ".parquet":
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_CHUNK):
                yield table.typed(batch.to_pandas(), columns.kinds)
    else:
        with open(path, encoding="utf-8") as stream:
            while lines := list(itertools.islice(stream, _CHUNK)):
                records = [json.loads(line) for line in lines]
                chunk = pd.DataFrame.from_records(records, columns=names)
                yield table.typed(chunk, columns.kinds)


class _Csv:
    """Commas, UTF-8, "." for decimals, empty cells where a value is missing."""

    def __init__(self, stream: BinaryIO, columns: table.Columns) -> None:
        self._stream = stream
        self._write([columns.names])

    def add(self, rows: Sequence[table.Row]) -> None:
        self._write([list(map(_cell, row)) for row in rows])

    def close(self) -> None:
        pass

    def _write(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._stream.write(text.getvalue().encode())


class _Jsonl:
    """One JSON object a line; null where a value is missing."""

    def __init__(self, stream: BinaryIO, columns: table.Columns) -> None:
        self._stream, self._names = stream, columns.names

    def add(self, rows: Sequence[table.Row]) -> None:
        lines = (
            json.dumps(
                dict(zip(self._names, map(_known, row), strict=True)),
                ensure_ascii=False,
                allow_nan=False,
            )
            for row in rows
        )
        text = "".join(f"{line}\n" for line in lines)
        self._stream.write(text.encode())

    def close(self) -> None:
        pass


class _Parquet:
    """Row groups of `_CHUNK` rows."""

    def __init__(self, stream: BinaryIO, columns: table.Columns) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise UserError(
                "A .parquet file must have the package pyarrow. "
                f"Received: {error}. Run: pip install pyarrow, or write .csv.",
            ) from error
        types = {
            table.TEXT: pyarrow.string(),
            table.WHOLE: pyarrow.int64(),
            table.PRESENCE: pyarrow.int8(),
            table.NUMBER: pyarrow.float64(),
        }
        kinds = [types[columns.kinds[name]] for name in columns.names]
        self._schema = pyarrow.schema(list(zip(columns.names, kinds, strict=True)))
        self._array = pyarrow.array
        self._table = pyarrow.Table.from_arrays
        self._writer = pyarrow.parquet.ParquetWriter(stream, self._schema)
        self._held: list[table.Row] = []

    def add(self, rows: Sequence[table.Row]) -> None:
        self._held += rows
        if len(self._held) >= _CHUNK:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held:
            arrays = [
                self._array(list(map(_known, values)), field.type)
                for values, field in zip(
                    zip(*held, strict=True), self._schema, strict=True
                )
            ]
            self._writer.write_table(self._table(arrays, schema=self._schema))


_SHEETS = {".csv": _Csv, ".parquet": _Parquet, ".jsonl": _Jsonl}


def _known(value: object) -> object:
    """Returns a value, or None for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _cell(value: object) -> object:
    known = _known(value)
    return "" if known is None else known
