"""Checks of the objective's parameters, with the project's form of error."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

#: What the columns of a task's logits are, and the losses that read them.
CLASSES, UNITS, BINS, VALUES = "classes", "units", "bins", "values"
KINDS = {
    CLASSES: "one class out of several",
    UNITS: "labels that are each there or not",
    BINS: "valence and arousal in bins",
    VALUES: "valence and arousal as plain outputs",
}


def check_not_negative(owner: str, name: str, value: float) -> None:
    """Raises ValueError for a negative or non-finite value."""
    if not (_is_finite(value) and value >= 0):
        raise ValueError(
            f"{owner}.{name} must be finite and not negative. "
            f"Received: {name}={value!r}. Use 0 to switch its effect off."
        )


def check_positive(owner: str, name: str, value: float) -> None:
    """Raises ValueError for anything but a finite, positive value."""
    if not (_is_finite(value) and value > 0):
        raise ValueError(
            f"{owner}.{name} must be finite and positive. "
            f"Received: {name}={value!r}. Use 1 for no effect."
        )


def _is_finite(value: Any) -> bool:
    """Whether it is a number at all, and a finite one."""
    return isinstance(value, numbers.Real) and math.isfinite(value)


def check_kinds(task: Any, *kinds: str) -> None:
    """Raises ValueError unless a task's losses read outputs of one of the kinds.

    A loss that does not say its `kind` is not checked.
    """
    owner = type(task).__name__
    defaults = {field.name: field.default for field in dataclasses.fields(task)}
    for name in ("supervised", "distilled"):
        loss = getattr(task, name)
        kind = getattr(loss, "kind", None)
        if kind is not None and kind not in kinds:
            allowed = ", or of ".join(KINDS[each] for each in kinds)
            serves = getattr(defaults[name], "kind", None) in kinds
            way = f"The default is {defaults[name]!r}." if serves else "Choose another."
            raise ValueError(
                f"{owner}.{name} must be a loss of {allowed}. Received: "
                f"{name}={loss!r}, which is of {KINDS.get(kind, kind)}. "
                f"{way}"
            )
