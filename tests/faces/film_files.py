"""Small films made for tests."""

import fractions
import pathlib
from collections.abc import Sequence

import av
import numpy as np


def write_film(
    path: pathlib.Path,
    images: Sequence[np.ndarray],
    times: Sequence[float] | None = None,
    codec: str = "mpeg4",
    turn: tuple[int, bool] | None = None,
    aspect: fractions.Fraction | None = None,
    sound: tuple[float, float] | None = None,
    gop: int = 10,
) -> pathlib.Path:
    """Writes uint8 [H, W, 3] pictures, by default 25 a second.

    `times` are in seconds, `turn` is degrees counter-clockwise and whether to mirror
    after that, and `sound` the start and length in seconds of a silent track.
    """
    ticks = fractions.Fraction(1, 1000 if times else 25)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", gop
        stream.codec_context.time_base = ticks
        stream.codec_context.bit_rate = 2_000_000
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        track = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round(times[number] * 1000) if times else number
            frame.time_base = ticks
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track:
            _write_silence(container, track, *sound)
    return path


def shades(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Returns grey pictures, each lighter than the one before."""
    levels = np.linspace(20, 235, count).astype(np.uint8)
    return [np.full((height, width, 3), level, np.uint8) for level in levels]


def _write_silence(container, track, start: float, seconds: float) -> None:
    for first in range(0, int(seconds * 8000), 1024):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), "fltp", "mono"
        )
        frame.sample_rate, frame.pts = 8000, int(start * 8000) + first
        frame.time_base = fractions.Fraction(1, 8000)
        container.mux(track.encode(frame))
    container.mux(track.encode())
