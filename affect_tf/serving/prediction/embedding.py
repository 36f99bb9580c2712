"""Faces to the vectors of a model of time, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affect_tf.data import images
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.loaded_model import Outputs
from affect_tf.serving.prediction import scoring
from affect_tf.serving.prediction.scoring import Face


def embedded(model: LoadedModel, faces: Sequence[Face]) -> list[Outputs | None]:
    """Returns what the networks below make of each face, and lets go of the pictures.

    Returns:
      {vector: float32 [D]}; None for a file that cannot be read, which is then the
      face's `problem`.

    Raises:
      UserError: If the batch does not fit into memory.
    """
    found: dict[int, Outputs] = {}
    for group, are_files in scoring.alike(faces):
        contents = [face.content for face in group]
        valid = np.ones(len(group), bool)
        if are_files:
            # As the exported graph does it, from the same function.
            pictures, read = images.decode_batch(
                tf.constant(contents, tf.string), model.image_size
            )
            pictures, valid = pictures.numpy(), read.numpy()
        else:
            pictures = np.stack(contents)
        with scoring.fitting(len(group)):
            vectors = model.step("embed", image=pictures)
        for row, face in enumerate(group):
            face.content = None
            if valid[row]:
                found[id(face)] = {name: each[row] for name, each in vectors.items()}
            else:
                face.problem = scoring.UNREADABLE
    return [found.get(id(face)) for face in faces]
