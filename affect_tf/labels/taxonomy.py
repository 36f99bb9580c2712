"""The label vocabulary of a data set or model, by name and in a fixed order.

Classes and action units cross every border of the toolkit by name; an index is
only ever a position in one `Taxonomy`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from typing import Any

#: The tasks, in the order in which they are reported everywhere.
TASKS = ("expr", "au", "va")

#: Names of the two dimensions of the `va` task, in column order.
VA_DIMENSIONS = ("valence", "arousal")

#: Order of the first two ABAW challenges (EXPR-7) and of the third (EXPR-8).
EXPRESSIONS_7 = (
    "neutral",
    "anger",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
)
EXPRESSIONS_8 = (*EXPRESSIONS_7, "other")

#: Every expression that a data set of the field names, including contempt.
KNOWN_EXPRESSIONS = (*EXPRESSIONS_8, "contempt")

AUS_8 = ("AU1", "AU2", "AU4", "AU6", "AU12", "AU15", "AU20", "AU25")
AUS_12 = (
    "AU1",
    "AU2",
    "AU4",
    "AU6",
    "AU7",
    "AU10",
    "AU12",
    "AU15",
    "AU23",
    "AU24",
    "AU25",
    "AU26",
)

#: Spellings that data sets use for the names above.
EXPRESSION_SYNONYMS = {
    "afraid": "fear",
    "angry": "anger",
    "contemptuous": "contempt",
    "disgusted": "disgust",
    "fearful": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "joyful": "happiness",
    "others": "other",
    "sad": "sadness",
    "scared": "fear",
    "surprised": "surprise",
}

#: The highest action unit; what the coding system counts beyond it is no movement of
#: the face, but of eyes and head, or a code that says "not visible".
LAST_ACTION_UNIT = 45

_ACTION_UNIT = re.compile(r"AU_?0*([1-9][0-9]?)", re.IGNORECASE | re.ASCII)


def canonical_expression(name: str) -> str:
    """Returns the toolkit's spelling of an expression's name ("Happy" -> "happiness").

    Unknown names come back in lower case, for the caller to accept or reject.
    """
    lowered = name.strip().lower()
    return EXPRESSION_SYNONYMS.get(lowered, lowered)


def canonical_action_unit(name: str) -> str | None:
    """Returns "AU4" for "AU4", "au04" or "AU_4", and None for anything else.

    >>> canonical_action_unit("au_04"), canonical_action_unit("AU46")
    ('AU4', None)
    """
    match = _ACTION_UNIT.fullmatch(name.strip())
    if not match or int(match.group(1)) > LAST_ACTION_UNIT:
        return None
    return f"AU{match.group(1)}"


def closest(name: str, allowed: tuple[str, ...]) -> str:
    """Returns a clause that names the nearest allowed value, or lists them all."""
    near = difflib.get_close_matches(name, allowed, n=1)
    listing = f"Allowed: {', '.join(allowed) or 'none'}."
    return f"Did you mean {near[0]!r}? {listing}" if near else listing


@dataclasses.dataclass(frozen=True)
class Taxonomy:
    """The expressions and action units of a data set or model, in order.

    Attributes:
      name: Short name, for people.
      expressions: Class names in index order; empty without an `expr` task.
      action_units: "AU1"-style names in column order; empty without an `au` task.
      has_va: Whether valence and arousal belong to it.

    Raises:
      ValueError: On a repeated or misspelt name.
    """

    name: str
    expressions: tuple[str, ...] = ()
    action_units: tuple[str, ...] = ()
    has_va: bool = True

    def __post_init__(self) -> None:
        """Checks the names once, so that nothing later has to."""
        for field, names in (
            ("expressions", self.expressions),
            ("action_units", self.action_units),
        ):
            if len(set(names)) != len(names):
                raise ValueError(
                    f"Taxonomy.{field} must name each entry once. "
                    f"Received: {field}={names}. Remove the repetition."
                )
        for unit in self.action_units:
            if canonical_action_unit(unit) != unit:
                raise ValueError(
                    "Taxonomy.action_units must be written like 'AU4'. "
                    f"Received: {unit!r}. "
                    f"Write 'AU' and a number from 1 to {LAST_ACTION_UNIT}."
                )
        for expression in self.expressions:
            if canonical_expression(expression) != expression:
                raise ValueError(
                    "Taxonomy.expressions must use the canonical spelling. "
                    f"Received: {expression!r}. "
                    f"Write {canonical_expression(expression)!r}."
                )

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that this vocabulary describes, in the order of `TASKS`."""
        present = {
            "expr": bool(self.expressions),
            "au": bool(self.action_units),
            "va": self.has_va,
        }
        return tuple(task for task in TASKS if present[task])

    def expression_index(self, name: str) -> int:
        """Returns the index of an expression, whatever its spelling.

        Raises:
          ValueError: If the vocabulary lacks it; the message names the closest.
        """
        canonical = canonical_expression(name)
        if canonical not in self.expressions:
            raise ValueError(
                f"An expression must be one of taxonomy {self.name!r}. "
                f"Received: {name!r}. {closest(canonical, self.expressions)}"
            )
        return self.expressions.index(canonical)

    def expressions_from(self, other: Taxonomy) -> tuple[int, ...]:
        """Returns, for each of our classes, its index in `other`, or -1."""
        return _positions(self.expressions, other.expressions)

    def action_units_from(self, other: Taxonomy) -> tuple[int, ...]:
        """Returns, for each of our units, its column in `other`, or -1."""
        return _positions(self.action_units, other.action_units)

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary; `from_json` is its inverse."""
        return {
            "name": self.name,
            "expressions": list(self.expressions),
            "action_units": list(self.action_units),
            "has_va": self.has_va,
            "va_range": [-1.0, 1.0],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any] | str) -> Taxonomy:
        """Reads what `to_json` wrote, as a dictionary or as text."""
        fields = json.loads(value) if isinstance(value, str) else value
        return cls(
            name=fields["name"],
            expressions=tuple(fields["expressions"]),
            action_units=tuple(fields["action_units"]),
            has_va=fields["has_va"],
        )


def _positions(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(theirs.index(name) if name in theirs else -1 for name in ours)


ABAW1 = Taxonomy("abaw1", EXPRESSIONS_7, AUS_8)
ABAW2 = Taxonomy("abaw2", EXPRESSIONS_7, AUS_12)
ABAW3 = Taxonomy("abaw3", EXPRESSIONS_8, AUS_12)

#: Vocabularies that a command line may name.
TAXONOMIES = {taxonomy.name: taxonomy for taxonomy in (ABAW1, ABAW2, ABAW3)}
