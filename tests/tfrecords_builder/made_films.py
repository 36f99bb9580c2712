"""Small films whose faces are bright squares, and a detector that finds them."""

import io
import pathlib
from fractions import Fraction

import av
import cv2
import numpy as np
from PIL import Image

from affect_tf.faces import alignment
from affect_tf.faces.detection import Face

WIDTH, HEIGHT, RATE = 96, 64, 25


def frame(*squares):
    """A dark frame with squares, each (left, top, side)."""
    image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    for left, top, side in squares:
        image[top : top + side, left : left + side] = 230
    return image


def film(path, frames, sound=False, times=None):
    """Writes frames as a film; `times` are in units of 1/100 s."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".avi": "avi", ".mkv": "matroska"}.get(path.suffix.lower(), "mp4")
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate, stream.gop_size = 2_000_000, 4
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        if sound:
            _add_sound(container, len(frames) / RATE)
        for number, image in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[number], Fraction(1, 100)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _add_sound(container, seconds):
    stream = container.add_stream("aac", rate=16000, layout="mono")
    count = 1024
    for start in range(0, round(seconds * 16000), count):
        samples = np.sin(np.arange(start, start + count) / 10).astype(np.float32)
        block = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        block.sample_rate, block.pts = 16000, start
        container.mux(stream.encode(block))
    container.mux(stream.encode())


def photograph(path, image, orientation=None):
    """Writes a picture, with an EXIF orientation where one is given."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture, exif = Image.fromarray(image), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    picture.save(path, quality=95, exif=exif)
    return path


def find_squares(image):
    """The detector: bright squares, the largest first."""
    bright = (image.max(2) > 128).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    faces = []
    for left, top, width, height, area in stats[1:].tolist():
        if area >= 25:
            box = (float(left), float(top), float(left + width), float(top + height))
            points = alignment.template(max(width, height)) + np.array([left, top])
            faces.append(Face(box, np.float32(points), 0.9))
    return sorted(faces, key=lambda face: face.box[0] - face.box[2])


def pixels(data):
    """The pixels of a picture file."""
    return np.asarray(Image.open(io.BytesIO(data)))
