"""What the fields of a `FaceAndSound` may be."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from affect_tf.models.sound import SoundNet8


def check(part: Any) -> None:
    """Raises ValueError where a field of a `FaceAndSound` would fail in a build."""
    for field, rule, holds in _rules(part):
        if not holds:
            raise ValueError(
                f"FaceAndSound.{field} must {rule}. "
                f"Received: {field}={getattr(part, field)!r}. "
                f"Jeong et al. take {getattr(type(part), field)!r}."
            )


def _rules(part: Any) -> Iterator[tuple[str, str, bool]]:
    for field in ("face", "norm_before_activation"):
        value = getattr(part, field)
        yield field, "be True or False", isinstance(value, bool)
    network = part.sound is None or isinstance(part.sound, SoundNet8)
    yield "sound", "be a SoundNet8 or None", network
    there = part.face or part.sound is not None
    yield "face", "be True where no sound is heard", there
    yield (
        "lstm_units",
        "be a whole number from 1 on",
        _counts([part.lstm_units]),
    )
    known = part.lstm_activation in ("relu", "tanh")
    yield "lstm_activation", "be 'relu' or 'tanh'", known
    some = _counts(part.widths) and bool(part.widths)
    yield "widths", "hold whole numbers from 1 on, and at least one", some
    for field in ("task_widths", "discriminator_widths"):
        yield (
            field,
            "hold whole numbers from 1 on",
            _counts(getattr(part, field)),
        )
    for field in ("dropout", "task_dropout", "batch_norm_momentum"):
        yield field, "lie in [0, 1)", 0 <= getattr(part, field) < 1
    yield "batch_norm_epsilon", "be positive", part.batch_norm_epsilon > 0


def _counts(values: Iterable[object]) -> bool:
    """Whether all are whole numbers from 1 on."""
    return all(
        isinstance(each, int) and not isinstance(each, bool) and each > 0
        for each in values
    )
