"""Films and photographs to upright RGB pictures, a frame at a time.

Times are those at which a player would show a frame, in seconds from the film's zero,
which is its first frame; a film of variable rate keeps its own. Decoding is lazy:
memory does not grow with the length of the film. Only files of this machine are
opened, even where a file (a playlist) names another place.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np

from affect_tf.faces import film_decoding
from affect_tf.faces import picture_pixels
from affect_tf.faces.film_clock import Clock
from affect_tf.faces.film_decoding import FilmError

#: What films are called; anything that FFmpeg reads may be passed by name.
FILM_EXTENSIONS = (
    ".3gp",
    ".avi",
    ".flv",
    ".m2ts",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".mts",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
)
PICTURE_EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclasses.dataclass(frozen=True)
class Sound:
    """The first sound track of a film.

    Attributes:
      codec: As FFmpeg calls it: "aac".
      rate: Samples a second, Hz.
      channels: 2 for stereo.
      start: When it begins, seconds from the film's zero; below 0 where the sound is
        ahead of the picture.
      seconds: How long it lasts by the container, NaN where that says nothing.
    """

    codec: str
    rate: int
    channels: int
    start: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Film:
    """What a film says about itself.

    Attributes:
      path: The file.
      width, height: Size of its frames as `frames` gives them: upright, square pixels.
      rotation: By how many degrees, clockwise, the stored frames are turned to be
        upright: 0, 90, 180 or 270.
      frames: Number of frames. From `probe` it is what the container states, 0 where
        it states nothing; from `counted` it is what was decoded.
      rate: Mean frames a second; likewise.
      seconds: From the first frame to the end of the last; likewise.
      codec: As FFmpeg calls it: "h264".
      sound: None in a silent film.
    """

    path: str
    width: int
    height: int
    rotation: int
    frames: int
    rate: float
    seconds: float
    codec: str
    sound: Sound | None

    def counted(self, frames: int, last: float) -> Film:
        """Returns this film with what decoding it has shown.

        Args:
          frames: How many frames there were.
          last: The time of the last one, seconds. A film of one frame keeps its rate.
        """
        rate = (frames - 1) / last if frames > 1 and last > 0 else self.rate
        seconds = last + 1 / rate if frames and rate > 0 else last
        return dataclasses.replace(self, frames=frames, rate=rate, seconds=seconds)


@dataclasses.dataclass(frozen=True)
class FilmFrame:
    """One frame.

    Attributes:
      index: 0 for the first that can be decoded, and so on without gaps.
      time: Seconds from the film's zero; every frame's is above that of the one before.
      image: Uint8 [H, W, 3], RGB, upright.
    """

    index: int
    time: float
    image: np.ndarray


def is_film(path: str | os.PathLike[str]) -> bool:
    """Whether a file is called like a film."""
    return pathlib.Path(path).suffix.lower() in FILM_EXTENSIONS


def probe(path: str | os.PathLike[str]) -> Film:
    """Describes a film from its header and first frame.

    Raises:
      FilmError: If the file is absent, no film, or no frame of it can be decoded.
    """
    with film_decoding.opened(path) as container:
        stream = film_decoding.picture_track(container, path)
        first = film_decoding.first(container, stream, path)
        count, rate, seconds = _stated(container, stream)
        return Film(
            path=os.fspath(path),
            width=first.image.shape[1],
            height=first.image.shape[0],
            rotation=first.rotation,
            frames=count,
            rate=rate,
            seconds=seconds,
            codec=stream.codec_context.name,
            sound=_sound(container, first.seconds or 0.0),
        )


def stated_frames(path: str | os.PathLike[str]) -> int | None:
    """Returns how many frames a film says it has, without decoding one.

    Returns:
      What the header states, or its length times its rate; None where it is silent.

    Raises:
      FilmError: If the file is absent, no film, or has no picture track.
    """
    with film_decoding.opened(path) as container:
        stream = film_decoding.picture_track(container, path)
        return _stated(container, stream)[0] or None


def frames(path: str | os.PathLike[str]) -> Iterator[FilmFrame]:
    """Gives the frames of a film in the order in which they are shown.

    Parts that cannot be decoded are passed over, so that a damaged film gives all it
    has; the error comes after the last frame. One frame is held at a time.

    Args:
      path: A film. A file without a picture track is an error, one with several gives
        the first.

    Raises:
      FilmError: If the file is absent or no film; or, at the end, if it was damaged or
        cut off, or had no frame.
    """
    with film_decoding.opened(path) as container:
        stream = film_decoding.picture_track(container, path)
        clock, damage = Clock(stream), film_decoding.Damage()
        index = -1
        for index, frame in enumerate(film_decoding.decoded(container, stream, damage)):
            yield FilmFrame(index, clock.time(frame.seconds), frame.image)
        damage.check_end(container, stream)
    if damage.reason or index < 0:
        raise FilmError(
            "A film must be whole. "
            f"Received: {path}: {damage.reason or 'it has no frame'}; "
            f"{index + 1} frames were decoded. Copy or download the file again."
        )


def picture(
    path: str | os.PathLike[str] | BinaryIO, *, max_pixels: int | None = None
) -> np.ndarray:
    """Reads a photograph, upright as its EXIF data tell.

    EXIF data that are damaged count as none: the picture stays as it is stored.

    Args:
      path: The file, or what is open to be read.
      max_pixels: A picture with more is not decoded. None: as many as Pillow takes.

    Returns:
      Uint8 [H, W, 3], RGB. Grey, palette and 16-bit pictures are converted, and
      transparency is dropped.

    Raises:
      FilmError: If the file is absent, no picture, damaged, of 32 bits a colour, has
        more than `max_pixels`, or so many (178 million) that Pillow takes it for an
        attack.
    """
    try:
        return picture_pixels.read(path, max_pixels)
    except Exception as error:  # Readers of damaged files raise whatever they run into.
        raise FilmError(
            f"A picture must be a whole file that Pillow reads. Received: {path}: "
            f"{str(error) or type(error).__name__}. Leave it out, or copy it again."
        ) from error


def _stated(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[int, float, float]:
    """Returns number of frames, frames a second and seconds; 0 for what is not said."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    seconds = film_decoding.stated_seconds(stream)
    if seconds is None:
        seconds = (container.duration or 0) / av.time_base
    return stream.frames or round(seconds * rate), rate, seconds


def _sound(container: av.container.InputContainer, zero: float) -> Sound | None:
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    seconds = film_decoding.stated_seconds(stream)
    start = film_decoding.seconds_of(stream.start_time, stream)
    return Sound(
        codec=stream.codec_context.name,
        rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        start=0.0 if start is None else start - zero,
        seconds=math.nan if seconds is None else seconds,
    )
