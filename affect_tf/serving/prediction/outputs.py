"""What a user names as output: the table, and a place for each annotated file."""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence

from affect_tf.errors import UserError
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


def overlay_paths(
    sources: Sequence[Source], folder: pathlib.Path
) -> dict[Source, pathlib.Path]:
    """Returns where the annotated copy of each film and photograph goes.

    Below the folder that all of them share, paths stay as they are; the ending becomes
    .mp4 or .jpg. Where two would be called alike, the ending stays before that.

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
    taken = collections.Counter(short)
    return {
        source: folder / (name + ending if taken[brief] > 1 else brief)
        for source, name, brief, ending in zip(
            sources, names, short, endings, strict=True
        )
    }
