"""`--mode=export --format=...`: formats beside the SavedModel, compared with it."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affect_tf.commands import run_models
from affect_tf.commands.session import Session
from affect_tf.data import input_pipeline
from affect_tf.data.augment import Augmentation
from affect_tf.data.batch import Batch
from affect_tf.data.sources import Source
from affect_tf.errors import UserError
from affect_tf.serving import formats
from affect_tf.serving.formats import compare
from affect_tf.serving.formats import format_folder
from affect_tf.serving.formats import onnx
from affect_tf.serving.graphs.served_models import ServedModels

#: Training faces that the ranges of int8 are taken from.
_REPRESENTATIVE = 256
#: Validation faces that formats are compared on, of a split that has more.
_COMPARED = 2000
_BATCH = 32

_UNCHANGED = Augmentation(translation=0.0, horizontal_flip=False)


def chosen(names: Sequence[str], session: Session) -> tuple[str, ...]:
    """Returns the formats to be written beside the SavedModel, each once.

    Raises:
      UserError: If a package is missing, or there is no training face for int8.
    """
    others = tuple(dict.fromkeys(n for n in names if n != formats.SAVED_MODEL))
    if "onnx" in others:
        onnx.check_installed()
    if "tflite_int8" in others and "train" not in session.faces.manifest.splits:
        raise UserError(
            "A data folder must have a train split for --format=tflite_int8, which is "
            f"fitted to its faces. Received: {session.faces.directory} with "
            f"splits={session.faces.manifest.splits}. Name the data of the training.",
            exit_code=2,
        )
    return others


class Writer:
    """Writes formats into a version before it gets its number."""

    def __init__(
        self, session: Session, run: pathlib.Path, others: Sequence[str]
    ) -> None:
        """Keeps where the faces come from.

        Args:
          session: With the data, in the vocabulary of the run.
          run: Folder of a run that sees faces at the size of the export.
          others: Formats.
        """
        self._session, self._others = session, others
        self._faces = run_models.as_seen_by(run, session.faces)

    def __call__(self, version: pathlib.Path, served: ServedModels) -> None:
        """Writes and compares; says what is lost."""
        session = self._session
        count = self._faces.manifest.count("validation")
        stride = math.ceil(count / _COMPARED)
        protocol = (
            f"faces of {session.faces.directory.name}/validation"
            f"{f', one batch of {_BATCH} in {stride}' if stride > 1 else ''}; action "
            "units at the stored thresholds, which were fitted on this split"
        )

        def validation() -> tf.data.Dataset:
            return self._faces.evaluation("validation", _BATCH).shard(stride, 0)

        with session.console.status(f"Writing {', '.join(self._others)} ..."):
            found = format_folder.write(
                version,
                served,
                self._others,
                self._representative,
                validation,
                protocol,
            )
        session.console.print(compare.table(found))
        for each in found:
            for warning in each.warnings:
                session.console.print(
                    f"WARNING: {warning}. Do not use it where that matters.",
                    style="bold red",
                    markup=False,
                    soft_wrap=True,
                )

    def _representative(self) -> Iterator[np.ndarray]:
        """Gives training faces, drawn over all shards, as they are stored."""
        batches = self._faces.training((Source("all"),), _BATCH, _UNCHANGED, seed=0)
        batch: Batch
        for batch in input_pipeline.read(batches.take(_REPRESENTATIVE // _BATCH)):
            yield batch.inputs["image"].numpy()
