"""The temperature that makes probabilities of expressions mean what they say.

    calibrated = softmax(log(p) / T)

One number T divides the logarithm of the probabilities: above 1 it takes confidence
away, below 1 it adds some. The order of the classes stays, so accuracy, F1 and every
label that is shown stay too.

For one model this is the division of its logits by T. For an ensemble p is the *mean*
of the members, and there is one T for that mean, not one for each member: the mean of
calibrated members is itself not calibrated (it is underconfident wherever they
disagree), what is served is the mean, and the label of the mean is not moved by it.

Source: Guo et al. 2017, On Calibration of Modern Neural Networks (temperature scaling;
expected calibration error with 15 bins of equal width).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from affect_tf.evaluation.predictions import Predictions

#: Between these the temperature is sought. Without a bound a model that is always
#: right would have 0.
BOUNDS = (0.1, 10.0)
#: Probabilities below are taken for it: float32 has no logarithm of an underflow.
FLOOR = 1e-30
#: Of the expected calibration error.
NUM_BINS = 15

#: Groups of people, each of which is left out once.
_FOLDS = 5
_HALVINGS = 40


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A temperature, and what it was fitted on.

    Attributes:
      temperature: Positive; 1 leaves the probabilities as they are.
      split: The split whose rows it was fitted on; "" for none. Errors of that split
        after the fit flatter.
      rows: Labelled rows that it was fitted on.
      nll: {"before", "after", "held_out"}: mean negative log-likelihood of the labels,
        nats; "after" under the temperature that fits best, "held_out" after a fit to
        other people: to four fifths of them, five times. The last is missing where
        fewer than five people are seen.
      ece: The same of the expected calibration error, in [0, 1].
      kept: Why the temperature stays at 1; "" where it was fitted.
    """

    temperature: float = 1.0
    split: str = ""
    rows: int = 0
    nll: dict[str, float] = dataclasses.field(default_factory=dict)
    ece: dict[str, float] = dataclasses.field(default_factory=dict)
    kept: str = "not fitted"

    def __post_init__(self) -> None:
        """Refuses what no probability could be divided by."""
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(
                "A temperature must be a positive number. "
                f"Received: temperature={self.temperature}. Use 1 for none."
            )

    @property
    def summary(self) -> str:
        """A sentence for people, with the caveat of the split."""
        if self.kept:
            return f"Expressions are not calibrated: {self.kept}."
        held_out = ""
        if "held_out" in self.ece:
            held_out = (
                "; fitted to other people than it is measured on, "
                f"{self.ece['held_out']:.3f} and {self.nll['held_out']:.3f}"
            )
        return (
            f"Expressions are calibrated by a temperature of {self.temperature:.3f}, "
            f"fitted on {self.rows:,} faces of {self.split!r}: expected calibration "
            f"error {self.ece['before']:.3f} before and {self.ece['after']:.3f} after, "
            f"negative log-likelihood {self.nll['before']:.3f} and "
            f"{self.nll['after']:.3f}, on the same faces, which flatters{held_out}."
        )

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-ready dictionary; `from_json` is its inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Calibration:
        """Reads what `to_json` wrote."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: value[name] for name in names})


def fit(predictions: Predictions, split: str, min_rows: int = 50) -> Calibration:
    """Finds the temperature under which the labelled expressions are likeliest.

    Args:
      predictions: Scores beside labels; the ensemble's where there is one.
      split: What the rows are, to be kept with the result.
      min_rows: With fewer labelled rows the temperature stays 1.

    Returns:
      Calibration, with the temperature within `BOUNDS`. It stays 1 where, fitted to
      other people, it would make the labels less likely.
    """
    if "expr" not in predictions.scores:
        return Calibration(split=split, kept="the model has no expressions")
    if "expr" not in predictions.labels:
        return Calibration(split=split, kept="no labels")
    rows = predictions.masks["expr"] > 0
    scores, labels = predictions.scores["expr"][rows], predictions.labels["expr"][rows]
    count = int(rows.sum())
    if count < max(min_rows, 1):
        kept = (
            f"{count} labelled faces, fewer than {min_rows}" if count else "no labels"
        )
        return Calibration(split=split, rows=count, kept=kept)
    temperature = best_temperature(scores, labels)
    versions = {"before": scores, "after": tempered(scores, temperature)}
    _, people = np.unique(predictions.subject[rows], return_inverse=True)
    if people.max() + 1 >= _FOLDS:
        versions["held_out"] = _held_out(scores, labels, people % _FOLDS)
    nll = {name: _likelihood(each, labels) for name, each in versions.items()}
    ece = {name: expected_error(each, labels) for name, each in versions.items()}
    kept = ""
    if nll.get("held_out", -np.inf) >= nll["before"]:
        kept = (
            f"a temperature of {temperature:.3f} fits these faces, but fitted to other "
            f"people it makes the labels less likely (negative log-likelihood "
            f"{nll['before']:.4f} before, {nll['held_out']:.4f} after)"
        )
        temperature = 1.0
    return Calibration(temperature, split, count, nll, ece, kept)


def _held_out(scores: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Returns probabilities, each under the temperature of the other folds."""
    result = np.empty_like(scores)
    for fold in range(_FOLDS):
        out = folds == fold
        temperature = best_temperature(scores[~out], labels[~out])
        result[out] = tempered(scores[out], temperature)
    return result


def best_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature with the least negative log-likelihood, in `BOUNDS`.

    That likelihood is convex in 1 / T, so its slope has one root, which halving finds.

    Args:
      scores: float32 [N, C], probabilities. N at least 1.
      labels: int32 [N], in [0, C - 1].

    >>> round(best_temperature(np.float32([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])), 3)
    2.0
    """
    logs = _logs(scores)
    known = np.take_along_axis(logs, labels[:, np.newaxis].astype(np.int64), 1)[:, 0]

    def slope(sharpness: float) -> float:
        return float(((_softmax(sharpness * logs) * logs).sum(1) - known).mean())

    low, high = 1 / BOUNDS[1], 1 / BOUNDS[0]
    if slope(low) >= 0:
        return BOUNDS[1]
    if slope(high) <= 0:
        return BOUNDS[0]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 2 / (low + high)


def tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Returns float32 probabilities [N, C] under a temperature, as an export gives."""
    if temperature == 1:
        return scores
    return _softmax(_logs(scores) / temperature).astype(np.float32)


def expected_error(
    scores: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS
) -> float:
    """Returns the mean distance between confidence and accuracy, bin by bin.

    Args:
      scores: float32 [N, C], probabilities. N at least 1.
      labels: int32 [N].
      num_bins: Bins of equal width over the probability of the likeliest class.

    Returns:
      A number in [0, 1]: the bins' |accuracy - mean confidence|, weighed by their rows.
      It is not 0 for a perfect model of few rows, since bins are then noisy.
    """
    confidence = scores.max(axis=1).astype(np.float64)
    right = scores.argmax(axis=1) == labels
    # A bin holds its upper end.
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(scores))


def _likelihood(scores: np.ndarray, labels: np.ndarray) -> float:
    known = np.take_along_axis(scores, labels[:, np.newaxis].astype(np.int64), 1)
    return float(-_logs(known).mean())


def _logs(scores: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(scores.astype(np.float64), FLOOR))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
