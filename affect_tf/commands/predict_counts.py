"""What came of the files of a prediction, as numbers and as lines for a person."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

from affect_tf.serving.prediction.table_rows import Outcome

#: Files that are named one by one; beyond, they are counted.
MAX_NAMED = 10


@dataclasses.dataclass
class Counts:
    """What came of the files so far; problems are (file, why)."""

    rows: int = 0
    films: int = 0
    cameras: int = 0
    pictures: int = 0
    faces: int = 0
    faceless_pictures: int = 0
    faceless_films: list[str] = dataclasses.field(default_factory=list)
    problems: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Takes a file that is done."""
        self.cameras += outcome.is_live
        self.films += outcome.is_film and not outcome.is_live
        self.pictures += not outcome.is_film
        if outcome.problem:
            self.problems.append((outcome.name, outcome.problem))
        elif not outcome.faces and outcome.is_film:
            self.faceless_films.append(outcome.name)
        elif not outcome.faces:
            self.faceless_pictures += 1

    def said(self) -> str:
        """Returns what was looked at and found."""
        of = [
            count(number, noun)
            for number, noun in (
                (self.films, "film"),
                (self.cameras, "camera"),
                (self.pictures, "photograph"),
            )
            if number
        ]
        text = f"{count(self.rows, 'row')}, {count(self.faces, 'face')}"
        if of:
            text += f", of {' and '.join(of)}"
        if self.faceless_pictures:
            text += f"; no face in {count(self.faceless_pictures, 'photograph')}"
        return text


def named(problems: Sequence[tuple[str, str]], which: str) -> list[str]:
    """Returns a line for each of some files.

    Args:
      problems: (file, why).
      which: How to find those that are too many to be named.
    """
    lines = [f"  {name}: {why}" for name, why in problems[:MAX_NAMED]]
    if len(problems) > MAX_NAMED:
        lines.append(f"  and {len(problems) - MAX_NAMED:,} more: {which}")
    return lines


def left_out(others: Mapping[str, int]) -> str:
    """Says how many files nothing reads, the most frequent kinds first."""
    kinds = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{kind or 'no ending'} {number:,}" for kind, number in kinds]
    if len(named) > MAX_NAMED:
        named[MAX_NAMED:] = ["..."]
    total = sum(others.values())
    verb = "was" if total == 1 else "were"
    return f"{count(total, 'file')} of other kinds {verb} left out ({', '.join(named)})"


def count(number: int, noun: str) -> str:
    """Returns a number and what it is of, "1 file" or "2 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
