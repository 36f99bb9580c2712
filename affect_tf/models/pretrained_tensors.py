"""Checked passage of named tensors into the variables of a model."""

from __future__ import annotations

import difflib
import pathlib
import re
from collections.abc import Collection
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError


def named_by_position(
    model: tf.keras.Model, tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Renames the tensors of a .weights.h5, which numbers layers by their class."""
    counts: dict[str, int] = {}
    names = {}
    for layer in model.layers:
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(layer).__name__).lower()
        # Conv2D is conv2d: no underscore between a digit and its D.
        kind = re.sub(r"(\d)_d\b", r"\1d", kind)
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        group = f"{kind}_{number}" if number else kind
        for position, variable in enumerate(variables(layer)):
            names[f"{group}/vars/{position}"] = f"{layer.name}/{variable}"
    return {
        names.get("/".join(name.split("/")[-3:]), name): value
        for name, value in tensors.items()
    }


def variables(layer: tf.keras.layers.Layer) -> dict[str, tf.Variable]:
    """Returns a layer's variables by their own names: "kernel", "moving_mean"."""
    return {
        weight.name.split("/")[-1].split(":")[0]: weight for weight in layer.weights
    }


def tensor(
    tensors: Mapping[str, np.ndarray], name: str, path: pathlib.Path
) -> np.ndarray:
    """Returns one tensor of a file as float32.

    Raises:
      UserError: If it is absent, holds no numbers, or is not finite.
    """
    if name not in tensors:
        near = difflib.get_close_matches(name, tensors, n=1)
        raise UserError(
            "A weight file must hold every tensor of the backbone. "
            f"Received: {path.name} without {name!r}. "
            + (f"The closest name in it is {near[0]!r}. " if near else "")
            + "Build the backbone that the file was saved from."
        )
    value = np.asarray(tensors[name])
    if value.dtype.kind not in "fiu":
        raise UserError(
            "A tensor must hold numbers. "
            f"Received: {name!r} of dtype {value.dtype} in {path.name}. "
            "Save the file again as float32."
        )
    if not np.isfinite(value).all():
        raise UserError(
            "A tensor must be finite. "
            f"Received: {name!r} with NaN or infinity in {path.name}. "
            "Take a checkpoint from before the training diverged."
        )
    return value.astype(np.float32)


def assign(
    model: tf.keras.Model,
    names: Mapping[tuple[str, str], str],
    values: Mapping[str, np.ndarray],
    path: pathlib.Path,
) -> None:
    """Assigns all values, or none if a shape differs.

    Args:
      model: Whose variables change.
      names: The file's name of each (layer, variable).
      values: Arrays by the file's names, in the model's order of axes.
      path: The file, for the message.

    Raises:
      UserError: If a shape differs from the variable's.
    """
    targets = {
        name: variables(model.get_layer(layer))[variable]
        for (layer, variable), name in names.items()
    }
    for name, variable in targets.items():
        if tuple(variable.shape) != values[name].shape:
            raise UserError(
                "A tensor must have the shape of the model's variable. "
                f"Received: {name!r} in {path.name} of shape {values[name].shape}, "
                f"for {variable.name!r} of shape {tuple(variable.shape)} "
                "(rows, columns, in, out). Build with the file's width and stem."
            )
    for name, variable in targets.items():
        variable.assign(values[name])


def check_rest(names: tuple[str, ...], path: pathlib.Path) -> None:
    """Raises a `UserError` if tensors of the network itself would go unused."""
    if names:
        raise UserError(
            "A weight file must hold no more of the network than the model has. "
            f"Received: {path.name}, of which {some(names)} would go unused. "
            "Build the backbone that the file was saved from."
        )


def some(names: Collection[str]) -> str:
    """Returns the first three names, and how many follow."""
    shown = ", ".join(repr(name) for name in list(names)[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
