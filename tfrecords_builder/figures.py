"""The look of every picture that the builder draws.

Figures are made with matplotlib's object interface, so no window, no global state and
no thread is involved. Colours are of the Okabe-Ito palette; nothing is said by colour
alone.
"""

from __future__ import annotations

import io
import os
import pathlib
import textwrap

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from affect_tf import files

INK = "#222222"
GREY = "#767676"
RULE = "#D9D9D9"

#: A colour for each split.
SPLIT_COLORS = {"train": "#0072B2", "validation": "#D55E00", "test": "#009E73"}

_DPI = 120


def new(width: float, height: float, layout: str | None = "compressed") -> Figure:
    """Returns an empty figure of a size in inches."""
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def nothing(message: str) -> Figure:
    """Returns a small picture that says why there is no other."""
    figure = new(5.0, 1.4)
    text = textwrap.fill(message, 60)
    figure.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return figure


def wrapped(name: str, width: int) -> str:
    """Returns a name in lines of up to `width` letters, four at most.

    A name without spaces breaks behind "_", "-", "/" or "+", and anywhere where that
    is not enough.
    """
    spaced = name
    for mark in "_-/+":
        spaced = spaced.replace(mark, f"{mark}\0")
    lines, line = [], ""
    for part in spaced.replace(" ", " \0").split("\0"):
        while len(line.rstrip() + part.rstrip()) > width:
            if not line.strip():
                line, part = part[:width], part[width:]
            lines.append(line.rstrip())
            line = ""
        line += part
    lines.append(line.rstrip())
    if len(lines) > 4:
        lines = [*lines[:3], lines[3][: width - 1] + "…"]
    return "\n".join(lines)


def bare(axes: Axes, *sides: str) -> None:
    """Takes away the frame of a panel, but for the named sides, and the tick marks."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)
    axes.tick_params(length=0)


def save(figure: Figure, path: str | os.PathLike[str]) -> pathlib.Path:
    """Writes a figure as a PNG, as one whole; the folder is made where it is absent."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, facecolor="white")
    files.write_bytes(path, stream.getvalue())
    return pathlib.Path(path)
