"""The flags of every reader whose pictures show more than the face."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Sequence

from tfrecords_builder.cropped_faces import Cut

_MEANING = {
    "landmarks": "landmarks (turned and scaled onto the five-point template)",
    "box": "box (the square around the box)",
    "none": "none (the picture as it is)",
}


def add_flags(
    add: Callable[..., object], align: str, allowed: Sequence[str] = tuple(_MEANING)
) -> None:
    """Adds `--align` and `--margin`.

    Args:
      add: As `argparse.ArgumentParser.add_argument`.
      align: The reader's default of `--align`.
      allowed: What the reader can do.
    """
    meaning = ", ".join(_MEANING[name] for name in allowed)
    add(
        "--align",
        choices=tuple(allowed),
        help=f"how a face is cut out: {meaning}; default {align}",
    )
    add(
        "--margin",
        type=float,
        metavar="SHARE",
        help="how much longer the square is than its box (default 0)",
    )


def options(flags: argparse.Namespace, align: str) -> dict[str, object]:
    """Returns `align`, `margin` and `size` for a reader's `annotations`.

    Args:
      flags: With these attributes; each may be None.
      align: The reader's default of `--align`.
    """
    cut = Cut()
    return {
        "align": align if flags.align is None else flags.align,
        "margin": cut.margin if flags.margin is None else flags.margin,
        "size": cut.size if flags.size is None else flags.size,
    }
