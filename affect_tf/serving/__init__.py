"""Exported models: what travels inside them, and what is done with them."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["Predictor"]


def __getattr__(name: str) -> Any:
    """Loads `Predictor` when it is asked for: TensorFlow takes seconds."""
    if name in __all__:
        module = importlib.import_module("affect_tf.serving.prediction.predictor")
        return module.Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
