"""What the owners of the field's data sets allow, as far as the toolkit knows.

A model inherits the terms of the data that it learnt from. This table is a reminder
and no licence: the agreement that somebody signed to get the data is what counts.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Terms:
    """The terms of one data set.

    Attributes:
      title: Its name, as people write it.
      summary: What its owners ask for, in a clause.
      commercial: Whether weights learnt from it may serve a commercial purpose: None
        where that is not known, to be read as "no" until somebody has checked.
    """

    title: str
    summary: str
    commercial: bool | None


_RESEARCH = "non-commercial research under a signed agreement; no redistribution"

#: By the beginning of the source's name in the records, longest first.
TERMS = {
    "affwild2": Terms("Aff-Wild2", _RESEARCH, False),
    "affectnet": Terms("AffectNet", _RESEARCH, False),
    "afew_va": Terms("AFEW-VA", "non-commercial research; frames from films", False),
    "disfa": Terms("DISFA", _RESEARCH, False),
    "abaw": Terms("ABAW challenge (Aff-Wild2)", _RESEARCH, False),
    "expw": Terms("ExpW", "non-commercial research; pictures from the web", False),
}

#: The reader of the drawn faces, as manifests name it.
SYNTHETIC = "synthetic"
_DRAWN = Terms(
    "drawn faces of this toolkit", "made by a program; shows no person", True
)
_UNKNOWN = "not known to the toolkit: ask whoever collected it"


def terms_of(source: str, is_drawn: bool = False) -> Terms:
    """Returns the terms for a source's name, such as "affwild2" or "AffectNet".

    A name that nobody knows gets terms that say so.

    Args:
      source: The name in the records.
      is_drawn: Whether this toolkit drew the pictures.

    >>> terms_of("disfa-left").title
    'DISFA'
    >>> terms_of("my_pictures").commercial is None
    True
    """
    if is_drawn:
        return _DRAWN
    name = source.lower().replace("-", "_")
    for known in sorted(TERMS, key=len, reverse=True):
        if name.replace("_", "").startswith(known.replace("_", "")):
            return TERMS[known]
    return Terms(source, _UNKNOWN, None)
