"""Writes a SavedModel that a process with nothing but TensorFlow can serve.

    <directory>/1/saved_model.pb, variables/      the next free number each time
    <directory>/1/assets/                         names, thresholds, temperature, card
    <directory>/1/assets.extra/                   warm-up requests, other formats

| signature | input | outputs |
|---|---|---|
| `serving_default` | `image_bytes` string [B], JPEG or PNG | scores, `valid` |
| `serving_image` | `image` uint8 [B, H, W, 3], RGB | scores, `valid` |
| `taxonomy` | none | the names of the columns, and the thresholds |

Pictures may be of any size. Scores are `expression_scores` [B, C],
`action_unit_scores` [B, U] and `valence_arousal` [B, 2], for the tasks that were
exported; an ensemble gives its mean, and the standard deviation over its members
under the same names with `_spread`.

Models of time have two axes before those of a picture, windows [B] of frames [T]; see
`graphs.served_sequences` for their further signatures. What they look at is in
`assets/time.json`.

A picture that cannot be read has `valid` false and zeros as scores. Zeros, not NaN: a
server writes NaN into JSON as it is, and then no standard parser reads the answers to
the neighbours either. A row of `expression_scores` that was read sums to 1.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affect_tf import files
from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.evaluation.calibration import Calibration
from affect_tf.evaluation.statistics import DEFAULT_THRESHOLD
from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.models import adversary
from affect_tf.objective.tasks import Task
from affect_tf.serving import model_card
from affect_tf.serving import time_file
from affect_tf.serving import warm_up
from affect_tf.serving.graphs.sequence_members import SequenceModels
from affect_tf.serving.graphs.served_graphs import ServedGraphs
from affect_tf.serving.graphs.served_models import ServedModels
from affect_tf.serving.graphs.served_sequences import ServedSequences
from affect_tf.serving.model_card import ModelCard
from affect_tf.serving.score_graphs import ScoreGraphs
from affect_tf.serving.version_folder import new_version

#: How far a reloaded model may be from the one that was saved.
_TOLERANCE = 1e-5


def export(
    models: Sequence[tf.keras.Model],
    tasks: Sequence[Task],
    taxonomy: Taxonomy,
    image_size: int,
    directory: str | os.PathLike[str],
    *,
    thresholds: Thresholds | None = None,
    calibration: Calibration | None = None,
    card: ModelCard,
    over: SequenceModels | None = None,
    add: Callable[[pathlib.Path, ServedModels], None] | None = None,
) -> pathlib.Path:
    """Exports one model, or several as one ensemble.

    The result appears whole or not at all: it is written under a temporary name,
    loaded again, compared with the models on a picture, and then renamed.

    Args:
      models: {"image": uint8 [B, S, S, 3]} to {task: float32 logits [B, K]}, run with
        training=False. They must compute in float32: build a model under the policy
        "float32" and load its weights, whatever the policy of the training was. Of
        time: those of `Temporal.end_to_end`, without a discriminator.
      tasks: What to export; each decodes the logits of its name.
      taxonomy: Names of the columns.
      image_size: S, the side of the faces.
      directory: Folder of the versions; made where it is missing.
      thresholds: Of the action units. None gives 0.5 for each.
      calibration: Of the expressions: its temperature becomes part of the graph. None
        leaves their probabilities as they are.
      card: What the model card says beside what the model itself knows.
      over: What models of time look at; None for models of single pictures.
      add: Called with the version while it is still under its temporary name, and the
        graphs, to write more into it; what it raises leaves no version. Only of
        models of single pictures.

    Returns:
      The folder of the new version, one above the highest number there.

    Raises:
      ValueError: If there is no model or task, a model computes in 16 bits or lacks a
        task, a width disagrees with the taxonomy, a threshold is unknown, or weights or
        scores are not finite.
    """
    names = tuple(task.name for task in tasks)
    taxonomy = _described(taxonomy, names)
    thresholds = _complete(thresholds, taxonomy)
    calibration = calibration or Calibration()
    if not models:
        raise ValueError(
            "An export must have at least one model. Received: models=(). "
            "Train a model first."
        )
    for number, model in enumerate(models):
        _check_model(number, model, names)
    scores = ScoreGraphs(
        tasks, taxonomy, image_size, thresholds, calibration.temperature
    )
    if over is None:
        time, module = None, ServedModels(models, scores)
    else:
        time, module = over.time, ServedSequences(models, over, scores)
    document = model_card.document(
        card,
        taxonomy,
        thresholds,
        calibration,
        image_size=image_size,
        members=len(models),
        time=time,
    )
    assets = {
        "calibration.json": _json(calibration.to_json()),
        "taxonomy.json": _json(taxonomy.to_json()),
        "thresholds.json": _json(thresholds.to_json()),
        "model_card.json": _json(document),
        "model_card.md": model_card.markdown(document),
    }
    if time is not None:
        assets[time_file.NAME] = time_file.text(time)
    with new_version(pathlib.Path(directory)) as version:
        tf.saved_model.save(module, str(version.folder), module.signatures())
        for name, text in assets.items():
            files.write_text(version.folder / "assets" / name, text)
        _check_reloaded(version.folder, module, image_size, time)
        warm_up.write(version.folder, image_size, time)
        if add is not None:
            add(version.folder, module)
    return version.folder


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _described(taxonomy: Taxonomy, names: Sequence[str]) -> Taxonomy:
    """Returns what the taxonomy says of the exported tasks, and of no others."""
    for name in names:
        if name not in taxonomy.tasks:
            raise ValueError(
                f"An exported task must belong to taxonomy {taxonomy.name!r}. "
                f"Received: {name!r}. {closest(name, taxonomy.tasks)}"
            )
    if not names or len(set(names)) != len(names):
        raise ValueError(
            "An export must name each task once, and at least one. "
            f"Received: tasks={tuple(names)}. Pass the tasks of the objective."
        )
    return dataclasses.replace(
        taxonomy,
        expressions=taxonomy.expressions if "expr" in names else (),
        action_units=taxonomy.action_units if "au" in names else (),
        has_va="va" in names,
    )


def _complete(thresholds: Thresholds | None, taxonomy: Taxonomy) -> Thresholds:
    """Returns a threshold for every unit, 0.5 where none was given."""
    given = thresholds or Thresholds(values={}, split="", f1={}, kept={})
    units = taxonomy.action_units
    for unit, value in given.values.items():
        if unit not in units:
            raise ValueError(
                f"A threshold must belong to a unit of taxonomy {taxonomy.name!r}. "
                f"Received: {unit!r}. {closest(unit, units)}"
            )
        if not 0 <= value <= 1:
            raise ValueError(
                "A threshold must be a probability. "
                f"Received: {unit}={value}. Fit it to decoded scores, not to logits."
            )
    missing = [unit for unit in units if unit not in given.values]
    values = {unit: given.values.get(unit, DEFAULT_THRESHOLD) for unit in units}
    kept = {**given.kept, **dict.fromkeys(missing, "not fitted")}
    return dataclasses.replace(given, values=values, kept=kept)


def _check_model(number: int, model: tf.keras.Model, names: Sequence[str]) -> None:
    for layer in model.submodules:
        computed = getattr(layer, "compute_dtype", None)
        if computed in ("float16", "bfloat16"):
            raise ValueError(
                "An exported model must compute in float32. "
                f"Received: models[{number}], whose layer {layer.name!r} computes in "
                f"{computed}. Build it under the policy 'float32' and load the "
                "weights, which are float32 already."
            )
    for variable in model.variables:
        if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
            raise ValueError(
                "An exported model must have finite weights. "
                f"Received: models[{number}], whose {variable.name!r} holds NaN or "
                "infinity. Export an earlier checkpoint."
            )
    produced = model.output if isinstance(model.output, dict) else {}
    if adversary.DISCRIMINATOR in produced:
        raise ValueError(
            "An exported model must be without its discriminator. Received: "
            f"models[{number}] with outputs {sorted(produced)}. Take it away by "
            "adversary.without_discriminator."
        )
    for name in names:
        if name not in produced:
            raise ValueError(
                "An exported model must give logits for every task. Received: "
                f"models[{number}] with outputs {sorted(produced)}, without {name!r}. "
                "Export the tasks that the model was built for."
            )


def _check_reloaded(
    folder: pathlib.Path,
    module: ServedGraphs,
    image_size: int,
    time: Windows | Past | None,
) -> None:
    """Compares what was written with what was meant, on a picture and on rubbish."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, [image_size, image_size, 3], np.uint8)
    rows = [tf.io.encode_png(pixels).numpy(), b"not a picture"]
    inputs = warm_up.inputs(rows, time)
    expected = module.signatures()["serving_default"](**inputs)
    served = tf.saved_model.load(str(folder)).signatures["serving_default"](**inputs)
    for name, values in expected.items():
        ours, theirs = (
            np.asarray(value, np.float32) for value in (values, served[name])
        )
        if not np.isfinite(ours).all():
            raise ValueError(
                "An exported model must give finite scores. "
                f"Received: {name}={ours[0]} for random pictures. "
                "Its weights are too large: export an earlier checkpoint."
            )
        if not np.allclose(ours, theirs, rtol=0, atol=_TOLERANCE):
            raise ValueError(
                "A SavedModel must give the scores of the model that it came from. "
                f"Received: {name}={theirs[0]} for {ours[0]}. "
                "Please report this together with the versions of TensorFlow."
            )
