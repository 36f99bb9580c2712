"""A converted model beside its SavedModel, on the same real faces."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from affect_tf.evaluation import terminal_table
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.evaluation.predictions import check_same_rows
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving.score_graphs import OUTPUTS

#: A format that loses more of a score than this says so loudly.
MOST_LOST = 0.01

#: What is compared, as `Scores.headline` names it. Sums of these would hide a loss of
#: one behind a gain of another.
METRICS = (
    "expr/accuracy",
    "expr/f1",
    "au/accuracy",
    "au/f1",
    "va/valence_ccc",
    "va/arousal_ccc",
)
_COLUMNS = {"expr": "expr", "au": "AU", "va": "VA"}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How far a format is from the SavedModel.

    Attributes:
      format: Its name.
      file: Its file.
      bytes: Size of the file.
      faces: Faces that both saw.
      largest: {output: largest absolute difference of one score}.
      mean: {output: mean absolute difference}.
      scores: {metric: (of the SavedModel, of the format)}, for what is labelled.
    """

    format: str
    file: str
    bytes: int
    faces: int
    largest: dict[str, float]
    mean: dict[str, float]
    scores: dict[str, tuple[float, float]]

    @property
    def lost(self) -> dict[str, float]:
        """{metric: what the SavedModel has more}; below 0 where the format has."""
        return {name: ours - theirs for name, (ours, theirs) in self.scores.items()}

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for every score of which more than `MOST_LOST` is lost."""
        return tuple(
            f"{self.format} loses {lost:.3f} of {name}: {self.scores[name][1]:.3f} "
            f"instead of {self.scores[name][0]:.3f}"
            for name, lost in self.lost.items()
            if lost > MOST_LOST
        )

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary."""
        return {
            "file": self.file,
            "bytes": self.bytes,
            "faces": self.faces,
            "largest_difference": self.largest,
            "mean_difference": self.mean,
            "scores": {
                name: {"saved_model": ours, "format": theirs, "lost": ours - theirs}
                for name, (ours, theirs) in self.scores.items()
            },
            "warnings": list(self.warnings),
        }


def compare(
    name: str,
    file: str,
    size: int,
    saved_model: Predictions,
    converted: Predictions,
    taxonomy: Taxonomy,
    thresholds: Mapping[str, float],
) -> Comparison:
    """Returns how far a format is from the SavedModel.

    Args:
      name: Of the format.
      file: Its file's name.
      size: Of the file, bytes.
      saved_model: What the SavedModel says.
      converted: What the format says of the same rows.
      taxonomy: Names of the columns.
      thresholds: Of the action units, by name: those that are shipped with both.

    Raises:
      ValueError: If the rows differ, or a score is not finite.
    """
    check_same_rows(saved_model, converted)
    gaps = {
        OUTPUTS[task]: np.abs(saved_model.scores[task] - converted.scores[task])
        for task in saved_model.scores
    }
    ours, theirs = (
        evaluate(each, taxonomy, thresholds).headline()
        for each in (saved_model, converted)
    )
    return Comparison(
        format=name,
        file=file,
        bytes=size,
        faces=len(saved_model),
        largest={output: float(gap.max()) for output, gap in gaps.items()},
        mean={output: float(gap.mean()) for output, gap in gaps.items()},
        scores={
            metric: (ours[metric], theirs[metric])
            for metric in METRICS
            if ours.get(metric) is not None
        },
    )


def document(comparisons: Sequence[Comparison], protocol: str) -> dict[str, Any]:
    """Returns comparison.json: the protocol, and each format by its name."""
    return {
        "protocol": protocol,
        "most_lost": MOST_LOST,
        "formats": {each.format: each.to_json() for each in comparisons},
    }


def table(comparisons: Sequence[Comparison]) -> Table:
    """Returns a row a format: size, largest difference, and what is lost of a score.

    A task shows the metric of which most is lost.
    """
    faces = max((each.faces for each in comparisons), default=0)
    result = terminal_table.titled(
        f"Formats against the SavedModel, {faces:,} validation faces"
    )
    terminal_table.add_names(result, "format")
    terminal_table.add_numbers(result, "MB")
    lost = [f"{title} lost" for title in _COLUMNS.values()]
    terminal_table.add_numbers(result, "largest difference", *lost, no_wrap=False)
    for each in comparisons:
        result.add_row(
            each.format,
            f"{each.bytes / 1e6:.1f}",
            f"{max(each.largest.values(), default=0):.2g}",
            *(_lost(each.lost, task) for task in _COLUMNS),
        )
    return result


def _lost(lost: Mapping[str, float], task: str) -> Text:
    found = [value for name, value in lost.items() if name.startswith(f"{task}/")]
    if not found:
        return Text("–", style="dim")
    worst = max(found)
    return Text(f"{worst:+.4f}", style="bold red" if worst > MOST_LOST else "")
