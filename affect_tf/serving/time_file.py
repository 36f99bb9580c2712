"""What a model of time looks back to, or around itself, as a file beside it.

    {"kind": "Windows", "length": 16, "stride": 8, "evaluation_stride": null, ...}

`kind` is the class, and the other keys are its fields.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

from affect_tf.data.past import Past
from affect_tf.data.windows import Windows

#: Its name among the assets of a version. Models of single pictures have none.
NAME = "time.json"

_KINDS = {kind.__name__: kind for kind in (Windows, Past)}


def text(time: Windows | Past) -> str:
    """Returns the content of the file."""
    fields = {"kind": type(time).__name__, **dataclasses.asdict(time)}
    return json.dumps(fields, indent=2) + "\n"


def in_words(time: Windows | Past | None, image_size: int) -> str:
    """Returns what a model looks at, as part of a sentence.

    Args:
      time: What a model of time looks at; None for a model of single pictures.
      image_size: Side of the faces.
    """
    size = f"resized to {image_size} x {image_size} pixels"
    if time is None:
        return f"one aligned face, {size}"
    if isinstance(time, Windows):
        gap = time.max_gap
        frames = "successive frames" if gap == 1 else f"frames, at most {gap} apart"
        return (
            f"clips of the aligned faces of one person, {size}: windows of up to "
            f"{time.length} {frames}, at the film's own rate"
        )
    parts = []
    if time.frames == 1:
        parts = [f"one aligned face, {size}"]
    elif time.frames:
        parts = [
            f"clips of {time.frames} aligned faces of one person, {size}: the one that "
            f"is described and those before it, {1 / time.spacing:.3g} a second"
        ]
    if time.sound:
        channels = "1 channel" if time.channels == 1 else f"{time.channels} channels"
        parts.append(
            f"the {time.sound:g} seconds of sound before "
            f"{'it' if time.frames else 'a frame'} ({time.rate:,} Hz, {channels})"
        )
    return ", and from ".join(parts)


def read(assets: pathlib.Path) -> Windows | Past | None:
    """Reads the file in a folder of assets; None where there is none.

    Raises:
      ValueError: If it is not what `text` gives, or holds values out of range.
    """
    path = assets / NAME
    if not path.exists():
        return None
    fields = json.loads(path.read_text())
    kind = fields.pop("kind", None) if isinstance(fields, dict) else None
    if kind not in _KINDS:
        raise ValueError(
            f"{NAME} must name what a model looks at, {' or '.join(_KINDS)}. "
            f"Received: kind={kind!r}. Export the model again."
        )
    try:
        return _KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(
            f"{NAME} must hold the fields of {kind}. Received: {error}. "
            "Export the model again with this version."
        ) from error
