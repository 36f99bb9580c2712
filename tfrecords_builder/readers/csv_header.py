"""The header of a CSV file: which column is what, and what was probably meant."""

from __future__ import annotations

import difflib
import pathlib
import re
from collections.abc import Sequence

import pandas as pd

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import Taxonomy

#: What a table of pictures may have besides action units.
COLUMNS = (
    "file",
    "split",
    "subject",
    "expression",
    "valence",
    "arousal",
    "source",
    "video",
    "frame",
    "clip",
)
_ANY_UNIT = re.compile(r"AU_?[0-9]+", re.IGNORECASE | re.ASCII)
#: Parts of the names that people give a column of classes.
_LIKE_EXPRESSION = ("emotion", "label", "class", "expr", "affect", "mood", "category")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def columns(
    header: Sequence[str],
    path: pathlib.Path,
    names: Sequence[str] = COLUMNS,
    flag: str = "csv",
) -> tuple[dict[str, int], list[str]]:
    """Returns the position of each known column, and the names of the others.

    Args:
      header: The cells of the first line.
      path: The file, for messages.
      names: Columns besides action units; the first must be there.
      flag: That names the file on the command line, for messages.

    Raises:
      UserError: If the first of `names` is not there, a column occurs twice, is nearly
        spelt like a known one, or lacks another that belongs to it.
    """
    known, ignored = {}, []
    for position, written in enumerate(header):
        unit = taxonomy_lib.canonical_action_unit(written)
        name = unit or written.strip().lower()
        if name in known:
            raise UserError(
                f"A column must occur once. Received: {name!r} twice in the header of "
                f"{path}. Remove one."
            )
        if name in names or unit:
            known[name] = position
            continue
        if not _ANY_UNIT.fullmatch(name):
            _check_spelling(written, path, names)
        ignored.append(written.strip())
    if names[0] not in known:
        raise UserError(
            f"--{flag} must have a {names[0]!r} column. Received: the columns "
            f"{', '.join(header)} in {path}.{separator_hint(header)} Name the column "
            f"of the {names[0]}s' paths {names[0]!r}."
        )
    for one, other in (("valence", "arousal"), ("arousal", "valence")):
        if one in known and other not in known:
            raise UserError(
                "The columns 'valence' and 'arousal' must come together. Received: "
                f"{one!r} without {other!r} in {path}. Add the other, or remove it."
            )
    if "clip" in known and "frame" not in known:
        raise UserError(
            "A 'clip' column must come with a 'frame' column, which orders its "
            f"pictures. Received: 'clip' alone in {path}. Add 'frame'."
        )
    return known, ignored


def separator_hint(header: Sequence[str]) -> str:
    """Returns a sentence where the header looks separated by something else."""
    for mark, name in _SEPARATORS.items():
        if any(mark in cell for cell in header):
            return f" It looks separated by {name}: save it with commas."
    return ""


def notes(ignored: Sequence[str]) -> list[str]:
    """Returns remarks about the columns that are not read."""
    units = [name for name in ignored if _ANY_UNIT.fullmatch(name)]
    others = [repr(name) for name in ignored if name not in units]
    found = []
    if others:
        found.append(f"Columns that nobody reads: {', '.join(others)}.")
    if units:
        found.append(
            f"Units outside AU1 ... AU{taxonomy_lib.LAST_ACTION_UNIT}, left out: "
            f"{', '.join(units)}."
        )
    return found


def check_labels(
    text: pd.DataFrame,
    vocabulary: Taxonomy,
    ignored: Sequence[str],
    path: pathlib.Path,
    flag: str = "csv",
) -> None:
    """Checks that somebody labelled something.

    Args:
      text: The stripped cells of the known columns.
      vocabulary: The taxonomy of the result.
      ignored: The names of the other columns.
      path: The file, for messages.
      flag: That names the file on the command line, for messages.

    Raises:
      UserError: If no row has a label that the vocabulary takes.
    """
    wanted = ["expression"] if vocabulary.expressions else []
    wanted += ["valence"] if vocabulary.has_va else []
    wanted += vocabulary.action_units
    given = [name for name in wanted if name in text]
    if any((text[name] != "").any() for name in given):
        return
    meant = [
        name for name in ignored if any(p in name.lower() for p in _LIKE_EXPRESSION)
    ]
    hint = f" Is {meant[0]!r} meant? Name it 'expression'." if meant else ""
    found = f"only blanks in {', '.join(given)}" if given else "no such column"
    listed = ", ".join([*text.columns, *ignored])
    raise UserError(
        f"--{flag} must have a label in at least one row: in 'expression', in "
        f"'valence' and 'arousal', or in a unit like 'AU4'. Received: {found}, of the "
        f"columns {listed} in {path}.{hint} Add the labels."
    )


def taxonomy(choice: str, text: pd.DataFrame, name: str) -> tuple[Taxonomy, list[str]]:
    """Returns the vocabulary that the command line asks for, and remarks.

    Args:
      choice: "auto" or the name of a known taxonomy, in any case.
      text: The stripped cells of the known columns.
      name: What a vocabulary made of the file is called.

    Raises:
      UserError: If nobody knows the choice.
    """
    units = [column for column in text if taxonomy_lib.canonical_action_unit(column)]
    wanted = choice.strip().lower()
    if wanted == "auto":
        expressions = ()
        if "expression" in text:
            found = {
                taxonomy_lib.canonical_expression(cell)
                for cell in text["expression"].unique()
            }
            more = [extra for extra in ("other", "contempt") if extra in found]
            expressions = (*taxonomy_lib.EXPRESSIONS_7, *more)
        units.sort(key=lambda unit: int(unit[2:]))
        return Taxonomy(name, expressions, tuple(units), "valence" in text), []
    if wanted not in taxonomy_lib.TAXONOMIES:
        allowed = ("auto", *taxonomy_lib.TAXONOMIES)
        raise UserError(
            "--taxonomy must be one that the toolkit knows. "
            f"Received: {choice!r}. {taxonomy_lib.closest(wanted, allowed)}",
            exit_code=2,
        )
    vocabulary = taxonomy_lib.TAXONOMIES[wanted]
    surplus = [unit for unit in units if unit not in vocabulary.action_units]
    if not surplus:
        return vocabulary, []
    return vocabulary, [f"Units that {wanted} lacks, left out: {', '.join(surplus)}."]


def _check_spelling(written: str, path: pathlib.Path, names: Sequence[str]) -> None:
    """Raises where a name is taken for a known one by everybody but the reader."""
    units = [f"au{n}" for n in range(1, taxonomy_lib.LAST_ACTION_UNIT + 1)]
    name = written.strip().lower()
    near = difflib.get_close_matches(name, [*names, *units], n=1, cutoff=0.8)
    if near:
        meant = near[0].upper() if near[0] in units else near[0]
        raise UserError(
            f"A column must be spelt as the reader knows it. Received: {written!r} "
            f"in the header of {path}. Did you mean {meant!r}? Otherwise give it "
            "a name that cannot be taken for it."
        )
