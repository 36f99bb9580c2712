"""Small films with a sound that is known, made for tests."""

import fractions
import pathlib
from collections.abc import Sequence

import av
import numpy as np


def write_sound_film(
    path: pathlib.Path,
    runs: Sequence[tuple[float, np.ndarray]],
    rate: int = 48_000,
    codec: str = "pcm_s16le",
    layout: str = "mono",
    first_picture: float = 0.0,
    pictures: int = 3,
    block: int = 960,
) -> pathlib.Path:
    """Writes a film of grey pictures, 10 a second, with a sound track.

    `runs` are the start in seconds and the numbers, float [N, C] in [-1, 1], of what
    the track holds, and `block` how many are stored together where the codec leaves
    that open. All times are by the container's clock.
    """
    ticks = fractions.Fraction(1, rate)
    with av.open(str(path), "w") as container:
        shown = container.add_stream("mpeg4", rate=10)
        shown.height, shown.width, shown.pix_fmt = 32, 32, "yuv420p"
        shown.codec_context.time_base = fractions.Fraction(1, 1000)
        heard = container.add_stream(codec, rate=rate, layout=layout)
        for number in range(pictures):
            image = np.full((32, 32, 3), 128, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round(1000 * first_picture) + 100 * number
            frame.time_base = fractions.Fraction(1, 1000)
            container.mux(shown.encode(frame))
        container.mux(shown.encode())
        form = heard.codec_context.format.name
        converter = av.AudioResampler(form, layout=layout, rate=rate)
        size = heard.codec_context.frame_size or block
        for start, samples in runs:
            begin = round(start * rate)
            for first in range(0, len(samples), size):
                block = np.ascontiguousarray(samples[first : first + size], np.float32)
                frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), "flt", layout)
                frame.sample_rate, frame.time_base = rate, ticks
                for part in converter.resample(frame):
                    part.pts, part.time_base = begin + first, ticks
                    container.mux(heard.encode(part))
        container.mux(heard.encode())
    return path


def tone(
    seconds: float, rate: int, frequency: float, loudness: float = 0.5
) -> np.ndarray:
    """Returns a sine that starts at 0, float [N, 1]."""
    times = np.arange(round(seconds * rate)) / rate
    return loudness * np.sin(2 * np.pi * frequency * times)[:, None]


def clicks(seconds: float, rate: int, at: Sequence[float]) -> np.ndarray:
    """Returns silence with a click of a millisecond around each of some times."""
    samples = np.zeros((round(seconds * rate), 1))
    half = max(1, round(rate / 2000))
    for time in at:
        middle = round(time * rate)
        samples[max(middle - half, 0) : middle + half] = 0.9
    return samples


def click_times(pcm: np.ndarray, rate: int) -> list[float]:
    """Returns the middles of what is loud in int16 [N, 1], seconds."""
    loud = np.flatnonzero(np.abs(pcm[:, 0]) > 8000)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > rate / 50) + 1)
    return [float(group.mean()) / rate for group in groups if len(group)]
