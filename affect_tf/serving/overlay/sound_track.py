"""The sound of a film, put beside new pictures of it."""

from __future__ import annotations

import fractions
from collections.abc import Iterator

import av
import av.error

from affect_tf.faces import film_decoding

#: Samples a second that AAC knows; sound of another rate becomes the last one.
_AAC_RATES = frozenset(
    (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 64000, 88200, 96000)
    + (48000,)
)
_USUAL_RATE = 48_000
#: AAC takes these for what they are; more channels are mixed to two.
_MOST_CHANNELS = 2


class SoundTrack:
    """The first sound track of a film, handed on in step with its pictures.

    AAC is copied as it is, anything else is encoded again as AAC. Sound that cannot be
    read any further is silence from there on: it is no reason to lose the pictures.
    """

    def __init__(
        self,
        source: av.container.InputContainer,
        target: av.container.OutputContainer,
        zero: float,
    ) -> None:
        """Adds a track to `target` if `source` has one.

        Args:
          source: The film, opened for its sound alone.
          target: What is written; no packet of it was written yet.
          zero: When the first picture is shown, seconds of the source's clock.
        """
        self._target = target
        self._waiting: av.Packet | None = None
        self._packets: Iterator[av.Packet] = iter(())
        stream = next(iter(source.streams.audio), None)
        if stream is None or stream.codec_context is None:
            return
        if stream.codec_context.name == "aac":
            track = target.add_stream_from_template(stream)
            self._packets = _copied(source, stream, track, zero)
        elif stream.codec_context.sample_rate:
            self._packets = _encoded(source, stream, target, zero)

    def write_until(self, seconds: float) -> None:
        """Writes the packets that begin up to a time of the new film.

        Raises:
          OSError, av.error.FFmpegError: If they cannot be written.
        """
        while True:
            if self._waiting is None:
                self._waiting = _next(self._packets)
            packet = self._waiting
            if packet is None or float(packet.pts * packet.time_base) > seconds:
                return
            self._waiting = None
            self._target.mux(packet)


def _next(packets: Iterator[av.Packet]) -> av.Packet | None:
    try:
        return next(packets, None)
    except (av.error.FFmpegError, ValueError):
        return None  # The generator has ended with that.


def _copied(
    source: av.container.InputContainer,
    stream: av.AudioStream,
    track: av.AudioStream,
    zero: float,
) -> Iterator[av.Packet]:
    """Gives the packets of a track, moved to the clock that begins with the pictures.

    Sound ahead of the pictures keeps its negative stamps: players skip it, and it is
    what an encoder needs to run up.
    """
    shift, last = round(zero / stream.time_base), None
    for packet in source.demux(stream):
        if packet.pts is None or not packet.size:
            continue
        packet.pts -= shift
        packet.dts = packet.pts  # There is no reordering in AAC.
        if last is not None and packet.dts <= last:
            continue  # Stamps that go back cannot be written; a moment is lost.
        last = packet.dts
        packet.stream = track
        yield packet


def _encoded(
    source: av.container.InputContainer,
    stream: av.AudioStream,
    target: av.container.OutputContainer,
    zero: float,
) -> Iterator[av.Packet]:
    """Gives the packets of a track encoded as AAC, from the first picture on."""
    given = stream.codec_context
    rate = given.sample_rate if given.sample_rate in _AAC_RATES else _USUAL_RATE
    layout = "mono" if given.layout.nb_channels == 1 else "stereo"
    track = target.add_stream("aac", rate=rate, layout=layout)
    track.codec_context.bit_rate = 96_000 * (1 + (layout == "stereo"))
    return _encoding(source, stream, track, rate, layout, zero)


def _encoding(
    source: av.container.InputContainer,
    stream: av.AudioStream,
    track: av.AudioStream,
    rate: int,
    layout: str,
    zero: float,
) -> Iterator[av.Packet]:
    damage = film_decoding.Damage()
    resampler, given, expected = None, None, None
    for frame in film_decoding.coded(source, stream, damage):
        if frame.time is not None:
            seconds = frame.time - zero
        else:
            seconds = 0.0 if expected is None else expected
        if not frame.samples or seconds < 0:
            continue
        expected = seconds + frame.samples / frame.sample_rate
        now = (frame.sample_rate, frame.layout.name, frame.format.name)
        if now != given:
            given = now
            resampler = av.AudioResampler("fltp", layout=layout, rate=rate)
        frame.pts = round(seconds * frame.sample_rate)
        frame.time_base = fractions.Fraction(1, frame.sample_rate)
        for part in resampler.resample(frame):
            yield from track.encode(part)
    yield from track.encode(None)
