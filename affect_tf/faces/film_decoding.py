"""A film's file to upright RGB frames, and what may be wrong with it."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import av
import av.error
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition

from affect_tf.errors import UserError
from affect_tf.faces import film_clock
from affect_tf.faces import film_headers

#: A film may end this much before the length that its header states,
_SHORTFALL_SECONDS = 1.0
#: and this many frames: many containers do not say for how long the last is shown.
_SHORTFALL_FRAMES = 1.5
_FILE = "file:"


class FilmError(UserError):
    """A film or a photograph that cannot be read, or not to its end."""


class Decoded(NamedTuple):
    """One frame.

    Attributes:
      seconds: When to show it by the film's own clock; None where it does not say.
      image: Uint8 [H, W, 3], RGB, upright.
      rotation: By how many degrees it was turned, clockwise.
    """

    seconds: float | None
    image: np.ndarray
    rotation: int


class Damage:
    """What went wrong while a film was decoded.

    Attributes:
      reason: Empty where nothing did.
      packets: Compressed frames read so far.
      end: Where the last of them ends, seconds of the stream's own clock.
      gap: The longest time from one of them to the next, seconds.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.packets = 0
        self.end = -math.inf
        self.gap = 0.0
        self._last: float | None = None

    def see(self, packet: av.Packet) -> None:
        """Counts a packet that was read."""
        if packet.size:
            self.packets += 1
            start = packet.dts if packet.pts is None else packet.pts
            if start is not None:
                end = start + (packet.duration or 0)
                self.end = max(self.end, float(end * packet.time_base))
            if packet.dts is not None:
                now = float(packet.dts * packet.time_base)
                if self._last is not None:
                    self.gap = max(self.gap, now - self._last)
                self._last = now

    def add(self, error: Exception) -> None:
        """Keeps the first of FFmpeg's complaints, without their numbers."""
        self.reason = self.reason or said(error)

    def check_end(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream | av.AudioStream,
    ) -> None:
        """Notes a film that ends before its header says it does.

        A decoder need not report an error there: it is as if the film were shorter.
        What the header says of the track counts, and else of the whole file, which may
        end with another track. Nothing is noticed where less than a second is missing
        (or less than the longest time between two frames), in MP4 excepted; nor where
        the header states no length, as in MPEG-TS, MPEG-PS, Ogg and streams without a
        container, and in what was recorded live.
        """
        kinds = container.format.name
        if "mp4" in kinds:
            # It lists its frames one by one. Its number of frames is another: a player
            # that trims a film only shortens the list.
            listed = len(stream.index_entries)
            if self.packets < listed:
                self.reason = f"it ends after {self.packets} of {listed} frames"
            return
        rate = float(getattr(stream, "average_rate", None) or 0)
        spared = _SHORTFALL_FRAMES / rate if rate else 0.0
        spared = max(_SHORTFALL_SECONDS, spared, self.gap)
        start, ends = seconds_of(stream.start_time, stream) or 0.0, self.end
        # WMV gives each of its tracks the length of the file.
        seconds = None if "asf" in kinds else stated_seconds(stream)
        if seconds is None:
            path = container.name.removeprefix(_FILE)
            seconds, start = film_headers.stated_seconds(path, kinds), 0.0
            if seconds is not None and ends < seconds - spared:
                ends = max(ends, _last_end(path))
        if seconds is not None and ends < start + seconds - spared:
            ends = max(ends - start, 0.0)
            self.reason = f"it ends after {ends:.1f} of {seconds:.1f} seconds"


def opened(path: str | os.PathLike[str]) -> av.container.InputContainer:
    """Opens a film; a context manager closes it.

    Raises:
      FilmError: If the file is absent or no film.
    """
    if not pathlib.Path(path).is_file():
        raise FilmError(
            f"A film must be a file. Received: {path}. Correct the path.", exit_code=2
        )
    # With the prefix, a colon in the name names no protocol.
    name, options = f"{_FILE}{os.fspath(path)}", {"protocol_whitelist": "file"}
    try:
        try:
            return av.open(name, options=options)
        except UnicodeDecodeError:
            # A title that is no UTF-8. PyAV 19 has no such argument, and no such error.
            return av.open(name, options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise FilmError(
            f"A film must be a file that FFmpeg reads. Received: {path}: "
            f"{said(error)}. Check that the file was copied to its end."
        ) from error


def picture_track(
    container: av.container.InputContainer, path: str | os.PathLike[str]
) -> av.VideoStream:
    """Returns the first picture track that is no cover picture.

    Raises:
      FilmError: If there is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise FilmError(
        f"A film must have a picture track. Received: {path}, which has "
        f"{len(container.streams.audio)} of sound and none of pictures. Leave it out."
    )


def first(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    path: str | os.PathLike[str],
) -> Decoded:
    """Returns the first frame that can be decoded: its time is the film's zero.

    Raises:
      FilmError: If there is none.
    """
    frame = next(decoded(container, stream, Damage()), None)
    if frame is None:
        raise FilmError(
            f"A film must have a frame that can be decoded. Received: {path}. "
            "Check that the file was copied to its end."
        )
    return frame


def decoded(
    container: av.container.InputContainer, stream: av.VideoStream, damage: Damage
) -> Iterator[Decoded]:
    """Gives the frames that can be decoded, one at a time; notes what cannot."""
    # Films are decoded side by side, one a process; threads in each would only fight.
    stream.thread_type = "NONE"
    for frame in coded(container, stream, damage):
        try:
            image, rotation = upright(frame, stream)
        except (av.error.FFmpegError, ValueError) as error:
            damage.add(error)
            continue
        yield Decoded(film_clock.stamp(frame, stream), image, rotation)


def coded(
    container: av.container.InputContainer,
    stream: av.VideoStream | av.AudioStream,
    damage: Damage,
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Gives what can be decoded of a track, as FFmpeg has it; notes what cannot."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            damage.add(error)
            return
        if packet is None:
            return
        damage.see(packet)
        try:
            yield from packet.decode()
        except av.error.FFmpegError as error:
            damage.add(error)


def upright(frame: av.VideoFrame, stream: av.VideoStream) -> tuple[np.ndarray, int]:
    """Returns a frame as a player shows it.

    Returns:
      Uint8 [H, W, 3], RGB, of square pixels; and by how many degrees it was turned,
      clockwise. Other angles than quarters are rounded to those.
    """
    ratio = float(stream.sample_aspect_ratio or 1)
    width = max(1, round(frame.width * ratio)) if 0.1 < ratio < 10 else frame.width
    image = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
    if Type.DISPLAYMATRIX not in frame.side_data:
        return image, 0
    # Two rows of (x, y) in 16.16 fixed point, each followed by a number of no use here.
    matrix = np.frombuffer(frame.side_data[Type.DISPLAYMATRIX], np.int32)
    a, b, _, c, d = matrix[:5].tolist()
    if a * d < b * c:  # Mirrored, as some front cameras are.
        image, a, b = image[:, ::-1], -a, -b
    quarters = round(math.atan2(b, a) / (math.pi / 2)) % 4
    return np.ascontiguousarray(np.rot90(image, -quarters)), 90 * quarters


def stated_seconds(stream: av.VideoStream | av.AudioStream) -> float | None:
    """Returns the length of one track by the container, None where it is silent.

    That of MPEG-TS and MPEG-PS is an estimate.
    """
    kinds = stream.container.format.name
    if kinds == "avi" and stream.type == "video" and stream.frames:
        # The length that FFmpeg gives shrinks with a file that was cut off. A frame
        # that is left out counts, too.
        return float(stream.frames * stream.time_base)
    if stream.duration is not None:
        return seconds_of(stream.duration, stream)
    # Matroska keeps its end as a tag, "00:00:19.686000000".
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    start = seconds_of(stream.start_time, stream) or 0.0
    return 3600 * hours + 60 * minutes + seconds - start


def _last_end(path: str) -> float:
    """Returns when the last packet of any track ends, seconds of the file's clock."""
    damage = Damage()
    with opened(path) as container:
        try:
            for packet in container.demux():
                damage.see(packet)
        except (av.error.FFmpegError, OSError):
            return damage.end  # What follows cannot be read.
    return damage.end


def seconds_of(
    ticks: int | None, stream: av.VideoStream | av.AudioStream
) -> float | None:
    """Returns a time of a track's own clock in seconds; None where there is none."""
    return None if ticks is None else float(ticks * stream.time_base)


def said(error: Exception) -> str:
    """Returns FFmpeg's words without their number."""
    return getattr(error, "strerror", None) or str(error)
