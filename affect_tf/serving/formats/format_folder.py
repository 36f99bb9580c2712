"""Writes the other formats of a version, and what they lose, beside it."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from affect_tf import files
from affect_tf.data import input_pipeline
from affect_tf.data.batch import Batch
from affect_tf.evaluation import predictions
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving import formats
from affect_tf.serving.formats import compare
from affect_tf.serving.formats import onnx
from affect_tf.serving.formats import tflite
from affect_tf.serving.graphs.served_models import ServedModels
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.score_graphs import OUTPUTS

#: Faces, uint8 [B, S, S, 3], to {output: float32 [B, K]}.
Runner = Callable[[np.ndarray], dict[str, np.ndarray]]


def write(
    version: pathlib.Path,
    served: ServedModels,
    wanted: Sequence[str],
    representative: Callable[[], Iterable[np.ndarray]],
    validation: Callable[[], Iterable[Batch]],
    protocol: str,
) -> list[compare.Comparison]:
    """Converts a version, and compares each result with its SavedModel.

    Args:
      version: Folder of a whole SavedModel that `export` wrote.
      served: The graphs that it was written from.
      wanted: Formats, each once.
      representative: Gives batches of training faces for int8; called where needed.
      validation: Gives batches of labelled faces that the model sees, anew each time.
      protocol: What those faces are, in a sentence.

    Returns:
      A comparison for each format, in the given order.

    Raises:
      ValueError: If a format is unknown, or there is no face to compare on.
      UserError: If a package is missing or a network cannot be converted.
    """
    for name in wanted:
        if name not in formats.FILES:
            raise ValueError(
                f"A format must be one that is known. Received: {name!r}. "
                f"{closest(name, tuple(formats.FILES))}"
            )
    model = LoadedModel(version)
    labels = described(model)
    folder = version / formats.FOLDER
    reference = predicted(model.from_images, validation())
    found = []
    for name in dict.fromkeys(wanted):
        content, runner = _converted(name, served, labels, representative)
        file = formats.FILES[name]
        files.write_bytes(folder / file, content)
        found.append(
            compare.compare(
                name,
                file,
                len(content),
                reference,
                predicted(runner, validation()),
                model.taxonomy,
                model.thresholds,
            )
        )
    _write_json(folder / "labels.json", labels)
    _write_json(folder / "comparison.json", compare.document(found, protocol))
    return found


def described(model: LoadedModel) -> dict[str, Any]:
    """Returns what a program needs to read the numbers: the content of labels.json."""
    taxonomy, size = model.taxonomy, model.image_size
    columns = {
        "expr": list(taxonomy.expressions),
        "au": list(taxonomy.action_units),
        "va": list(VA_DIMENSIONS),
    }
    return {
        "input": {
            "name": formats.INPUT,
            "type": "uint8",
            "shape": ["B", size, size, 3],
            "meaning": "aligned, upright faces, RGB, 0 to 255",
        },
        "outputs": {OUTPUTS[task]: columns[task] for task in taxonomy.tasks},
        "action_unit_thresholds": model.thresholds,
    }


def predicted(runner: Runner, batches: Iterable[Batch]) -> Predictions:
    """Returns what a model says of batches of pictures, beside their labels."""

    def scores(inputs: dict[str, Any]) -> dict[str, np.ndarray]:
        outputs = runner(np.asarray(inputs["image"]))
        return {
            task: outputs[name] for task, name in OUTPUTS.items() if name in outputs
        }

    return predictions.collect([scores], input_pipeline.read(batches))


def _converted(
    name: str,
    served: ServedModels,
    labels: dict[str, Any],
    representative: Callable[[], Iterable[np.ndarray]],
) -> tuple[bytes, Runner]:
    if name == "onnx":
        content = onnx.convert(served, labels)
        return content, onnx.Runner(content)
    faces = representative() if name == "tflite_int8" else ()
    content = tflite.convert(served, name, faces)
    return content, tflite.Runner(content)


def _write_json(path: pathlib.Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    files.write_text(path, text + "\n")
