"""How an expression is put together from action units, with chance in it.

A prototype says how often each unit takes part and how strongly. A picture has
a strength of its own, each unit jitters about it, an eighth of the expressions
carries a weaker second one, people speak, and units fire for no reason. So the
units do not follow from the class, nor the class from the units.
"""

from __future__ import annotations

import numpy as np

from affect_tf.labels.taxonomy import EXPRESSIONS_7
from tfrecords_builder.rendering.units import UNITS

#: How often each class occurs, as uneven as the collections of the field.
CLASS_SHARES = {
    "neutral": 0.38,
    "anger": 0.08,
    "disgust": 0.04,
    "fear": 0.03,
    "happiness": 0.25,
    "sadness": 0.12,
    "surprise": 0.10,
}

#: For each class: unit -> (how often it takes part, its mean intensity).
PROTOTYPES: dict[str, dict[str, tuple[float, float]]] = {
    "neutral": {},
    "anger": {
        "AU4": (0.95, 0.78),
        "AU7": (0.70, 0.60),
        "AU23": (0.60, 0.72),
        "AU24": (0.40, 0.70),
        "AU5": (0.35, 0.45),
        "AU10": (0.40, 0.55),
        "AU25": (0.20, 0.45),
        "AU17": (0.25, 0.45),
        "AU15": (0.10, 0.40),
    },
    "disgust": {
        "AU10": (0.85, 0.70),
        "AU9": (0.80, 0.70),
        "AU4": (0.55, 0.50),
        "AU7": (0.50, 0.45),
        "AU25": (0.35, 0.45),
        "AU17": (0.35, 0.50),
        "AU15": (0.25, 0.45),
        "AU6": (0.20, 0.40),
    },
    "fear": {
        "AU1": (0.90, 0.70),
        "AU4": (0.85, 0.55),
        "AU5": (0.80, 0.75),
        "AU20": (0.80, 0.70),
        "AU25": (0.80, 0.55),
        "AU2": (0.70, 0.55),
        "AU26": (0.45, 0.45),
        "AU7": (0.25, 0.40),
    },
    "happiness": {
        "AU12": (1.00, 0.78),
        "AU6": (0.80, 0.65),
        "AU25": (0.65, 0.55),
        "AU26": (0.25, 0.40),
        "AU7": (0.20, 0.40),
        "AU10": (0.22, 0.48),
        "AU1": (0.08, 0.40),
        "AU2": (0.08, 0.40),
    },
    "sadness": {
        "AU1": (0.80, 0.68),
        "AU15": (0.80, 0.68),
        "AU4": (0.75, 0.55),
        "AU17": (0.50, 0.55),
        "AU7": (0.15, 0.40),
        "AU24": (0.20, 0.50),
        "AU25": (0.12, 0.40),
        "AU6": (0.10, 0.40),
    },
    "surprise": {
        "AU2": (0.92, 0.78),
        "AU1": (0.90, 0.72),
        "AU25": (0.85, 0.62),
        "AU26": (0.85, 0.68),
        "AU5": (0.75, 0.65),
        "AU12": (0.10, 0.40),
    },
}

#: Chance that an expression carries a second one, and how strong that is.
MIXED = (0.125, 0.4)
#: Chance that somebody speaks: lips part, the jaw drops a little.
SPEAKING = 0.15
#: Chance of each unit to fire without a reason.
SPONTANEOUS = 0.03
#: The same for units that go with speech and concentration.
HABITUAL = {"AU10": 0.08, "AU23": 0.07, "AU24": 0.07}

# Of two opposed units the weaker gives way: x <- x * (1 - how much * other).
_OPPOSED = (
    ("AU24", "AU25", 0.95),
    ("AU24", "AU26", 0.80),
    ("AU23", "AU25", 0.50),
    ("AU12", "AU15", 0.90),
    ("AU5", "AU45", 0.80),
)
# Nobody bares the teeth, wrinkles the nose or stares by accident.
_SPONTANEOUS = np.array(
    [
        0.0 if unit in ("AU5", "AU9", "AU20") else HABITUAL.get(unit, SPONTANEOUS)
        for unit in UNITS
    ]
)
_COLUMN = {unit: column for column, unit in enumerate(UNITS)}
_UP_TO = np.cumsum([CLASS_SHARES[name] for name in EXPRESSIONS_7])


def _table(name: str) -> np.ndarray:
    pairs = [PROTOTYPES[name].get(unit, (0.0, 0.0)) for unit in UNITS]
    return np.array(pairs).T


_TABLES = {name: _table(name) for name in EXPRESSIONS_7}


def sample_class(rng: np.random.Generator) -> str:
    """Draws a class by `CLASS_SHARES`."""
    return EXPRESSIONS_7[int(np.searchsorted(_UP_TO[:-1], rng.random(), "right"))]


def sample_units(rng: np.random.Generator, expression: str) -> np.ndarray:
    """Draws the units of one showing of an expression.

    Args:
      rng: Its state decides.
      expression: One of the seven classes.

    Returns:
      float64 [U] in [0, 1], in the order of `UNITS`.
    """
    strength = rng.uniform(0.6, 1.3)
    units = strength * _draw(rng, expression)
    if expression != "neutral" and rng.random() < MIXED[0]:
        second = EXPRESSIONS_7[rng.integers(1, len(EXPRESSIONS_7))]
        units = np.maximum(units, MIXED[1] * _draw(rng, second))
    fires = rng.random(len(UNITS)) < _SPONTANEOUS
    units = np.maximum(units, fires * rng.uniform(0.1, 0.6, len(UNITS)))
    if rng.random() < SPEAKING:
        speech = rng.uniform((0.25, 0.05), (0.65, 0.55))
        for unit, value in zip(("AU25", "AU26"), speech, strict=True):
            units[_COLUMN[unit]] = max(units[_COLUMN[unit]], value)
    units = np.clip(units, 0.0, 1.0)
    return _reconciled(units)


def _draw(rng: np.random.Generator, expression: str) -> np.ndarray:
    chance, mean = _TABLES[expression]
    takes_part = rng.random(len(UNITS)) < chance
    return takes_part * mean * np.exp(rng.normal(0, 0.22, len(UNITS)))


def _reconciled(units: np.ndarray) -> np.ndarray:
    """Weakens what cannot be done at once; a dropped jaw mostly parts the lips."""
    for first, second, share in _OPPOSED:
        one, other = _COLUMN[first], _COLUMN[second]
        if units[one] < units[other]:
            one, other = other, one
        units[other] *= 1.0 - share * units[one]
    lips, jaw = _COLUMN["AU25"], _COLUMN["AU26"]
    pressed = units[_COLUMN["AU24"]]
    units[lips] = max(units[lips], 0.6 * units[jaw] * (1.0 - pressed))
    return units
