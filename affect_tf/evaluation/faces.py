"""A sheet of faces, each with its labels beside what the model says."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from affect_tf.evaluation import plots
from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.statistics import unit_thresholds
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.labels.taxonomy import VA_DIMENSIONS

if TYPE_CHECKING:
    from affect_tf.data.batch import Batch

#: Inches of a face with its lines.
_CELL = (2.3, 3.0)

_INDENT = " " * 5

_KEY = (
    "✗ another expression than the label;  +AU predicted, not labelled;  "
    "−AU labelled, not predicted;  – no label."
)


def face_figure(
    images: np.ndarray,
    predictions: Predictions,
    taxonomy: Taxonomy,
    thresholds: dict[str, float] | None = None,
    columns: int = 6,
) -> Figure:
    """Draws a grid of faces, below each its labels and what the model says.

    Args:
      images: uint8 [N, S, S, 3], RGB.
      predictions: N rows in the same order.
      taxonomy: Names of the columns.
      thresholds: Of action units, by name; 0.5 for those not named.
      columns: Faces in a row.

    Returns:
      A figure. A prediction that misses its label is orange and marked with a cross;
      what has no label shows a dash there.

    Raises:
      ValueError: If there are not as many images as rows.
    """
    if images.ndim != 4 or len(images) != len(predictions):
        raise ValueError(
            "A sheet of faces must have one picture a row. "
            f"Received: images.shape={images.shape} for {len(predictions)} rows. "
            "Select the same rows of both."
        )
    columns = max(1, min(columns, len(images)))
    rows = math.ceil(len(images) / columns)
    width = _CELL[0] * columns + 0.2
    key = textwrap.fill(_KEY, int(14 * width))
    height = _CELL[1] * rows + 0.25 + 0.15 * (1 + key.count("\n"))
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    limits = unit_thresholds(taxonomy, thresholds)
    for row, image in enumerate(images):
        left = 0.1 + _CELL[0] * (row % columns)
        top = height - 0.1 - _CELL[1] * (row // columns)
        side = _CELL[0] - 0.3
        box = (left / width, (top - side) / height, side / width, side / height)
        picture = figure.add_axes(box)
        picture.imshow(image)
        picture.set_axis_off()
        labelled, predicted, wrong = _captions(predictions, row, taxonomy, limits)
        color = plots.ORANGE if wrong else plots.BLUE
        _write(figure, left, top - side, ["label", *labelled], plots.INK)
        _write(figure, left + _CELL[0] / 2, top - side, ["model", *predicted], color)
    figure.text(0.1 / width, 0.12 / height, key, color=plots.GREY, fontsize=8)
    return figure


def pictures(batch: Batch, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first pictures of an evaluation's batch, and their rows.

    Args:
      batch: Of faces, or of windows of them; one of features has no pictures.
      count: The most to return.

    Returns:
      uint8 [N, S, S, 3] and the rows of the predictions that they belong to, int64
      [N]; N is 0 without pictures.
    """
    if "image" not in batch.inputs:
        return np.zeros([0, 1, 1, 3], np.uint8), np.zeros(0, np.int64)
    rows = batch.row.numpy()
    kept = np.flatnonzero(rows >= 0)[:count]
    images = batch.inputs["image"].numpy()
    return images.reshape(-1, *images.shape[-3:])[kept], rows[kept]


def _write(
    figure: Figure, left: float, top: float, lines: list[str], color: str
) -> None:
    """Writes a heading, the expression in `color`, and the rest; places in inches."""
    width, height = figure.get_size_inches()
    heading, expression, *rest = lines
    blocks = (
        (0.05, heading, {"color": plots.GREY}),
        (0.20, expression, {"color": color, "weight": "bold"}),
        (0.36, "\n".join(rest), {"color": plots.INK, "linespacing": 1.3}),
    )
    for down, text, style in blocks:
        place = (left / width, (top - down) / height)
        figure.text(*place, text, va="top", fontsize=7.5, **style)


def _captions(
    predictions: Predictions, row: int, taxonomy: Taxonomy, limits: np.ndarray
) -> tuple[list[str], list[str], bool]:
    """Returns the lines of the label and of the prediction, and if they disagree."""
    labelled, predicted, wrong = [], [], False
    if "expr" in taxonomy.tasks:
        label, guess = _expression(predictions, row, taxonomy)
        wrong = guess.endswith("✗")
        labelled.append(label)
        predicted.append(guess)
    else:
        labelled.append("")
        predicted.append("")
    if "va" in taxonomy.tasks:
        known = _known(predictions, "va", row)
        for column, name in enumerate(VA_DIMENSIONS):
            value = predictions.labels["va"][row, column] if known else None
            labelled.append(f"{name} {_signed(value)}")
            scores = predictions.scores.get("va")
            value = None if scores is None else scores[row, column]
            predicted.append(f"{name} {_signed(value)}")
    if "au" in taxonomy.tasks:
        label, guess = _units(predictions, row, taxonomy, limits)
        labelled.extend(textwrap.wrap(label, 16, subsequent_indent=_INDENT))
        predicted.extend(textwrap.wrap(guess, 16, subsequent_indent=_INDENT))
    return labelled, predicted, wrong


def _expression(
    predictions: Predictions, row: int, taxonomy: Taxonomy
) -> tuple[str, str]:
    known = _known(predictions, "expr", row)
    label = taxonomy.expressions[predictions.labels["expr"][row]] if known else "–"
    if "expr" not in predictions.scores:
        return label, "–"
    scores = predictions.scores["expr"][row]
    name = taxonomy.expressions[int(scores.argmax())]
    cross = " ✗" if known and name != label else ""
    return label, f"{name} {scores.max():.0%}{cross}"


def _units(
    predictions: Predictions, row: int, taxonomy: Taxonomy, limits: np.ndarray
) -> tuple[str, str]:
    numbers = [name.removeprefix("AU") for name in taxonomy.action_units]
    known = np.zeros(len(numbers), bool)
    positive = np.zeros(len(numbers), bool)
    if "au" in predictions.masks:
        known = predictions.masks["au"][row] > 0
        positive = known & (predictions.labels["au"][row] > 0.5)
    label = " ".join(
        number for number, is_on in zip(numbers, positive, strict=True) if is_on
    )
    label = "AU " + (label or ("none" if known.any() else "–"))
    if "au" not in predictions.scores:
        return label, "AU –"
    guessed = predictions.scores["au"][row] >= limits
    words = []
    for number, is_known, is_on, is_guessed in zip(
        numbers, known, positive, guessed, strict=True
    ):
        if is_guessed:
            words.append(number if is_on or not is_known else f"+{number}")
        elif is_on:
            words.append(f"−{number}")
    return label, "AU " + (" ".join(words) or "none")


def _known(predictions: Predictions, task: str, row: int) -> bool:
    return task in predictions.masks and bool(predictions.masks[task][row] > 0)


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")
