"""What a run of a study scored, beside the run: made once, and read ever after."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from affect_tf import files
from affect_tf.commands import evaluate
from affect_tf.commands import run_folder
from affect_tf.commands.session import Session
from affect_tf.evaluation import predictions as predictions_lib
from affect_tf.evaluation.evaluator import evaluate as score_predictions
from affect_tf.evaluation.predictions import Predictions
from affect_tf.training import checkpoints

_SPLIT = "validation"
_RECORD = "study.json"
_PREDICTIONS = "validation.npz"


def write(
    session: Session, run: pathlib.Path, digest: str, seconds: float | None
) -> None:
    """Scores a finished run on the validation split, and notes it beside the run.

    Args:
      session: Of the run.
      run: Its folder.
      digest: Of what decided the run.
      seconds: How long it took; None where that is not known.

    Raises:
      UserError: If the run cannot be scored.
    """
    scored = evaluate.score(session, [run], _SPLIT)
    evaluate.write_scores(run / "scores.json", scored)
    scored.predictions.save(run / _PREDICTIONS, session.config.taxonomy)
    record = {
        "seconds": seconds,
        "digest": digest,
        "weights": checkpoints.digest(run),
        "scores": scored.scores.headline(),
    }
    files.write_text(run / _RECORD, json.dumps(record, indent=2) + "\n")


def read(run: pathlib.Path) -> dict[str, Any] | None:
    """Returns what was noted of a run: seconds, digest, weights and scores.

    Returns:
      None where nothing was, or the run has been trained on or anew since.
    """
    path = run / _RECORD
    if not path.exists() or not (run / _PREDICTIONS).exists():
        return None
    if not checkpoints.is_finished(run):
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return record if record["weights"] == checkpoints.digest(run) else None


def ensemble(runs: Sequence[pathlib.Path]) -> dict[str, float]:
    """Returns the headline scores of the average of runs that `write` scored."""
    taxonomy = run_folder.stored_config(runs[0]).taxonomy
    members = [Predictions.load(run / _PREDICTIONS, taxonomy) for run in runs]
    averaged = predictions_lib.average(members)
    return score_predictions(averaged, taxonomy).headline()
