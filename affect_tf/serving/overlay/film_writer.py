"""A film of new pictures on the clock, and with the sound, of another."""

from __future__ import annotations

import fractions
import math
import os
from typing import BinaryIO

import av
import av.codec
import av.error
import cv2
import numpy as np

from affect_tf.errors import UserError
from affect_tf.faces import film_decoding
from affect_tf.serving.overlay.sound_track import SoundTrack
from affect_tf.serving.prediction import overlay_marks

#: The encoders that may be there, the best first, and what they are told. The preset
#: gives a good picture at a tenth of the time of the slow ones.
_ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libopenh264": {"b": "8M"},
    "h264": {},
}
#: The colours of HD films, of limited range, in FFmpeg's numbers.
_BT709, _LIMITED = 1, 1


class FilmWriter:
    """An MP4 (H.264, yuv420p, AAC) that is made frame by frame.

    As a context it is finished at a clean exit, and else left as it is. One frame is
    held back, since only the next one says how long it is shown.
    """

    def __init__(self, film: str | os.PathLike[str], stream: BinaryIO) -> None:
        """Begins a film.

        Args:
          film: Whose clock and sound are taken.
          stream: Where to write; can be sought in.

        Raises:
          FilmError: If `film` cannot be read.
          UserError: If this FFmpeg has no encoder for H.264.
        """
        self._ticks, self._rate, zero = _clock(film)
        self._source = film_decoding.opened(film)
        try:
            self._container = av.open(stream, "w", format="mp4")
            self._container.metadata["comment"] = overlay_marks.COMMENT
            self._pictures = _picture_stream(self._container, self._rate, self._ticks)
            self._sound = SoundTrack(self._source, self._container, zero)
        except BaseException:
            self._source.close()
            raise
        self._held: tuple[int, np.ndarray] | None = None

    def __enter__(self) -> FilmWriter:
        """Returns itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finishes the file, unless an exception is on its way."""
        try:
            if kind is None:
                self._finish()
            self._container.close()
        finally:
            self._source.close()

    def write(self, seconds: float, image: np.ndarray) -> None:
        """Adds a frame.

        Args:
          seconds: From the film's zero; above that of the frame before, or one tick of
            the film's clock is added to it.
          image: Uint8 [H, W, 3], RGB, of even sides; resized to the size of the first
            where a film changes it midway.
        """
        ticks = round(seconds / self._ticks)
        if self._held is None:
            self._pictures.height, self._pictures.width = image.shape[:2]
        else:
            ticks = max(ticks, self._held[0] + 1)
            self._encode(ticks)
        self._held = (ticks, image)

    def _encode(self, until: int) -> None:
        """Encodes the frame that was held back, and writes the sound up to it."""
        ticks, image = self._held
        size = (self._pictures.width, self._pictures.height)
        if image.shape[1::-1] != size:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.colorspace, frame.color_range = _BT709, _LIMITED
        frame.pts, frame.time_base = ticks, self._ticks
        frame.duration = until - ticks
        packets = self._pictures.encode(frame)
        self._sound.write_until(float(ticks * self._ticks))
        self._container.mux(packets)

    def _finish(self) -> None:
        if self._held is None:
            return
        shown = max(1, round(1 / self._rate / self._ticks))
        self._encode(self._held[0] + shown)
        self._container.mux(self._pictures.encode(None))
        self._sound.write_until(math.inf)  # It may go on when the pictures have ended.


def _clock(
    film: str | os.PathLike[str],
) -> tuple[fractions.Fraction, fractions.Fraction, float]:
    """Returns a film's tick in seconds, its frames a second, and its first stamp."""
    with film_decoding.opened(film) as container:
        stream = film_decoding.picture_track(container, film)
        first = film_decoding.first(container, stream, film)
        rate = stream.average_rate or stream.guessed_rate or fractions.Fraction(25)
        return fractions.Fraction(stream.time_base), rate, first.seconds or 0.0


def _picture_stream(
    container: av.container.OutputContainer,
    rate: fractions.Fraction,
    ticks: fractions.Fraction,
) -> av.VideoStream:
    """Adds a track of the best encoder that is there; its size is still to be set."""
    for name, options in _ENCODERS.items():
        try:
            av.codec.Codec(name, "w")
        except (av.error.FFmpegError, ValueError):
            continue
        stream = container.add_stream(name, rate=rate, options=dict(options))
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = ticks
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        return stream
    raise UserError(
        "An overlay must be encoded as H.264. Received: a build of FFmpeg without "
        f"{', '.join(_ENCODERS)}. Install the package `av` as its makers built it."
    )
