"""Who is meant: the people of a folder, as a command line names them."""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib

#: Names among which the closest is looked for: comparing takes its time.
_CANDIDATES = 500
#: Names that an error lists.
_LISTED = 8


class Person(NamedTuple):
    """Who is seen; `subject` is unique within `source`."""

    source: str
    subject: str

    def __str__(self) -> str:
        """Returns "source/subject"."""
        return f"{self.source}/{self.subject}"


def may_be_meant(person: Person, texts: Collection[str]) -> bool:
    """Returns whether one of the texts names a person, with or without the source."""
    return person.subject in texts or str(person) in texts


def resolve(texts: Sequence[str], people: Iterable[Person]) -> tuple[Person, ...]:
    """Returns whom each text means, without repetition.

    Args:
      texts: "disfa/SN001", or "SN001" where only one source has a SN001.
      people: Everybody in the folder.

    Raises:
      UserError: If a text means nobody or several people.
    """
    everybody = set(people)
    by_subject: dict[str, list[Person]] = {}
    for person in everybody:
        by_subject.setdefault(person.subject, []).append(person)
    meant = []
    for text in texts:
        source, _, subject = text.partition("/")
        if Person(source, subject) in everybody:
            meant.append(Person(source, subject))
            continue
        found = sorted(by_subject.get(text, ()))
        if not found:
            raise UserError(
                "--subject must name a person of the folder. "
                f"Received: --subject={text}. {_closest(text, everybody)}",
                exit_code=2,
            )
        if len(found) > 1:
            names = ", ".join(str(person) for person in found)
            raise UserError(
                "--subject must name one person. "
                f"Received: --subject={text}, which may be {names}. Name one of them.",
                exit_code=2,
            )
        meant += found
    return tuple(dict.fromkeys(meant))


def _closest(text: str, people: Iterable[Person]) -> str:
    """Returns a clause that names the nearest people, of however many."""

    def distance(name: str) -> tuple[int, int, str]:
        common = len(os.path.commonprefix([name, text]))
        return -common, abs(len(name) - len(text)), name

    names = {n for person in people for n in (str(person), person.subject)}
    near = heapq.nsmallest(_CANDIDATES, names, distance)
    clause = taxonomy_lib.closest(text, tuple(near))
    listed = sorted(str(person) for person in heapq.nsmallest(_LISTED, people))
    more = "" if len(listed) < _LISTED else ", ..."
    return f"{clause.partition('Allowed:')[0]}The folder has {', '.join(listed)}{more}."
