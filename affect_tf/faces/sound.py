"""The sound of a film, sample by sample on the clock of its pictures.

Sample n is the one at n / rate seconds after the film's first frame, wherever the
container's stamps put the track: what is missing becomes zeros, what is twice there is
cut. So sound and pictures cannot drift apart, however long the film is.
"""

from __future__ import annotations

import dataclasses
import io
import os
from typing import BinaryIO

import av
import av.error
import numpy as np

from affect_tf.faces import film_decoding

#: Stamps that are this far off, in seconds, mean a gap or an overlap. Below it lie the
#: rounded stamps of many containers (1 ms) and the jitter of live recordings; above it
#: the shortest thing that gets lost, a frame of some 20 ms.
_JUMP = 0.01

#: Nothing can be said of a track whose stamps leap so far, in seconds; the zeros that
#: would fill it fill the memory.
_MAX_GAP = 3600.0

#: A track that goes back so far, in seconds, is more than an overlap.
_MAX_OVERLAP = 1.0

_LAYOUTS = {1: "mono", 2: "stereo"}


@dataclasses.dataclass(frozen=True)
class FilmSound:
    """The first sound track of a film.

    Attributes:
      pcm: int16 [N, C]. Sample n is at n / rate seconds from the film's first frame;
        zeros before the track begins and in its gaps. It ends with the track, before
        or after the pictures. N is 0 where nothing of it could be decoded.
      begins: When the track begins, seconds from the film's first frame; below 0 where
        sound ahead of the pictures was cut away.
      problem: What is wrong with the track; empty where it is whole.
    """

    pcm: np.ndarray
    begins: float
    problem: str = ""


def read(
    path: str | os.PathLike[str], rate: int = 22_050, channels: int = 1
) -> FilmSound | None:
    """Reads the sound of a film, at whatever rate and with how many channels it is.

    Channels are mixed as FFmpeg does, without clipping; one becomes two equal ones.
    Memory holds the result and some frames of the track.

    Args:
      path: A film; what else it takes to be one is said at `films.frames`.
      rate: Samples a second of the result, Hz.
      channels: Of the result, 1 or 2.

    Returns:
      The sound; None where the film has no sound track. Of a damaged track what can
      be decoded, at its place, and `problem`. In containers that stamp nothing (AVI)
      its place is counted from the start of the file, as a player does.

    Raises:
      FilmError: If the file is absent or no film, or no frame of it can be decoded.
      ValueError: If `rate` or `channels` is no such number.
    """
    sink = io.BytesIO()
    found = _decoded(path, sink, rate, channels)
    if found is None:
        return None
    # Without a copy: twice the sound is never held.
    pcm = np.frombuffer(sink.getbuffer(), np.int16).reshape(-1, channels)
    return FilmSound(pcm, *found)


def store(
    path: str | os.PathLike[str], file: BinaryIO, rate: int = 22_050, channels: int = 1
) -> FilmSound | None:
    """Reads the sound of a film as `read` does, into a file instead of memory.

    Args:
      path: As of `read`.
      file: Empty, on a disk, and open for reading and writing. It may be closed, and
        be without a name, while the result is in use.
      rate: As of `read`.
      channels: As of `read`.

    Returns:
      What `read` does; `pcm` is mapped from the file.

    Raises:
      FilmError, ValueError: As `read`.
      OSError: If the disk is full.
    """
    found = _decoded(path, file, rate, channels)
    if found is None:
        return None
    file.flush()
    if not file.tell():  # Nothing cannot be mapped.
        return FilmSound(np.zeros((0, channels), np.int16), *found)
    pcm = np.memmap(file, np.int16, "r").reshape(-1, channels)
    return FilmSound(pcm, *found)


def _decoded(
    path: str | os.PathLike[str], sink: BinaryIO, rate: int, channels: int
) -> tuple[float, str] | None:
    """Writes the samples of a film's sound; returns `begins` and `problem`."""
    if rate < 1 or channels not in _LAYOUTS:
        raise ValueError(
            "Sound must have a positive rate and 1 or 2 channels. "
            f"Received: rate={rate}, channels={channels}. Correct them."
        )
    zero = _zero(path)
    damage, track = film_decoding.Damage(), _Track(rate, channels, sink)
    with film_decoding.opened(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            return 0.0, "FFmpeg does not know its format"
        try:
            for frame in film_decoding.coded(container, stream, damage):
                if frame.samples:
                    track.add(frame, None if frame.time is None else frame.time - zero)
            track.end()
        except (av.error.FFmpegError, ValueError) as error:
            damage.add(error)
        else:
            damage.check_end(container, stream)
    if track.begins is None:
        return 0.0, damage.reason or "nothing can be decoded"
    return track.begins, damage.reason or track.problem


def _zero(path: str | os.PathLike[str]) -> float:
    """Returns the film's zero on its container's clock, as `films` has it."""
    with film_decoding.opened(path) as container:
        stream = film_decoding.picture_track(container, path)
        return film_decoding.first(container, stream, path).seconds or 0.0


class _Track:
    """What was decoded so far, in its place.

    Attributes:
      begins: Time of the first frame, seconds; None before there is one.
      problem: What is odd about the stamps; empty where nothing is.
    """

    def __init__(self, rate: int, channels: int, sink: BinaryIO) -> None:
        self.begins: float | None = None
        self.problem = ""
        self._rate, self._channels = rate, channels
        self._sink, self._have = sink, 0
        self._run: _Run | None = None
        self._position = 0  # Where the next samples of the run belong.

    def add(self, frame: av.AudioFrame, seconds: float | None) -> None:
        """Adds a frame that begins at a time; None continues the one before.

        Raises:
          ValueError: If the time is too far off to be one.
        """
        if self._run is None or not self._run.continues(frame, seconds):
            follows = 0.0 if self._run is None else self._run.ends
            self.end()
            self._begin(frame, follows if seconds is None else seconds)
        self._put(self._run.push(frame))

    def end(self) -> None:
        """Ends the run, whose last samples are still on their way."""
        if self._run is not None:
            self._put(self._run.flush())
            self._run = None

    def _begin(self, frame: av.AudioFrame, seconds: float) -> None:
        have = self._have / self._rate
        if not -_MAX_GAP <= seconds - have <= _MAX_GAP:
            raise ValueError(
                f"its stamps leap from {have:.1f} to {seconds:.1f} seconds"
            )
        if self.begins is None:
            self.begins = seconds
        elif seconds < have - _MAX_OVERLAP:
            self.problem = (
                f"its stamps go back from {have:.1f} to {seconds:.1f} seconds, and "
                "what is there a second time was left out"
            )
        self._run = _Run(frame, seconds, self._rate, self._channels)
        self._position = round(seconds * self._rate)

    def _put(self, samples: np.ndarray) -> None:
        """Stores int16 [n, C] at the position, where nothing is stored yet."""
        have, first = self._have, self._position
        self._position += len(samples)
        if self._position <= have:
            return
        self._sink.write(bytes(2 * self._channels * max(first - have, 0)))
        self._sink.write(samples[max(have - first, 0) :].tobytes())
        self._have = self._position


class _Run:
    """Frames of one format that follow one another without a gap.

    Their places are counted, from the stamp of the first, and not taken from each
    stamp: many of these are rounded to milliseconds.
    """

    def __init__(
        self, frame: av.AudioFrame, seconds: float, rate: int, channels: int
    ) -> None:
        # FFmpeg would make one channel two that are softer.
        mixed = min(channels, frame.layout.nb_channels)
        self._copies = channels // mixed
        self._mixed = mixed
        self._resampler = av.AudioResampler("s16", layout=_LAYOUTS[mixed], rate=rate)
        self._format = self._format_of(frame)
        self._begins, self._samples = seconds, 0

    @property
    def ends(self) -> float:
        """When its last frame ends, seconds."""
        return self._begins + self._samples / self._format[0]

    def continues(self, frame: av.AudioFrame, seconds: float | None) -> bool:
        """Whether a frame is the next one."""
        if self._format_of(frame) != self._format:
            return False
        return seconds is None or abs(seconds - self.ends) <= _JUMP

    def push(self, frame: av.AudioFrame) -> np.ndarray:
        """Takes a frame and returns int16 [n, C], what is ready."""
        self._samples += frame.samples
        frame.pts = None  # Its place is known; the resampler shall not move it.
        return self._resampled(frame)

    def flush(self) -> np.ndarray:
        """Returns what is left, int16 [n, C]."""
        return self._resampled(None)

    def _resampled(self, frame: av.AudioFrame | None) -> np.ndarray:
        parts = [
            part.to_ndarray().reshape(-1, self._mixed)
            for part in self._resampler.resample(frame)
            if part is not None
        ]
        samples = np.concatenate([np.zeros((0, self._mixed), np.int16), *parts])
        return np.repeat(samples, self._copies, axis=1)

    @staticmethod
    def _format_of(frame: av.AudioFrame) -> tuple[int, str, str]:
        return frame.sample_rate, frame.layout.name, frame.format.name
