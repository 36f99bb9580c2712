"""The films and photographs of a folder, each with a name of its own."""

from __future__ import annotations

import collections
import os
import pathlib
import posixpath
from collections.abc import Sequence

from affect_tf.errors import UserError
from affect_tf.faces import films
from tfrecords_builder.crop_work import Footage
from tfrecords_builder.readers.picture_folder import PictureFolder


def find(root: str | os.PathLike[str] | None) -> list[Footage]:
    """Returns the films and photographs below a folder, in order of their paths.

    Args:
      root: A folder, or one film or photograph. Hidden files are left out.

    Raises:
      UserError: If there is none.
    """
    path = pathlib.Path(root or "")
    if not root or not path.exists():
        raise UserError(
            "--root must be a folder of films and photographs, or one of them. "
            f"Received: --root={root}. Correct the path.",
            exit_code=2,
        )
    folder = path.parent if path.is_file() else path
    paths = [path.name] if path.is_file() else PictureFolder(path).paths
    usable = [name for name in paths if _is_picture(name) or films.is_film(name)]
    if not usable:
        allowed = (*films.FILM_EXTENSIONS, *films.PICTURE_EXTENSIONS)
        raise UserError(
            f"--root must hold films or photographs ({' '.join(allowed)}). "
            f"Received: --root={root}, with {len(paths)} files of other kinds. "
            "Convert them, or name another folder."
        )
    return [
        Footage(name, os.path.join(folder, file), _text(file), films.is_film(file))
        for file, name in zip(usable, names(usable), strict=True)
    ]


def names(files: Sequence[str]) -> list[str]:
    """Returns what each film or photograph is called: its path without the extension.

    The extension stays where two would have the same name, and where a film would be
    called like a folder: its frames could not be told from the pictures in there.

    Args:
      files: Paths with forward slashes, each once.
    """
    written = [_text(file) for file in files]
    stems = [posixpath.splitext(file)[0] for file in written]
    taken = collections.Counter([*stems, *written])
    for file in written:
        while file := posixpath.dirname(file):
            taken[file] += 1
    return [
        file if taken[stem] > 1 else stem
        for file, stem in zip(written, stems, strict=True)
    ]


def _is_picture(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in films.PICTURE_EXTENSIONS


def _text(path: str) -> str:
    """Returns a path as text, whatever bytes the disk has."""
    return path.encode("utf-8", "replace").decode()
