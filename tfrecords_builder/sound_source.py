"""Where the sound of films comes from, and which part of it a clip keeps.

A source is asked from several threads, and travels to other processes and machines:
it is a plain object without open files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from affect_tf.data.sample import microseconds
from affect_tf.data.sample import Sound
from affect_tf.data.sample import sound_end
from tfrecords_builder.decoded_sounds import DecodedSounds
from tfrecords_builder.picture_source import file_stamp

#: Samples a second of every stored sound, Hz.
RATE = 22_050
#: Sound before a clip's first frame that its record keeps, seconds.
SECONDS = 10.0
#: Of this process: a clip is a small part of its film.
_DECODED = DecodedSounds()


class Sounds(Protocol):
    """Gives the sound of a film. Implementations can be pickled.

    Attributes:
      rate: Samples a second, Hz.
      channels: 1 or 2.
    """

    rate: int
    channels: int

    def read(self, video: str) -> np.ndarray | None:
        """Returns int16 [N, channels], from the zero of the film on.

        Args:
          video: The film, as the table calls it.

        Returns:
          The whole track, in which sample n is at n / rate seconds; None where the
          film has none, or is not known here.

        Raises:
          UserError: If the film cannot be opened; the build stops.
        """

    def stamp(self, video: str) -> str:
        """Returns what changes when the sound does, and never raises.

        Empty where the sound follows from the name.
        """

    def only(self, videos: Collection[str]) -> Sounds:
        """Returns a source for these films alone, which is cheaper to send away."""


@dataclasses.dataclass(frozen=True)
class FilmSounds:
    """The sound tracks of film files.

    Attributes:
      paths: Film, as the table calls it -> its file.
      channels: 1 or 2, whatever the files have.
      rate: Samples a second, Hz, likewise.
    """

    paths: Mapping[str, str]
    channels: int
    rate: int = RATE

    def read(self, video: str) -> np.ndarray | None:
        """Returns the sound of a film; see `Sounds`."""
        if video not in self.paths:
            return None
        path = self.paths[video]
        return _DECODED.read(path, file_stamp(path), self.rate, self.channels)

    def stamp(self, video: str) -> str:
        """Returns the file's size and time of change."""
        return file_stamp(self.paths[video]) if video in self.paths else ""

    def only(self, videos: Collection[str]) -> FilmSounds:
        """Returns a source for these films alone."""
        paths = {v: self.paths[v] for v in videos if v in self.paths}
        return dataclasses.replace(self, paths=paths)


@dataclasses.dataclass(frozen=True)
class Soundtracks:
    """The sound of a build.

    Attributes:
      sources: The `source` of rows -> where the sound of their films comes from. All
        have the same rate and channels.
      seconds: How much sound a clip keeps before its first frame.
    """

    sources: Mapping[str, Sounds]
    seconds: float = SECONDS

    @property
    def rate(self) -> int:
        """Samples a second, Hz."""
        return next(iter(self.sources.values())).rate

    @property
    def format(self) -> dict[str, int]:
        """What a manifest says of it: rate and channels."""
        first = next(iter(self.sources.values()))
        return {"rate": first.rate, "channels": first.channels}

    def stamp(self, source: str, video: str) -> str:
        """Returns the stamp of a film's sound; empty for a still."""
        sounds = self.sources.get(source)
        return sounds.stamp(video) if sounds is not None and video else ""

    def only(self, source: str, videos: Collection[str]) -> Soundtracks:
        """Returns what some films of one source need."""
        sounds = self.sources.get(source)
        if sounds is None:
            # The rate is asked for even where nothing is heard.
            source, sounds = next(iter(self.sources.items()))
            videos = ()
        return Soundtracks({source: sounds.only(videos)}, self.seconds)

    def of_clip(self, source: str, video: str, times: Sequence[float]) -> Sound | None:
        """Returns the sound that the record of a clip keeps.

        Args:
          source: Of the clip.
          video: Its film; empty for a still.
          times: Of its frames, seconds, rising; at least one.

        Returns:
          From `seconds` before the end of the first frame's sound, or from the zero of
          the film, to the end of the last frame's; behind the end of the track there
          is silence. None for a still, for a film without sound, and for a lone frame
          at the film's zero.
        """
        sounds = self.sources.get(source)
        if sounds is None or not video:
            return None
        track = sounds.read(video)
        if track is None:
            return None
        first, last = (
            sound_end(microseconds(time), self.rate) for time in (times[0], times[-1])
        )
        start = max(0, first - round(self.seconds * self.rate))
        if last <= start:
            return None
        kept = track[start:last]
        missing = last - start - len(kept)
        if missing:
            kept = np.pad(kept, ((0, missing), (0, 0)))
        return Sound(np.ascontiguousarray(kept, "<i2").tobytes(), start)


def union(parts: Collection[Soundtracks | None]) -> Soundtracks | None:
    """Returns the sound of several data sets, whose sources have different names."""
    heard = [part for part in parts if part is not None]
    if not heard:
        return None
    sources = {name: s for part in heard for name, s in part.sources.items()}
    return Soundtracks(sources, heard[0].seconds)
