"""Films and photographs with what the model says of their faces drawn into them.

A film is decoded a second time and written as H.264 in an MP4, each frame at its own
time, upright, with its own sound. Memory does not grow with its length, but for its
rows. Frames without a face say so, so that a silent overlay is no riddle.
"""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator

import av
import av.error
import numpy as np
import pandas as pd
from PIL import Image

from affect_tf import files
from affect_tf.errors import UserError
from affect_tf.faces import film_decoding
from affect_tf.faces import films
from affect_tf.faces.film_decoding import FilmError
from affect_tf.faces.films import FilmFrame
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving.overlay import drawing
from affect_tf.serving.overlay import face_panel
from affect_tf.serving.overlay.drawing import Canvas
from affect_tf.serving.overlay.face_panel import Annotator
from affect_tf.serving.overlay.face_rows import FaceRows
from affect_tf.serving.overlay.film_writer import FilmWriter
from affect_tf.serving.prediction import overlay_marks


def write(
    film: str | os.PathLike[str],
    rows: pd.DataFrame,
    out: str | os.PathLike[str],
    taxonomy: Taxonomy,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Writes a film with its faces' boxes and scores drawn into it.

    Frames have the times of the source, also where its rate varies; odd sizes are
    filled up by a line to even ones. The first sound track is copied where it is AAC,
    else encoded as AAC. Of a damaged film, what can be decoded is written.

    Args:
      film: The file that the rows come from.
      rows: Of this film alone; see `table`. Maybe none.
      out: The file to write, an MP4 whatever it is called; it is there whole or not at
        all.
      taxonomy: Of the model.
      progress: Called with 1 after each frame.

    Raises:
      FilmError: If the film cannot be read, or not a single frame of it; or it cannot
        be encoded, as where it is wider than H.264 allows. Other films still can be.
      UserError: If `out` is the film itself, or cannot be written.
    """
    target = pathlib.Path(out)
    if target.exists() and target.samefile(film):
        raise UserError(
            f"An overlay must not replace its film. Received: {out}. Choose another "
            "file.",
            exit_code=2,
        )
    faces, annotator = FaceRows(rows, taxonomy), Annotator()
    try:
        with files.atomic_writer(target) as stream, FilmWriter(film, stream) as writer:
            for frame in _frames(film):
                image = _even(frame.image)
                _annotate(image, faces.of_frame(frame.index), annotator)
                writer.write(frame.time, image)
                if progress is not None:
                    progress(1)
    except FilmError:
        raise
    except OSError as error:  # Some of FFmpeg's errors are as well.
        raise UserError(
            "An overlay must be a file that can be written. "
            f"Received: {out}: {film_decoding.said(error)}. Check the folder and the "
            "space that is left."
        ) from error
    except av.error.FFmpegError as error:
        raise FilmError(
            "An annotated film must be one that H.264 can hold, with sides of at most "
            f"16,384 pixels. Received: {film}: {film_decoding.said(error)}. Make it "
            "smaller, or leave it out."
        ) from error


def picture(image: np.ndarray, rows: pd.DataFrame, taxonomy: Taxonomy) -> np.ndarray:
    """Draws the faces of a photograph into a copy of it.

    Args:
      image: Uint8 [H, W, 3], RGB, upright as `films.picture` gives it.
      rows: Of this photograph; see `table`. Those without a box, as aligned faces are,
        have their scores drawn; those without a face have nothing.
      taxonomy: Of the model.

    Returns:
      Uint8 [H, W, 3].
    """
    drawn = np.ascontiguousarray(image).copy()
    frame = int(rows["frame"].iloc[0]) if len(rows) else 0
    _annotate(drawn, FaceRows(rows, taxonomy).of_frame(frame), Annotator())
    return drawn


def jpeg(image: np.ndarray) -> bytes:
    """Returns an annotated photograph as a file, which says that it is one.

    Args:
      image: Uint8 [H, W, 3], RGB.

    Raises:
      FilmError: If it cannot be encoded: a JPEG has at most 65,500 pixels a side.
    """
    stream = io.BytesIO()
    try:
        Image.fromarray(image).save(
            stream, "jpeg", quality=92, subsampling=0, comment=overlay_marks.COMMENT
        )
    except OSError as error:  # No disk is written to here.
        raise FilmError(
            "An annotated photograph must be one that JPEG can hold, with sides of at "
            f"most 65,500 pixels. Received: {list(image.shape)}: {error}. Make it "
            "smaller, or leave it out."
        ) from error
    return stream.getvalue()


def _annotate(
    image: np.ndarray, faces: list[face_panel.FaceScores], annotator: Annotator
) -> None:
    canvas = Canvas(image)
    if faces:
        annotator.draw(canvas, faces)
        return
    size = face_panel.line_height(*canvas.size)
    width = drawing.text_width("no face", size) + size
    canvas.fill((0, 0, width, round(1.6 * size)), drawing.INK, 0.6)
    canvas.text(size // 2, round(0.25 * size), "no face", size, drawing.GREY)


def _frames(film: str | os.PathLike[str]) -> Iterator[FilmFrame]:
    """Gives the frames; a film that is damaged after the first simply ends.

    Whoever made the rows has said that it is damaged.
    """
    seen = False
    try:
        for frame in films.frames(film):
            seen = True
            yield frame
    except FilmError:
        if not seen:
            raise


def _even(image: np.ndarray) -> np.ndarray:
    """Returns a writable picture of even sides: H.264 halves the colours'."""
    height, width = image.shape[:2]
    filled = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.require(filled, requirements=["C", "W"])
