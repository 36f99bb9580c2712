"""What must hold of a whole table before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import SOURCE_NAME
from tfrecords_builder.rejects import Reject


def check(annotations: Annotations) -> None:
    """Checks what no single row can show.

    Raises:
      UserError: If the table is empty although there are no films, a key occurs
        twice, a split or source is misnamed, or a film, a clip or a subject lies in
        two splits.
    """
    table, origin = annotations.table, annotations.origin
    if table.empty and annotations.films is not None:
        return
    if table.empty:
        raise UserError(
            "A data set must have at least one usable row. "
            f"Received: {origin} with {annotations.num_rows} rows, all rejected."
            + _first_reject(annotations.rejects)
        )
    _check_films(table)
    repeated = table[table["key"].duplicated(keep=False)]
    if not repeated.empty:
        key = repeated["key"].iloc[0]
        rows = ", ".join(str(r) for r in repeated.loc[repeated["key"] == key, "row"])
        raise UserError(
            f"A picture must be listed once. Received: {key!r} in lines {rows} of "
            f"{origin} ({repeated['key'].nunique()} such pictures). "
            "Put all its labels into one row."
        )
    for field, wrong in (
        ("split", [s for s in table["split"].unique() if s not in SPLITS]),
        (
            "source",
            [s for s in table["source"].unique() if not SOURCE_NAME.fullmatch(s)],
        ),
    ):
        if wrong:
            rule = f"be one of {', '.join(SPLITS)}"
            if field == "source":
                rule = "consist of letters, digits, '_' and '-'"
            raise UserError(
                f"A {field} must {rule}. Received: {field}={wrong[0]!r} in {origin}, "
                f"{_line(table, field, wrong[0])}. Correct the name."
            )
    _check_frames(table, origin)
    _check_one_each(table, ["clip"], ["split", "source", "subject", "video"], origin)
    _check_one_each(table, ["archive", "subject"], ["split"], origin)


def _check_films(table: pd.DataFrame) -> None:
    """Raises where a film lies in two splits."""
    films = table.loc[table["video"] != "", ["archive", "video", "split", "origin"]]
    films = films.drop_duplicates(["archive", "video", "split"])
    twice = films[films.duplicated(["archive", "video"], keep=False)]
    if twice.empty:
        return
    archive, video = twice.iloc[0][["archive", "video"]]
    mine = twice[(twice["archive"] == archive) & (twice["video"] == video)]
    places = " and ".join(f"{r.split!r} ({r.origin})" for r in mine.itertuples())
    count = len(twice[["archive", "video"]].drop_duplicates())
    raise UserError(
        f"A film must lie in one split. Received: video={video!r} of {archive} in "
        f"{places}, and {count - 1} more. Correct the lists, or add --leakage=drop to "
        "leave their training rows out."
    )


def _check_frames(table: pd.DataFrame, origin: str) -> None:
    """Raises where a clip has one frame twice."""
    clips = table[table["clip"].duplicated(keep=False)]
    twice = clips[clips.duplicated(["clip", "frame"])]
    if not twice.empty:
        row = twice.iloc[0]
        raise UserError(
            "A clip must have each frame once. Received: "
            f"frame={row['frame']} again in line {row['row']} of "
            f"{row['origin'] or origin}, key={row['key']!r}, of clip {row['clip']!r}. "
            "Correct the frame or the subject, or make stills with --clip_frames=1."
        )


def _check_one_each(
    table: pd.DataFrame, keys: list[str], values: list[str], origin: str
) -> None:
    """Raises where rows with the same keys disagree on a value."""
    for value in values:
        pairs = table[[*keys, value, "row"]].drop_duplicates([*keys, value])
        twice = pairs[pairs.duplicated(keys, keep=False)]
        if twice.empty:
            continue
        name = twice.iloc[0][keys[-1]]
        mine = twice[(twice[keys] == twice.iloc[0][keys]).all(axis=1)]
        places = " and ".join(
            f"{getattr(row, value)!r} (line {row.row})" for row in mine.itertuples()
        )
        raise UserError(
            f"A {keys[-1]} must lie in one {value}. Received: {keys[-1]}={name!r} in "
            f"{places} of {origin}; {twice[keys].drop_duplicates().shape[0]} such "
            f"{keys[-1]}s. Give all rows of a {keys[-1]} the same {value}."
        )


def _line(table: pd.DataFrame, field: str, value: str) -> str:
    return f"line {table.loc[table[field] == value, 'row'].iloc[0]}"


def _first_reject(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return " Name a file with rows."
    first = rejects[0]
    return (
        f" The first: line {first.row}, {first.field}={first.value!r}: {first.reason}."
    )
