"""How an annotated file is told from a file of the user's own, without TensorFlow."""

from __future__ import annotations

import os
import pathlib

import av
import av.error
from PIL import Image

#: What stands in the comment of each annotated film and photograph.
COMMENT = "Visible expression as a model describes it; not what a person feels."


def is_overlay(path: str | os.PathLike[str]) -> bool:
    """Whether an earlier run has drawn a film or a photograph.

    Args:
      path: An .mp4 film, or else a photograph. What cannot be read was not drawn.
    """
    try:
        if pathlib.Path(path).suffix.lower() != ".mp4":
            with Image.open(path, formats=["JPEG"]) as image:
                return image.info.get("comment") == COMMENT.encode()
        options = {"protocol_whitelist": "file"}
        name = f"file:{os.fspath(path)}"
        with av.open(name, options=options, format="mp4") as container:
            return container.metadata.get("comment") == COMMENT
    except (av.error.FFmpegError, OSError, ValueError, SyntaxError):
        return False
