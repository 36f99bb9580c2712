"""Loads pretrained backbones from a file that the user names.

Published ResNet weights differ in three ways that no shape reveals: where a block
takes its stride, how the pooling treats the border, and what was subtracted from
the pixels. Weights put into the wrong geometry still run, and score badly; so a
mismatch is an error here, and its message holds the architecture to build instead.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Collection
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy
from affect_tf.models import pretrained_files
from affect_tf.models import pretrained_geometry
from affect_tf.models import pretrained_layouts
from affect_tf.models import pretrained_tensors
from affect_tf.models.pretrained_layouts import Layout
from affect_tf.models.pretrained_layouts import LAYOUTS

#: Names in our own files that belong to a backbone.
_OWN_BACKBONE = re.compile(r"(stem|stage\d+|tiny)_")


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What `load_backbone` did.

    Attributes:
      layout: Name of the layout, "own" for this package's files.
      loaded: Names in the file of the tensors that are now in the model.
      skipped: Names of those that are not: classifiers and counters.
      waived: Expectations of the layout that the model does not meet, and that the
        caller allowed.
    """

    layout: str
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    waived: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for a log."""
        skipped = f"; skipped {', '.join(self.skipped)}" if self.skipped else ""
        waived = f"; waived {', '.join(self.waived)}" if self.waived else ""
        return f"{len(self.loaded)} tensors of layout {self.layout}{skipped}{waived}"


def load_backbone(
    model: tf.keras.Model,
    path: str | os.PathLike[str],
    layout: str = "auto",
    allow: Collection[str] = (),
) -> LoadReport:
    """Puts the weights of a file into the backbone of a model; heads stay.

    Everything is checked before the first variable changes: on an error the model
    is as it was.

    Args:
      model: A model of `build`.
      path: A file of PyTorch (.pth, .pt, needs torch), of arrays (.pkl, .npz,
        .safetensors) or of Keras (.h5, .weights.h5, .keras). Nothing is downloaded.
      layout: "auto", "own" (a model of this package) or one of `LAYOUTS`.
      allow: Names of `pretrained_geometry.EXPECTATIONS` that the model need not
        meet, to repeat published work that did not meet them either.

    Returns:
      The names that were loaded and skipped.

    Raises:
      UserError: If the file cannot be read, a tensor is absent, of another shape or
        not finite, the file holds more of the network than the model does, or the
        model's geometry or normalisation is not what the weights expect.
    """
    _check_allow(allow)
    path = pathlib.Path(path)
    if path.suffix.lower() == ".keras":
        tensors, waived = _read_own_model(model, path, allow)
        return _load_own(model, tensors, path, waived)
    tensors = pretrained_files.read(path)
    if layout == "auto":
        is_pickle = path.suffix.lower() == ".pkl"
        found = pretrained_layouts.detect(tensors, is_pickle)
    else:
        found = None if layout == "own" else pretrained_layouts.named(layout)
    if found is None:
        return _load_own(model, tensors, path)
    return _load_published(model, tensors, path, found, allow)


def backbone_layers(model: tf.keras.Model) -> tuple[tf.keras.layers.Layer, ...]:
    """Returns the layers with weights between the picture and `features`."""
    inside = tf.keras.Model(model.inputs, model.get_layer("features").output)
    return tuple(layer for layer in inside.layers if layer.weights)


def _load_published(
    model: tf.keras.Model,
    tensors: Mapping[str, np.ndarray],
    path: pathlib.Path,
    layout: Layout,
    allow: Collection[str],
) -> LoadReport:
    start = pretrained_layouts.prefix(layout, tensors)
    if start is None:
        raise UserError(
            f"A file of layout {layout.name!r} must hold {layout.anchor!r}. "
            f"Received: {path.name} with {pretrained_tensors.some(tensors)}. "
            "Say layout='auto' to have the names looked at."
        )
    names = {
        (layer.name, variable): start + layout.tensor(layer.name, variable)
        for layer in backbone_layers(model)
        for variable in pretrained_tensors.variables(layer)
    }
    facts, wanted = pretrained_geometry.facts(model), layout.expects(model)
    hint = (
        f"Layout {layout.name!r} is of {layout.origin}; the layouts are "
        f"{', '.join(LAYOUTS)}: name another where the numbers come from there."
    )
    waived = _check_expectations(facts, wanted, path, allow, hint)
    values, used = {}, set(names.values())
    for (layer, variable), name in names.items():
        value = pretrained_tensors.tensor(tensors, name, path)
        if layout.torch and variable == "kernel" and value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        bias = start + layout.tensor(layer.replace("norm", "conv"), "bias")
        if variable == "moving_mean" and bias in tensors:
            # Normalisation takes a constant off its inputs, so ours have no bias.
            value = value - pretrained_tensors.tensor(tensors, bias, path)
            used.add(bias)
        values[name] = value
    rest = tuple(name for name in tensors if name not in used)
    unused = tuple(
        name
        for name in rest
        if layout.belongs(name.removeprefix(start))
        and not name.endswith("num_batches_tracked")
    )
    pretrained_tensors.check_rest(unused, path)
    pretrained_tensors.assign(model, names, values, path)
    return LoadReport(layout.name, tuple(names.values()), rest, waived)


def _load_own(
    model: tf.keras.Model,
    tensors: Mapping[str, np.ndarray],
    path: pathlib.Path,
    waived: tuple[str, ...] = (),
) -> LoadReport:
    if any("/vars/" in name for name in tensors):
        tensors = pretrained_tensors.named_by_position(model, tensors)
    names = {
        (layer.name, variable): f"{layer.name}/{variable}"
        for layer in backbone_layers(model)
        for variable in pretrained_tensors.variables(layer)
    }
    if not set(names.values()) & set(tensors):
        raise UserError(
            "A weight file must use the names of a known layout or of this package. "
            f"Received: {path.name} with {pretrained_tensors.some(tensors)}. "
            f"Known layouts: {', '.join(LAYOUTS)}. "
            "Rename the tensors, or say which layout it is."
        )
    values = {
        name: pretrained_tensors.tensor(tensors, name, path) for name in names.values()
    }
    rest = tuple(name for name in tensors if name not in values)
    pretrained_tensors.check_rest(
        tuple(name for name in rest if _OWN_BACKBONE.match(name)), path
    )
    pretrained_tensors.assign(model, names, values, path)
    return LoadReport("own", tuple(values), rest, waived)


def _read_own_model(
    model: tf.keras.Model, path: pathlib.Path, allow: Collection[str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    if not path.is_file():
        raise UserError(
            "A weight file must exist. "
            f"Received: path={str(path)!r}. Train the model first, or name another."
        )
    try:
        saved = tf.keras.models.load_model(path, compile=False)
        saved.get_layer("features")
    except Exception as error:  # A bad archive fails in many ways.
        raise UserError(
            "A .keras file must hold a model that this package built. "
            f"Received: path={str(path)!r} ({type(error).__name__}). "
            "Save the weights of another model as .h5 or .npz."
        ) from error
    theirs = pretrained_geometry.facts(saved)
    ours = pretrained_geometry.facts(model)
    if saved.get_layer("image").output.shape != model.get_layer("image").output.shape:
        # The padding of an odd border comes and goes with the size of the picture.
        theirs = {
            name: ours[name] if name in ("stem_padding", "pool") else value
            for name, value in theirs.items()
            if name in ours
        }
    waived = _check_expectations(ours, theirs, path, allow, "Both are of this package.")
    tensors = {
        f"{layer.name}/{variable}": np.asarray(weight)
        for layer in saved.layers
        for variable, weight in pretrained_tensors.variables(layer).items()
    }
    return tensors, waived


def _check_expectations(
    facts: Mapping[str, object],
    expected: Mapping[str, object],
    path: pathlib.Path,
    allow: Collection[str],
    hint: str,
) -> tuple[str, ...]:
    """Returns the waived differences; raises on the others."""
    differing = tuple(name for name in expected if facts.get(name) != expected[name])
    refused = tuple(name for name in differing if name not in allow)
    if refused:
        received = "; ".join(
            f"{name}={pretrained_geometry.shown(name, facts.get(name))}"
            for name in refused
        )
        fix = "; ".join(
            f"{name}={pretrained_geometry.shown(name, expected[name])}"
            for name in refused
        )
        raise UserError(
            f"A model must be built as the weights in {path.name} expect. "
            f"Received: {received}. Build it with {fix}, or keep the difference with "
            f"allow={refused}. {hint}"
        )
    return tuple(name for name in differing if name in allow)


def _check_allow(allow: Collection[str]) -> None:
    for name in (allow,) if isinstance(allow, str) else allow:
        if name not in pretrained_geometry.EXPECTATIONS:
            raise UserError(
                "An allowed difference must be one of the expectations. "
                f"Received: allow={name!r}. "
                f"{taxonomy.closest(name, pretrained_geometry.EXPECTATIONS)}"
            )
