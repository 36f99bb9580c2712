"""Several data sets in one folder, joined by names and never by positions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import KNOWN_EXPRESSIONS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import complete
from tfrecords_builder.annotations import FilmTables
from tfrecords_builder.annotations import has_label
from tfrecords_builder.annotations import sum_of_dropped
from tfrecords_builder.picture_source import MergedPictures
from tfrecords_builder.sound_source import union as union_of_sounds


def merge(parts: Mapping[str, Annotations]) -> Annotations:
    """Returns several data sets as one.

    Classes and units that a data set does not annotate are unlabelled in its rows:
    DISFA, which has no AU7, is masked there beside a set that has it.

    Args:
      parts: Name -> data set. The name and "/" come before the keys of each, so that
        equal keys of two sets stay apart; a single data set keeps its keys.

    Raises:
      UserError: If two of them have a source of the same name.
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    _check_sources(parts)
    taxonomy = union([part.taxonomy for part in parts.values()])
    tables = []
    for name, part in parts.items():
        table = part.table.copy()
        for column in ("key", "picture", "clip"):
            table[column] = f"{name}/" + table[column]
        tables.append(complete(table, taxonomy, name))
    films = [part.films for part in parts.values() if part.films is not None]
    return Annotations(
        table=pd.concat(tables, ignore_index=True),
        taxonomy=taxonomy,
        pictures=MergedPictures({n: part.pictures for n, part in parts.items()}),
        origin=", ".join(part.origin for part in parts.values()),
        rejects=tuple(r for part in parts.values() for r in part.rejects),
        notes=tuple(f"{n}: {note}" for n, part in parts.items() for note in part.notes),
        dropped=sum_of_dropped([part.dropped for part in parts.values()]),
        reader="+".join(dict.fromkeys(part.reader for part in parts.values())),
        subjects_known=all(part.subjects_known for part in parts.values()),
        films=_films(parts) if films else None,
        sounds=union_of_sounds([part.sounds for part in parts.values()]),
    )


def union(taxonomies: Sequence[Taxonomy]) -> Taxonomy:
    """Returns the vocabulary of everything that one of these names.

    Expressions are in the order of `KNOWN_EXPRESSIONS`, units in that of their
    numbers.
    """
    named = {name for taxonomy in taxonomies for name in taxonomy.expressions}
    units = {unit for taxonomy in taxonomies for unit in taxonomy.action_units}
    return Taxonomy(
        name="+".join(dict.fromkeys(taxonomy.name for taxonomy in taxonomies)),
        expressions=tuple(name for name in KNOWN_EXPRESSIONS if name in named),
        action_units=tuple(sorted(units, key=lambda u: int(re.sub(r"\D", "", u)))),
        has_va=any(taxonomy.has_va for taxonomy in taxonomies),
    )


def restrict(annotations: Annotations, taxonomy: Taxonomy) -> Annotations:
    """Returns a data set in another vocabulary.

    A label without a place there goes; a row that had labels and has none left is
    counted as "outside_taxonomy". Units that the data set lacks are unlabelled.
    """
    table = annotations.table
    before = has_label(table, annotations.taxonomy.action_units)
    foreign = table["expression"].notna() & ~table["expression"].isin(
        taxonomy.expressions
    )
    table = table.assign(expression=table["expression"].where(~foreign, None))
    if not taxonomy.has_va:
        table = table.assign(valence=np.nan, arousal=np.nan)
    table = complete(table, taxonomy, annotations.taxonomy.name)
    lost = before & ~has_label(table, taxonomy.action_units)
    counts = table.loc[lost, "split"].value_counts()
    dropped = {split: {"outside_taxonomy": int(n)} for split, n in counts.items()}
    return dataclasses.replace(
        annotations,
        table=table[~lost].reset_index(drop=True),
        taxonomy=taxonomy,
        dropped=sum_of_dropped([annotations.dropped, dropped]),
    )


def cut_clips(table: pd.DataFrame, frames: int) -> pd.DataFrame:
    """Returns the table with the frames of each film and person joined to clips.

    Frames of one split, source, subject and film, in order of their number, make
    clips of up to `frames` of them. What is of no film stays as it is.

    Args:
      table: With every column.
      frames: Most frames of a clip; 1 makes a still of each.
    """
    if frames == 1:
        return table.assign(clip=table["key"])
    of_film = table[table["video"] != ""]
    names = ["split", "source", "subject", "video"]
    of_film = of_film.sort_values([*names, "frame", "key"], kind="stable")
    groups = of_film.groupby(names, sort=False)
    first = of_film["key"].where(groups.cumcount() % frames == 0).ffill()
    clip = table["key"].copy()
    clip.update(first)
    return table.assign(clip=clip)


def _check_sources(parts: Mapping[str, Annotations]) -> None:
    owner: dict[str, str] = {}
    for name, part in parts.items():
        for source in part.table["source"].unique():
            if source in owner:
                raise UserError(
                    "Every data set must have sources of its own. Received: source="
                    f"{source!r} in both {owner[source]} and {name}. Rename one with "
                    "--source=NAME after its --dataset.",
                    exit_code=2,
                )
            owner[source] = name


def _films(parts: Mapping[str, Annotations]) -> FilmTables:
    """Returns the films of all parts, with keys as in the merged table."""
    frames, films = [], []
    for name, part in parts.items():
        if part.films is None:
            continue
        of_part, key = part.films.frames, part.films.frames["key"]
        frames.append(of_part.assign(key=(f"{name}/" + key).where(key != "", "")))
        films.append(part.films.films)
    return FilmTables(
        pd.concat(frames, ignore_index=True), pd.concat(films, ignore_index=True)
    )
