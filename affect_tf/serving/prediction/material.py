"""Photographs and films in one form, whether they are files, arrays or a camera."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import BinaryIO

import numpy as np

from affect_tf.faces import films
from affect_tf.faces import sound
from affect_tf.faces.film_decoding import FilmError
from affect_tf.faces.films import FilmFrame
from affect_tf.faces.sound import FilmSound
from affect_tf.serving.prediction import inputs

#: How a file begins that the model decodes itself.
_ENCODED = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


@dataclasses.dataclass(frozen=True)
class Material:
    """A photograph or a film that is opened when its turn comes.

    Attributes:
      name: What the table calls it.
      frames: Opens a film; None for a photograph. Raises FilmError, at the end as well.
      picture: Opens a photograph: uint8 [H, W, 3], RGB. Raises FilmError.
      encoded: Reads a photograph as it is stored, for faces that are aligned already;
        None where it is no JPEG or PNG. Raises OSError.
      sound: Writes the first sound track of a film into a file, at a rate and with some
        channels, as `faces.sound.store`; gives None where there is none. Raises
        FilmError.
      is_live: Whether frames come at a pace of their own, and somebody waits for each.
    """

    name: str
    frames: Callable[[], Iterable[FilmFrame]] | None = None
    picture: Callable[[], np.ndarray] | None = None
    encoded: Callable[[], bytes | None] = lambda: None
    sound: Callable[[BinaryIO, int, int], FilmSound | None] = lambda *_: None
    is_live: bool = False


def of_source(source: inputs.Source) -> Material:
    """Returns what a user named on the command line."""
    if source.kind == inputs.CAMERA:
        return Material(source.name, frames=lambda: _camera(source), is_live=True)
    if source.kind == inputs.FILM:
        return Material(
            source.name,
            frames=lambda: _film(source.name),
            sound=lambda *into: sound.store(source.name, *into),
        )
    return Material(
        source.name,
        picture=lambda: films.picture(source.name),
        encoded=lambda: _encoded(source.name),
    )


def of_things(things: Any, rate: float = 25.0) -> list[Material]:
    """Returns what a program passes.

    Args:
      things: A path, or several: what the command line takes. An array: uint8
        [H, W, 3], RGB, is a photograph, [N, H, W, 3] are N of them. A list may mix
        paths and photographs. An iterator gives the frames of one film, in order:
        arrays, or `FilmFrame`s with times of their own; each is copied before the
        next is asked for. One that begins with a path is a list of paths.
      rate: Frames a second of an iterator of arrays, Hz.

    Raises:
      UserError: If a path names nothing.
      ValueError: If an array is no picture, or something is neither.
    """
    if isinstance(things, str | os.PathLike):
        things = [things]
    if isinstance(things, np.ndarray) and things.ndim == 3:
        things = things[None]
    if isinstance(things, Iterator):
        first = list(itertools.islice(things, 1))
        things = itertools.chain(first, things)
        if first and isinstance(first[0], str | os.PathLike):
            things = list(things)
    if isinstance(things, Iterator):
        if not rate > 0:
            raise ValueError(
                f"rate must be above 0. Received: rate={rate}. Pass frames a second."
            )
        return [Material("frames", frames=lambda: _timed(things, rate), is_live=True)]
    if not isinstance(things, np.ndarray | Sequence):
        raise ValueError(
            "What to predict on must be a path, an array, a list of these or an "
            f"iterator of frames. Received: {type(things).__name__}. Convert it."
        )
    found: list[Material] = []
    for number, thing in enumerate(things):
        if isinstance(thing, str | os.PathLike):
            found += map(of_source, inputs.find([os.fspath(thing)]))
        else:
            found.append(_photograph(number, checked_picture(thing)))
    return found


def checked_picture(picture: Any) -> np.ndarray:
    """Returns an array.

    Raises:
      ValueError: If it is not uint8 [H, W, 3] with H and W of 1 or more.
    """
    image = np.asarray(picture)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            "A picture must be uint8 [H, W, 3], RGB. "
            f"Received: {image.dtype} {list(image.shape)}. Convert it: values run from "
            "0 to 255."
        )
    if 0 in image.shape:
        raise ValueError(
            "A picture must have pixels. "
            f"Received: shape={list(image.shape)}. Leave it out."
        )
    return image


def _photograph(number: int, image: np.ndarray) -> Material:
    return Material(f"picture {number}", picture=lambda: image)


def _timed(frames: Iterable[Any], rate: float) -> Iterator[FilmFrame]:
    """Gives copies, since frames wait, and a program may fill one array ever anew."""
    for index, frame in enumerate(frames):
        if isinstance(frame, FilmFrame):
            yield dataclasses.replace(frame, image=np.array(frame.image))
        else:
            yield FilmFrame(index, index / rate, np.array(checked_picture(frame)))


def _film(path: str) -> Iterator[FilmFrame]:
    """Gives the frames of a film, whose every failure is its own and of no other."""
    try:
        yield from films.frames(path)
    except (FilmError, OSError, MemoryError):
        raise
    except Exception as error:
        raise FilmError(
            f"A film must be whole. Received: {path}: {error!r}. Leave it out."
        ) from error


def _camera(source: inputs.Source) -> Iterator[FilmFrame]:
    from affect_tf.serving.prediction import camera

    return camera.frames(int(source.name))


def _encoded(path: str) -> bytes | None:
    with pathlib.Path(path).open("rb") as stream:
        start = stream.read(len(_ENCODED[1]))
        if not start.startswith(_ENCODED):
            return None
        return start + stream.read()
