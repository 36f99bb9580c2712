"""When the frames of films are shown, for pictures that somebody else cut from them."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import av.error
import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces import film_decoding
from affect_tf.faces import films
from affect_tf.faces.film_decoding import FilmError


def find(directory: str | os.PathLike[str]) -> dict[str, str]:
    """Returns name -> file of the films in a folder and the folders below it.

    A film is called after its file without the extension.

    Raises:
      UserError: If there is no such folder, no film in it, or two of one name.
    """
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise UserError(
            f"--videos must be a folder of films. Received: {os.fspath(directory)!r}. "
            "Correct the path.",
            exit_code=2,
        )
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        if path.name.startswith(".") or not films.is_film(path) or path.is_dir():
            continue
        other = found.setdefault(path.stem, str(path))
        if other != str(path):
            raise UserError(
                "--videos must hold one film of a name. Received: "
                f"{other} and {path}. Take one of them out."
            )
    if not found:
        raise UserError(
            "--videos must be a folder of films. Received: "
            f"{os.fspath(directory)!r}, which holds none. Name another folder.",
            exit_code=2,
        )
    return found


def times(path: str | os.PathLike[str]) -> np.ndarray:
    """Returns when a film shows its frames, float64 [N], rising from 0.

    They are the times that `films.frames` gives, but from the container's stamps
    alone where these are whole: nothing has to be decoded then.

    Raises:
      FilmError: If the file is absent, no film, damaged or cut off.
    """
    stamps: list[int | None] = []
    damage = film_decoding.Damage()
    with film_decoding.opened(path) as container:
        stream = film_decoding.picture_track(container, path)
        try:
            for packet in container.demux(stream):
                damage.see(packet)
                if packet.is_corrupt:
                    damage.add(ValueError("a packet is corrupt"))
                if packet.size and not packet.is_discard:
                    stamps.append(packet.pts)
        except (av.error.FFmpegError, OSError) as error:
            damage.add(error)
        damage.check_end(container, stream)
        unit = stream.time_base
    if damage.reason or not stamps or None in stamps or len({*stamps}) < len(stamps):
        return np.array([frame.time for frame in films.frames(path)])
    return np.array([float((stamp - min(stamps)) * unit) for stamp in sorted(stamps)])


def of_frames(
    videos: Sequence[str], frames: Sequence[int], paths: Mapping[str, str]
) -> tuple[np.ndarray, list[str]]:
    """Returns when frames of several films are shown.

    Args:
      videos: The film of each frame, N names.
      frames: Its number in the film, from 0, N.
      paths: Film -> file; a film that is absent has no times.

    Returns:
      float64 [N], seconds; NaN where the film is absent or damaged, and infinite
      where it has no such frame. And the names of the damaged films.
    """
    videos, frames = np.asarray(videos, object), np.asarray(frames, np.int64)
    found, damaged = np.full(len(frames), np.nan), []
    for video in sorted({*videos} & {*paths}):
        try:
            of_film = times(paths[video])
        except FilmError:
            damaged.append(video)
            continue
        mine = videos == video
        there = mine & (frames < len(of_film))
        found[mine] = np.inf
        found[there] = of_film[frames[there]]
    return found, damaged
