"""Which action units are drawn, and what affect and labels follow from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from affect_tf.labels.taxonomy import ABAW2

#: Units that are drawn but that the taxonomy does not name: lid raiser, nose
#: wrinkler, chin raiser, lip stretcher and blink.
LATENT_UNITS = ("AU5", "AU9", "AU17", "AU20", "AU45")
#: Every unit that is drawn, in the column order of intensity arrays.
UNITS = (*ABAW2.action_units, *LATENT_UNITS)

#: An intensity from here on counts as present, as FACS level B and above does.
PRESENT = 0.3

#: Weights of the units in valence and in arousal; units not named weigh 0.
VALENCE = {
    "AU2": 0.15,
    "AU4": -0.45,
    "AU5": -0.10,
    "AU6": 0.40,
    "AU7": -0.15,
    "AU9": -0.50,
    "AU10": -0.35,
    "AU12": 1.00,
    "AU15": -0.60,
    "AU17": -0.20,
    "AU20": -0.50,
    "AU23": -0.40,
    "AU24": -0.30,
}
AROUSAL = {
    "AU1": -0.15,
    "AU2": 0.35,
    "AU4": 0.20,
    "AU5": 0.55,
    "AU6": 0.20,
    "AU7": 0.35,
    "AU9": 0.30,
    "AU10": 0.25,
    "AU12": 0.15,
    "AU15": -0.60,
    "AU17": -0.30,
    "AU20": 0.35,
    "AU23": 0.45,
    "AU24": 0.20,
    "AU25": 0.25,
    "AU26": 0.25,
    "AU45": -0.10,
}
_WEIGHTS = np.array(
    [[table.get(unit, 0.0) for unit in UNITS] for table in (VALENCE, AROUSAL)]
)


def intensities(units: Mapping[str, float]) -> np.ndarray:
    """Returns intensities by name as an array, float64 [U] in the order of `UNITS`."""
    return np.array([units.get(unit, 0.0) for unit in UNITS], np.float64)


def valence_arousal(units: np.ndarray) -> np.ndarray:
    """Returns the affect that a face shows: the tanh of a weighted sum of its units.

    valence = tanh(sum_u VALENCE[u] x_u), and arousal with `AROUSAL`; a face with
    all units at 0 lies at the origin.

    Args:
      units: float [..., U] in [0, 1], in the order of `UNITS`.

    Returns:
      float64 [..., 2] in (-1, 1): valence, arousal.
    """
    return np.tanh(np.asarray(units) @ _WEIGHTS.T)
