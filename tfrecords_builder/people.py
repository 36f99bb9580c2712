"""Who is meant: the people of a folder, as a command line names them."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from affect_tf.errors import UserError

#: Sources that an error lists.
_LISTED = 8
#: Who is followed in a film without a name of their own is "<film>/p0".
_FOLLOWED = re.compile(r"(?P<film>.+)/p[0-9]+", re.ASCII | re.DOTALL)


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


def film_names(text: str) -> frozenset[str]:
    """Returns the names that a film, or a photograph, of somebody alone may have.

    Args:
      text: A subject, with or without the source.
    """
    subjects = (text, text.partition("/")[2])
    films = [m["film"] for s in subjects if (m := _FOLLOWED.fullmatch(s))]
    return frozenset(filter(None, (*subjects, *films)))


def absent(text: str, people: Collection[Person]) -> tuple[Person, ...]:
    """Returns who may be meant by a text that names nobody of a folder.

    What stands before a "/" is the source of a person who is gone, unless it is a slip
    and somebody of another source would be taken for them.

    Args:
      text: As for `resolve`.
      people: Everybody in the folder.
    """
    source, _, subject = text.partition("/")
    is_source = any(person.source == source for person in people)
    is_others = any(person.subject == subject for person in people)
    there = subject and (is_source or not is_others)
    return (Person("", text), *([Person(source, subject)] if there else []))


def nobody(text: str, directory: str, people: Iterable[Person]) -> UserError:
    """Returns the error of a text that names nobody.

    It proposes no other name: who is in a hurry would remove the wrong person.
    """
    sources = sorted({person.source for person in people})
    more = ", ..." if len(sources) > _LISTED else ""
    listed = f"{', '.join(sources[:_LISTED])}{more}" or "none"
    return UserError(
        "--subject must name a person of the folder. "
        f"Received: --subject={text}, but nobody of that name is in {directory}, and "
        "nothing else of them. Look the name up in the annotations. Sources in the "
        f"folder: {listed}.",
        exit_code=2,
    )


def resolve(
    texts: Sequence[str], people: Iterable[Person]
) -> tuple[tuple[Person, ...], tuple[str, ...]]:
    """Returns whom each text means, and the texts that mean nobody; none twice.

    Args:
      texts: "disfa/SN001", or "SN001" where only one source has a SN001.
      people: Everybody in the folder.

    Raises:
      UserError: If a text means several people.
    """
    everybody = set(people)
    by_subject: dict[str, list[Person]] = {}
    for person in everybody:
        by_subject.setdefault(person.subject, []).append(person)
    meant, unknown = [], []
    for text in texts:
        source, _, subject = text.partition("/")
        if Person(source, subject) in everybody:
            meant.append(Person(source, subject))
            continue
        found = sorted(by_subject.get(text, ()))
        if not found:
            unknown.append(text)
        if len(found) > 1:
            names = ", ".join(str(person) for person in found)
            raise UserError(
                "--subject must name one person. "
                f"Received: --subject={text}, which may be {names}. Name one of them.",
                exit_code=2,
            )
        meant += found
    return tuple(dict.fromkeys(meant)), tuple(dict.fromkeys(unknown))
