"""The rows of a CSV file as text, before anybody asks what they mean."""

from __future__ import annotations

import csv
import pathlib

import numpy as np

from affect_tf.errors import UserError
from tfrecords_builder.readers import csv_header


def read(
    path: pathlib.Path, flag: str = "csv"
) -> tuple[list[str], list[list[str]], np.ndarray]:
    """Returns the header, the rows that are not blank, and their line numbers.

    Args:
      path: UTF-8, commas, a header; line ends and a byte order mark do not matter.
      flag: That names the file on the command line, for messages.

    Raises:
      UserError: If it is no such file, has no row, or a row has other than the
        header's number of cells.
    """
    rows, lines = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    rows.append(row)
                    lines.append(reader.line_num)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(
            f"--{flag} must be a file. Received: {str(path)!r}, which is not. "
            "Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"--{flag} must be comma-separated text in UTF-8. Received: {path}, where "
            f"something near line {lines[-1] + 1 if lines else 1} is not ({error}). "
            "Save it again as 'CSV UTF-8'."
        ) from error
    if len(rows) < 2:
        what = "only a header" if rows else "nothing"
        raise UserError(
            f"--{flag} must hold a header and at least one row. Received: {path}, "
            f"which holds {what}. Add a row for each picture."
        )
    header, rows = rows[0], rows[1:]
    for row, line in zip(rows, lines[1:], strict=True):
        if len(row) != len(header):
            raise UserError(
                f"Every row must have the {len(header)} cells of the header. "
                f"Received: {len(row)} cells in line {line} of {path}."
                f"{csv_header.separator_hint(header)} "
                "Put quotes around a comma that belongs to a name, and leave the "
                "cell of an unlabelled column empty."
            )
    return header, rows, np.array(lines[1:])
