"""A version of an exported model, ready to be called: what predict and serve run on.

Needs the folder alone: names, thresholds and preprocessing come out of it.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving import time_file
from affect_tf.serving import version_folder
from affect_tf.serving.score_graphs import OUTPUTS
from affect_tf.serving.score_graphs import SPREAD

#: What a call gives: {output of a signature: array}, one row a picture.
Outputs = dict[str, np.ndarray]

#: What a folder raises in which something is missing, damaged or of another kind.
_BROKEN = (
    OSError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    tf.errors.OpError,
)


class LoadedModel:
    """One version of a model that `export` wrote.

    Attributes:
      folder: The version's.
      version: Its number; 0 where the folder is not called by one.
      taxonomy: Names of the columns, of the tasks that it has.
      thresholds: {action unit: the probability from which it counts as present}.
      image_size: Side of the faces that it sees, pixels. Others are resized to it.
      time: What a model of time looks at; None for a model of single pictures.
      has_spread: Whether it is an ensemble, whose outputs have a spread.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Loads a version.

        Args:
          folder: A numbered folder, or one of versions, whose highest is taken.

        Raises:
          UserError: If there is no such model, or none that `export` wrote.
        """
        self.folder = found = _version(pathlib.Path(folder))
        self.version = int(found.name) if version_folder.is_number(found) else 0
        try:
            self._model = tf.saved_model.load(str(found))
            signatures = self._model.signatures
            self._from_bytes = signatures["serving_default"]
            self._from_images = signatures["serving_image"]
            names = signatures["taxonomy"]()
            assets = found / "assets"
            taxonomy = json.loads((assets / "taxonomy.json").read_text())
            self.taxonomy = Taxonomy.from_json(taxonomy)
            self.time = time_file.read(assets)
            limits = names["action_unit_thresholds"].numpy().tolist()
            units = self.taxonomy.action_units
            self.thresholds = dict(zip(units, limits, strict=True))
            self.image_size = int(names["image_size"])
        except _BROKEN as error:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise UserError(
                "A model must be a whole folder that --mode=export wrote. "
                f"Received: {found}: {reason}. Export it again."
            ) from error
        outputs = self._from_bytes.structured_outputs
        self.has_spread = any(name.endswith(SPREAD) for name in outputs)

    def from_bytes(self, image_bytes: Sequence[bytes]) -> Outputs:
        """Scores pictures that are files, JPEG or PNG; one that is neither is no error.

        Only of models of single pictures; those of time have `step`.

        Returns:
          `valid` bool [B], and for each task of the model `OUTPUTS[task]` float32
          [B, K], zeros where a picture could not be read; and what ends in "_spread"
          for an ensemble.
        """
        rows = tf.constant(list(image_bytes), tf.string)
        return _arrays(self._from_bytes(image_bytes=rows))

    def from_images(self, images: np.ndarray) -> Outputs:
        """Scores aligned faces; see `from_bytes`.

        Args:
          images: Uint8 [B, H, W, 3], RGB. B may be 0.
        """
        return _arrays(self._from_images(image=tf.constant(images, tf.uint8)))

    def step(self, name: str, **inputs: np.ndarray) -> Outputs:
        """Calls another signature: one of the steps of `graphs.served_sequences`.

        Args:
          name: Such as "embed".
          **inputs: Of the signature.
        """
        given = {key: tf.constant(value) for key, value in inputs.items()}
        return _arrays(self._model.signatures[name](**given))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of scores that the model has, in the order of the tasks."""
        return tuple(OUTPUTS[task] for task in self.taxonomy.tasks)

    @property
    def score_outputs(self) -> tuple[str, ...]:
        """Those, and the spreads where there are any."""
        spreads = [name + SPREAD for name in self.outputs] if self.has_spread else ()
        return (*self.outputs, *spreads)

    @property
    def member_outputs(self) -> tuple[str, ...]:
        """The scores of each member, which the step "combine" takes."""
        _, inputs = self._model.signatures["combine"].structured_input_signature
        return tuple(inputs)


def _arrays(outputs: dict[str, tf.Tensor]) -> Outputs:
    return {name: value.numpy() for name, value in outputs.items()}


def _version(folder: pathlib.Path) -> pathlib.Path:
    """Returns the folder of a version: itself, or the highest in a folder of them."""
    if (folder / "saved_model.pb").is_file():
        return folder
    newest = version_folder.newest(folder)
    if newest is None:
        raise UserError(
            "A model must be a folder that --mode=export wrote. "
            f"Received: {folder}, which holds no version. Run --mode=export first, or "
            "correct the path.",
            exit_code=2,
        )
    return newest
