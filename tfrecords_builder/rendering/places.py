"""Where a drawn picture was taken: each task's set of labels has a light of its own.

Real sets of single tasks were collected in different places, so that a network can tell
them apart. Drawn samples are all of one place unless this is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Factors of red, green and blue where a sample is labelled for one task alone.
_LIGHT = {
    ("expr",): (1.12, 1.0, 0.85),
    ("au",): (0.85, 1.0, 1.12),
    ("va",): (0.9, 1.08, 0.9),
}


def lit(picture: np.ndarray, label_set: Sequence[str]) -> np.ndarray:
    """Returns a picture in the light of its set.

    Args:
      picture: uint8 [S, S, 3], red first.
      label_set: The tasks that the sample is labelled for. Those of several keep the
        light that they were drawn in, and so do those of validation.
    """
    factors = _LIGHT.get(tuple(label_set))
    if factors is None:
        return picture
    return np.clip(np.rint(picture * np.array(factors)), 0, 255).astype(np.uint8)
