"""What a run of a study scored, beside the run: made once, and read ever after."""

from __future__ import annotations

import json
import pathlib
import time
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
#: Says that a folder is to be made anew, and since when.
_MARK = ".redo"


def mark(folder: pathlib.Path, when: float) -> None:
    """Marks a run, or features, there or not, as to be made anew.

    The mark goes with the folder when that is discarded.

    Args:
      folder: Of the run or the features.
      when: Seconds since the epoch; what was made before is too old.
    """
    files.write_text(folder / _MARK, f"{when!r}\n")


def marked(folder: pathlib.Path) -> float | None:
    """Returns when a run, or features, were marked; None where they were not."""
    path = folder / _MARK
    return float(path.read_text(encoding="utf-8")) if path.exists() else None


def begin(run: pathlib.Path, digest: str, upstream: dict[str, str]) -> None:
    """Notes what a run is about to be made from, so that it goes on with nothing else.

    Args:
      run: Its folder.
      digest: Of what decides the run.
      upstream: Digests of the weights that it is made from: "teacher", "cnn".
    """
    record = {"digest": digest, "upstream": upstream}
    files.write_text(run / _RECORD, json.dumps(record, indent=2) + "\n")


def begun(run: pathlib.Path) -> dict[str, Any]:
    """Returns all that was noted of a run, finished or not; empty without a note."""
    path = run / _RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(
    session: Session,
    run: pathlib.Path,
    digest: str,
    upstream: dict[str, str],
    seconds: float | None,
) -> None:
    """Scores a finished run on the validation split, and notes it beside the run.

    Args:
      session: Of the run.
      run: Its folder.
      digest: Of what decided the run.
      upstream: Of the weights that it was made from.
      seconds: How long it took; None where that is not known.

    Raises:
      UserError: If the run cannot be scored.
    """
    scored = evaluate.score(session, [run], _SPLIT)
    evaluate.write_scores(run / "scores.json", scored)
    scored.predictions.save(run / _PREDICTIONS, session.config.taxonomy)
    record = {
        "seconds": seconds,
        "finished": time.time(),
        "digest": digest,
        "upstream": upstream,
        "weights": checkpoints.digest(run),
        "scores": scored.scores.headline(),
    }
    files.write_text(run / _RECORD, json.dumps(record, indent=2) + "\n")


def read(run: pathlib.Path, upstream: dict[str, str]) -> dict[str, Any] | None:
    """Returns what was noted of a finished run.

    Args:
      run: Its folder.
      upstream: Digests of the weights that it would be made from today.

    Returns:
      {"seconds", "finished", "digest", "upstream", "weights", "scores"}. None where
      nothing was noted, the run is to be made anew, has been trained on or anew since,
      or was made from other weights.
    """
    record = begun(run)
    if "scores" not in record or record.get("upstream", {}) != upstream:
        return None
    if not (run / _PREDICTIONS).exists() or (run / _MARK).exists():
        return None
    if not checkpoints.is_finished(run):
        return None
    return record if record["weights"] == checkpoints.digest(run) else None


def ensemble(runs: Sequence[pathlib.Path]) -> dict[str, float]:
    """Returns the headline scores of the average of runs that `write` scored."""
    taxonomy = run_folder.stored_config(runs[0]).taxonomy
    members = [Predictions.load(run / _PREDICTIONS, taxonomy) for run in runs]
    averaged = predictions_lib.average(members)
    return score_predictions(averaged, taxonomy).headline()
