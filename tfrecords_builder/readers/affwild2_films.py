"""The films that the pictures of ABAW's data were cut from: their times and sound.

    VIDEOS/
      video1.mp4, batch2/10-60-1280x720.mp4 ...

Picture k + 1 of a folder shows frame k of the film, so its time is the stamp of that
frame, whatever the rate of the film, constant or not.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from affect_tf.errors import UserError
from tfrecords_builder import film_times
from tfrecords_builder import sound_flags
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import sum_of_dropped
from tfrecords_builder.readers.affwild2_layout import listed
from tfrecords_builder.readers.affwild2_pictures import composed
from tfrecords_builder.sound_flags import SoundFlags
from tfrecords_builder.sound_source import FilmSounds
from tfrecords_builder.sound_source import Soundtracks


class FilmOptions(NamedTuple):
    """What is wanted of the films.

    Attributes:
      videos: Their folder; None where they are not to be looked at.
      sound: What is to be stored of their sound.
    """

    videos: str | None
    sound: SoundFlags


def add_flags(add: Callable[..., object]) -> None:
    """Adds `--videos`."""
    add(
        "--videos",
        metavar="DIR",
        help="the films that the pictures were cut from, here or below: frames get "
        "the times of the films, and with --sound their sound",
    )


def options(flags: argparse.Namespace) -> FilmOptions:
    """Returns what a command line asks for.

    Raises:
      UserError: If there is to be sound without films, or without clips.
    """
    found = FilmOptions(getattr(flags, "videos", None), sound_flags.read(flags))
    if not found.sound.channels:
        return found
    for name, value, example in (
        ("videos", found.videos, "DIR"),
        ("clip_frames", flags.clip_frames, "1024"),
    ):
        if value is None:
            raise UserError(
                f"--sound must come with --{name}, where pictures are cut already. "
                f"Received: --sound={flags.sound} without. Add --{name}={example}.",
                exit_code=2,
            )
    return found


def joined(annotations: Annotations, source: str, wanted: FilmOptions) -> Annotations:
    """Gives the rows of a data set the times and the sound of its films.

    Args:
      annotations: With pictures that were cut from films, by `video` and `frame`.
      source: Value of the `source` column.
      wanted: What of the films.

    Returns:
      The annotations. A row whose film ends before its frame is left out, as
      "no_frame". Where there is no whole film, its rows have no time; where sound is
      wanted they are left out, as "no_film": one clip without times would keep a whole
      folder from being used with them.

    Raises:
      UserError: If the folder holds no film, or two of one name.
    """
    if wanted.videos is None:
        return annotations
    paths = film_times.find(wanted.videos)
    paths = {composed(name): path for name, path in paths.items()}
    table = annotations.table
    videos = table["video"].to_numpy(object)
    times, damaged = film_times.of_frames(videos, table["frame"].to_numpy(), paths)
    late, untimed = np.isinf(times), np.isnan(times)
    left_out = late | untimed if wanted.sound.channels else late
    dropped = sum_of_dropped(
        [
            {split: {reason: int(n)}}
            for reason, rows in (("no_frame", late), ("no_film", left_out & untimed))
            for split, n in table.loc[rows, "split"].value_counts().items()
        ]
    )
    notes = []
    what_then = "are left out" if wanted.sound.channels else "have no time"
    absent = sorted({*videos} - {*paths})
    for what, names in (("without a film", absent), ("of damaged films", damaged)):
        if names:
            notes.append(
                f"Videos {what} in --videos, whose frames {what_then}: {listed(names)}."
            )
    whole = {name: path for name, path in paths.items() if name not in damaged}
    sounds = None
    if wanted.sound.channels:
        films = FilmSounds(whole, wanted.sound.channels)
        sounds = Soundtracks({source: films}, wanted.sound.seconds)
    return dataclasses.replace(
        annotations,
        table=table.assign(time=times)[~left_out].reset_index(drop=True),
        notes=(*annotations.notes, *notes),
        dropped=sum_of_dropped([annotations.dropped, dropped]),
        sounds=sounds,
    )
