"""Range checks of the objective's parameters, with the project's form of error."""

from __future__ import annotations

import math


def check_not_negative(owner: str, name: str, value: float) -> None:
    """Raises ValueError for a negative or non-finite value."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(
            f"{owner}.{name} must be finite and not negative. "
            f"Received: {name}={value}. Use 0 to switch its effect off."
        )


def check_positive(owner: str, name: str, value: float) -> None:
    """Raises ValueError for anything but a finite, positive value."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"{owner}.{name} must be finite and positive. "
            f"Received: {name}={value}. Use 1 for no effect."
        )
