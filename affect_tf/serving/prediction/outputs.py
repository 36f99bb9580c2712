"""What a user names as output: the table, and a place for each annotated file."""

from __future__ import annotations

import collections
import itertools
import os
import pathlib
import tempfile
from collections.abc import Iterable
from collections.abc import Sequence

from affect_tf.errors import UserError
from affect_tf.serving.prediction import overlay_marks
from affect_tf.serving.prediction.inputs import FILM
from affect_tf.serving.prediction.inputs import Source

#: The endings of a table's file.
TABLE_ENDINGS = (".csv", ".parquet", ".jsonl")


def table_ending(path: str | os.PathLike[str]) -> str:
    """Returns the ending of a table's file, in lower case.

    Raises:
      UserError: If no table ends so.
    """
    ending = pathlib.Path(path).suffix.lower()
    if ending not in TABLE_ENDINGS:
        raise UserError(
            f"--out must end in {' or '.join(TABLE_ENDINGS)}. "
            f"Received: --out={os.fspath(path)}. Change the ending.",
            exit_code=2,
        )
    return ending


def check_writable(flag: str, path: pathlib.Path, is_folder: bool = False) -> None:
    """Tries whether a file can be made where an output will be; leaves nothing there.

    Args:
      flag: Which names the output: "out".
      path: The output.
      is_folder: Whether it is a folder of outputs, which may be there already.

    Raises:
      UserError: If it cannot.
    """
    reason = ""
    if path.is_dir() and not is_folder:
        reason = "it is a folder"
    elif path.exists() and is_folder and not path.is_dir():
        reason = "it is a file"
    else:
        places = (
            [path, *path.absolute().parents] if is_folder else path.absolute().parents
        )
        place = next(each for each in places if each.exists())
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            reason = f"{place}: {error.strerror}"
    if reason:
        kind = "folder" if is_folder else "file"
        raise UserError(
            f"--{flag} must be a {kind} that can be written. "
            f"Received: --{flag}={path}: {reason}. Name another.",
            exit_code=2,
        )


def check_not_inputs(
    outputs: Iterable[str | os.PathLike[str]], sources: Iterable[Source]
) -> None:
    """Raises UserError where an output would replace what is looked at."""
    inputs = {os.path.realpath(source.name) for source in sources}
    for path in outputs:
        if os.path.realpath(path) in inputs:
            raise UserError(
                "An output must not be one of the inputs. "
                f"Received: {os.fspath(path)} as both. Name another.",
                exit_code=2,
            )


def check_not_searched(folder: pathlib.Path, searched: Iterable[str]) -> None:
    """Refuses a folder of annotated files that would be the inputs of the next run.

    Args:
      folder: Where they go. Below a folder that is searched, it is left out there.
      searched: The folders that are.

    Raises:
      UserError: If it is one of these, or lies above one.
    """
    above = os.path.join(os.path.realpath(folder), "")
    for place in searched:
        if os.path.join(os.path.realpath(place), "").startswith(above):
            raise UserError(
                "--overlay must not be, or lie above, a folder that is searched: the "
                "next run would look at what this one drew. "
                f"Received: --overlay={folder}, and {place} is searched. Name a folder "
                f"below it, such as {os.path.join(place, 'overlay')}.",
                exit_code=2,
            )


def check_replaceable(paths: Iterable[pathlib.Path]) -> None:
    """Raises UserError where an annotated file would replace what is none itself."""
    for path in paths:
        if os.path.lexists(path) and not overlay_marks.is_overlay(path):
            raise UserError(
                "--overlay must not replace a file that no --overlay has written. "
                f"Received: {path}, which is there. Name another folder, or move that "
                "file away.",
                exit_code=2,
            )


def overlay_paths(
    sources: Sequence[Source], folder: pathlib.Path
) -> dict[Source, pathlib.Path]:
    """Returns where the annotated copy of each film and photograph goes.

    Below the folder that all of them share, paths stay as they are; the ending becomes
    .mp4 or .jpg. Where two would be called alike, the ending stays before that, and a
    number follows it where that is taken as well. All names differ, on disks that do
    not tell capitals apart too.

    Args:
      sources: Films and photographs that lie on a disk.
      folder: Where the copies go.
    """
    whole = [os.path.abspath(source.name) for source in sources]
    if not whole:
        return {}
    shared = os.path.commonpath([os.path.dirname(path) for path in whole])
    endings = [".mp4" if source.kind == FILM else ".jpg" for source in sources]
    names = [os.path.relpath(path, shared) for path in whole]
    short = [
        os.path.splitext(name)[0] + ending
        for name, ending in zip(names, endings, strict=True)
    ]
    count = collections.Counter(map(str.casefold, short))
    taken = {name for name, times in count.items() if times == 1}
    places = {}
    for source, name, brief, ending in zip(sources, names, short, endings, strict=True):
        if count[brief.casefold()] > 1:
            numbers = (f"{name}.{number}{ending}" for number in itertools.count(2))
            candidates = itertools.chain([name + ending], numbers)
            brief = next(c for c in candidates if c.casefold() not in taken)
            taken.add(brief.casefold())
        places[source] = folder / brief
    return places
