"""What a removal of people will do to a folder, noted before it does anything.

A removal first works out what will be there afterwards, and writes that into
`.drop/journal.json`. From then on it can be killed at any moment: whoever comes next
finds the journal and carries it out to its end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

from affect_tf import files
from affect_tf.data import manifest as manifest_lib
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError

#: Where the journal lies, with the new manifest and tables; gone when all is done.
FOLDER = ".drop"
_FILE = "journal.json"
#: Stands between the fingerprint of a build and what was made of it.
_CHANGED = ":changed:"


@dataclasses.dataclass(frozen=True)
class Journal:
    """A removal that is to be carried out.

    Attributes:
      people: Whom it removes, (source, subject).
      before: Fingerprint of the manifest that it found.
      after: Fingerprint of the manifest that it leaves.
      cuts: File of a shard -> the bytes that go, (start, stop), in order.
      removed: Files that go, relative to the folder.
      tables: Files whose new versions lie in `FOLDER`.
    """

    people: tuple[tuple[str, str], ...]
    before: str
    after: str
    cuts: Mapping[str, Sequence[tuple[int, int]]]
    removed: tuple[str, ...]
    tables: tuple[str, ...]

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Writes the journal, as one whole; from here on the removal takes place."""
        path = pathlib.Path(directory, FOLDER, _FILE)
        files.write_text(path, json.dumps(dataclasses.asdict(self)))


def pending(directory: str | os.PathLike[str]) -> Journal | None:
    """Returns the journal of a removal that did not come to its end.

    None where there is none, or where another build has taken the folder since.

    Raises:
      UserError: If the journal is damaged.
    """
    path = pathlib.Path(directory, FOLDER, _FILE)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        journal = Journal(
            people=tuple((source, subject) for source, subject in fields["people"]),
            before=fields["before"],
            after=fields["after"],
            cuts={
                file: [(start, stop) for start, stop in cuts]
                for file, cuts in fields["cuts"].items()
            },
            removed=tuple(fields["removed"]),
            tables=tuple(fields["tables"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            "A journal must be what 'drop' wrote. "
            f"Received: {path}, which is damaged ({type(error).__name__}: {error}). "
            "Build the folder again without these people, into a new one, and delete "
            "this one."
        ) from error
    found = _fingerprint(directory)
    return journal if found in (None, journal.before, journal.after) else None


def forget(directory: str | os.PathLike[str]) -> None:
    """Removes the journal of a removal that is done."""
    pathlib.Path(directory, FOLDER, _FILE).unlink(missing_ok=True)


def check_none_stopped(directory: str | os.PathLike[str]) -> None:
    """Raises a UserError where a removal has begun and did not come to its end."""
    if pending(directory) is not None:
        raise UserError(
            "A folder must be whole to be used. "
            f"Received: {os.fspath(directory)!r}, from which people are being removed. "
            "If that was stopped, finish it with 'python -m tfrecords_builder drop "
            f"{os.fspath(directory)}'."
        )


def changed_fingerprint(fingerprint: str, shards: Sequence[Shard]) -> str:
    """Returns the fingerprint of a folder from which somebody was removed.

    It is no build's, and differs from every other state of this folder.

    Args:
      fingerprint: Of the manifest before.
      shards: Those afterwards.
    """
    checksum = hashlib.sha256("\0".join(s.sha256 for s in shards).encode())
    original = fingerprint.partition(_CHANGED)[0]
    return f"{original}{_CHANGED}{checksum.hexdigest()[:16]}"


def check_unchanged(directory: str | os.PathLike[str]) -> None:
    """Raises a UserError where a folder is a build less the people removed from it."""
    if _CHANGED in (_fingerprint(directory) or ""):
        raise UserError(
            "A build must not bring people back who were removed. Received: "
            f"{os.fspath(directory)!r}, from which 'drop' has removed people. Take "
            "them out of the pictures and annotations, then add --overwrite: it brings "
            "back whoever is still there."
        )


def _fingerprint(directory: str | os.PathLike[str]) -> str | None:
    """Returns that of the folder's manifest; None where there is none to be read."""
    path = pathlib.Path(directory, manifest_lib.FILE_NAME)
    try:
        return json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
