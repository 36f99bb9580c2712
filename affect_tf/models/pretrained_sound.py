"""Loads published SoundNet weights from a file that the user names.

Two layouts are published for the same numbers: a NumPy dictionary of layers (.npy), and
the weights of a Keras port (.h5). Both come from the authors' own file, by way of which
the arithmetic is the same: bias before normalisation, 1e-5 added to every variance.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.models import pretrained_files
from affect_tf.models import pretrained_tensors

#: Published weights were trained with it; another does not show in any shape.
EPSILON = 1e-5

#: Our variables by the .npy's names for them.
_CONVOLUTION = {"kernel": "weights", "bias": "biases"}
_NORM = {
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "moving_variance": "var",
}


@dataclasses.dataclass(frozen=True)
class SoundReport:
    """What `load_soundnet` did.

    Attributes:
      layout: "layers" (.npy), "keras" or "own".
      loaded: Names in the file of the tensors that are now in the model.
      skipped: Names of those that are not, such as the second output's.
    """

    layout: str
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a log."""
        skipped = f"; skipped {', '.join(self.skipped)}" if self.skipped else ""
        return f"{len(self.loaded)} tensors of layout {self.layout}{skipped}"


def load_soundnet(model: tf.keras.Model, path: str | os.PathLike[str]) -> SoundReport:
    """Puts the weights of a file into the layers of a `SoundNet8`; others stay.

    Everything is checked before the first variable changes: on an error the model is as
    it was.

    Args:
      model: A model with the layers of a `SoundNet8`, such as `FaceAndSound.embedder`
        returns.
      path: A .npy that holds {layer: {"weights", "biases", "gamma", "beta", "mean",
        "var"}}, or a .h5 or .hdf5 of Keras, whose layers are found by their order, or
        by name where they are ours. Kernels are [samples, (1,) in, out]. No code of a
        file is run, and nothing is downloaded.

    Returns:
      The names that were loaded and skipped.

    Raises:
      UserError: If the model does not hear or adds another epsilon to its variances,
        or the file cannot be read, or a tensor is absent, of another shape or not
        finite.

    Source: Aytar et al. 2016.
    """
    path = pathlib.Path(path)
    _check_model(model)
    if path.suffix.lower() == ".npy":
        layout, tensors = "layers", _read_layers(path)
        theirs = {name: name for name in tensors}
    else:
        tensors = pretrained_files.read(path)
        own = any(name.startswith("sound_conv1/") for name in tensors)
        layout = "own" if own else "keras"
        theirs = {n: n for n in tensors} if own else _by_order(tensors, path)
    names = {}
    for layer in _layers(model):
        for variable in pretrained_tensors.variables(layer):
            key = f"{layer.name}/{variable}"
            if layout != "own":
                key = _published(layer.name, variable)
            names[layer.name, variable] = theirs.get(key, key)
    values = {}
    for (layer, variable), name in names.items():
        value = pretrained_tensors.tensor(tensors, name, path)
        if variable == "kernel":
            value = _without_width(value, model.get_layer(layer).kernel.shape)
        values[name] = value
    pretrained_tensors.assign(model, names, values, path)
    rest = tuple(name for name in tensors if name not in values)
    return SoundReport(layout, tuple(values), rest)


def _layers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    pattern = re.compile(r"sound_(conv|norm)\d")
    return [layer for layer in model.layers if pattern.fullmatch(layer.name)]


def _check_model(model: tf.keras.Model) -> None:
    layers = _layers(model)
    if not layers:
        raise UserError(
            "A model must have the layers of a SoundNet8. "
            f"Received: {model.name!r} without 'sound_conv1'. "
            "Give the embedder of a FaceAndSound whose sound is not None."
        )
    for layer in layers:
        epsilon = getattr(layer, "epsilon", EPSILON)
        if not np.isclose(epsilon, EPSILON, rtol=1e-3, atol=0):
            raise UserError(
                "Published SoundNet weights must meet the epsilon they were made with. "
                f"Received: batch_norm_epsilon={epsilon} in {layer.name!r}. "
                f"Build SoundNet8(batch_norm_epsilon={EPSILON})."
            )


def _published(layer: str, variable: str) -> str:
    """Returns the .npy's name for a variable of one of our layers."""
    number = layer[-1]
    names = _CONVOLUTION if "_conv" in layer else _NORM
    return f"conv{number}/{names[variable]}"


def _without_width(value: np.ndarray, wanted: tf.TensorShape) -> np.ndarray:
    """Takes a kernel [samples, 1, in, out] to [samples, in, out]."""
    squeezable = value.ndim == len(wanted) + 1 and value.shape[1] == 1
    return value[:, 0] if squeezable else value


def _read_layers(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads {layer: {name: array}} as "layer/name", without running any code."""
    layers = pretrained_files.read_npy(path)
    return {
        f"{layer}/{name}": np.asarray(value)
        for layer, tensors in layers.items()
        if isinstance(tensors, Mapping)
        for name, value in tensors.items()
    }


def _by_order(tensors: Mapping[str, np.ndarray], path: pathlib.Path) -> dict[str, str]:
    """Finds the layers of a Keras port, of any names, by their order in the file.

    The second output, of 401 scenes, stands in front of the first or behind it.
    """
    kernels = [n for n in tensors if n.endswith("/kernel")]
    norms = [n for n in tensors if n.endswith("/gamma")]
    if len(kernels) not in (8, 9) or len(norms) != 7:
        raise UserError(
            "A Keras file of SoundNet must hold 8 or 9 convolutions, 7 normalisations. "
            f"Received: {path.name} with {len(kernels)} and {len(norms)}: "
            f"{pretrained_tensors.some(tensors)}. Save the whole network's weights."
        )
    outputs = sorted(kernels[7:], key=lambda name: -tensors[name].shape[-1])
    found = {}
    for number, name in enumerate([*kernels[:7], outputs[0]], 1):
        for ours, theirs in _CONVOLUTION.items():
            found[f"conv{number}/{theirs}"] = f"{name[: -len('/kernel')]}/{ours}"
    for number, name in enumerate(norms, 1):
        for ours, theirs in _NORM.items():
            found[f"conv{number}/{theirs}"] = f"{name[: -len('/gamma')]}/{ours}"
    return found
