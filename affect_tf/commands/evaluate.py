"""`--mode=evaluate`: honest scores of one run, or of several as an ensemble."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affect_tf import files
from affect_tf.commands import session as session_lib
from affect_tf.commands.session import Session
from affect_tf.commands.session import TEACHER
from affect_tf.data.input_pipeline import Faces
from affect_tf.errors import UserError
from affect_tf.evaluation import bootstrap
from affect_tf.evaluation import plots
from affect_tf.evaluation import predictions as predictions_lib
from affect_tf.evaluation import report
from affect_tf.evaluation.evaluator import evaluate as score
from affect_tf.evaluation.faces import face_figure
from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.scores import Scores
from affect_tf.evaluation.statistics import DEFAULT_THRESHOLD
from affect_tf.training import checkpoints
from affect_tf.training.fit import scorer

#: Faces of the plot that shows predictions beside labels.
_FACES = 24


@dataclasses.dataclass(frozen=True)
class Scored:
    """The scores of a model, or of an ensemble, on a split.

    Attributes:
      runs: The runs that were averaged.
      split: What was scored.
      predictions: Row by row.
      scores: Of the whole split.
      intervals: 95% bootstrap intervals by subject.
    """

    runs: tuple[str, ...]
    split: str
    predictions: Predictions
    scores: Scores
    intervals: bootstrap.Intervals


def evaluate(
    session: Session,
    runs: Sequence[str],
    split: str,
    json: str | None,
    out: str | None,
) -> None:
    """Scores runs as one model; writes the JSON file and the plots.

    Args:
      session: The data, and where to look for runs.
      runs: Folders or names; empty for all students, or else the teacher.
      split: Split of the data.
      json: A further file for the scores, or None.
      out: Folder for scores and plots; None for `<runs>/evaluation`.

    Raises:
      UserError: If a run or the split is missing.
    """
    folders = find_runs(session, runs)
    scored = score_runs(session, folders, split)
    console = session.console
    console.print(f"{' + '.join(scored.runs)} on {split}", style="bold", markup=False)
    for table in (report.summary_table, report.class_table, report.unit_table):
        console.print(table(scored.scores, scored.intervals))
    if not session.faces.manifest.subjects_known:
        console.print(
            "The data do not say who is shown: people may be in several splits, and "
            "the intervals are by picture.",
            soft_wrap=True,
        )
    folder = pathlib.Path(out) if out else session.run("evaluation")
    write_scores(folder / "scores.json", scored)
    write_plots(folder, session, scored)
    if json:
        write_scores(pathlib.Path(json), scored)
    for what, path in (("scores", json or folder / "scores.json"), ("plots", folder)):
        console.print(f"{what:>8}: {path}", highlight=False, soft_wrap=True)


def find_runs(session: Session, names: Sequence[str]) -> list[pathlib.Path]:
    """Returns the folders of the named runs; by default all students or the teacher.

    Raises:
      UserError: If a run has no weights.
    """
    chosen = list(names) or session.students() or [TEACHER]
    folders = []
    for name in chosen:
        inside = session.run(name)
        folder = inside if checkpoints.has_best(inside) else pathlib.Path(name)
        if not checkpoints.has_best(folder):
            there = [path.name for path in session.folder.glob("*") if path.is_dir()]
            raise UserError(
                "A run must have been trained. "
                f"Received: {name}, which is no trained run. In {session.folder} are: "
                f"{', '.join(sorted(there)) or 'none'}. Run --mode=teacher first.",
                exit_code=2,
            )
        folders.append(folder)
    return folders


def score_runs(session: Session, folders: Sequence[pathlib.Path], split: str) -> Scored:
    """Returns the scores of runs, averaged as one ensemble, in float32.

    Raises:
      UserError: If the runs disagree in their labels, or the split is empty.
    """
    members = []
    for folder in folders:
        model, config = session_lib.trained_model(folder)
        taxonomy = config.taxonomy
        if taxonomy != session.config.taxonomy:
            raise UserError(
                "A run must have the labels of the data. "
                f"Received: {folder} with taxonomy {taxonomy}, for data with "
                f"{session.config.taxonomy}. Choose the data it was trained on.",
                exit_code=2,
            )
        faces = dataclasses.replace(
            session.faces, image_size=config.architecture.image_size
        )
        dataset = _split(faces, split, config.evaluation_batch_size)
        members.append(predictions_lib.collect([scorer(model, config.tasks)], dataset))
    predictions = predictions_lib.average(members)
    taxonomy = session.config.taxonomy
    return Scored(
        runs=tuple(folder.name for folder in folders),
        split=split,
        predictions=predictions,
        scores=score(predictions, taxonomy),
        intervals=bootstrap.intervals(predictions, taxonomy),
    )


def _split(faces: Faces, split: str, batch_size: int) -> tf.data.Dataset:
    if split not in faces.manifest.splits:
        raise UserError(
            "--split must be one that the data have. "
            f"Received: --split={split}. Choose from {faces.manifest.splits}.",
            exit_code=2,
        )
    return faces.evaluation(split, batch_size)


def write_scores(path: pathlib.Path, scored: Scored) -> None:
    """Writes scores, intervals and protocol as one JSON file."""
    protocol = {
        "runs": list(scored.runs),
        "split": scored.split,
        "action_unit_threshold": DEFAULT_THRESHOLD,
        "overall": "sum over tasks of the challenge scores of ABAW 2020 and 2021",
    }
    report.write_json(path, scored.scores, scored.intervals, protocol)


def write_plots(folder: pathlib.Path, session: Session, scored: Scored) -> None:
    """Writes confusion, action-unit, valence-arousal and face plots as PNG files."""
    figures = plots.score_figures(
        scored.scores, scored.predictions, scored.intervals.values
    )
    count = min(_FACES, len(scored.predictions))
    batch = next(iter(session.faces.evaluation(scored.split, count)))
    figures["faces"] = face_figure(
        batch.inputs["image"].numpy(),
        scored.predictions.select(np.arange(count)),
        session.config.taxonomy,
    )
    for name, figure in figures.items():
        files.write_bytes(folder / f"{name}.png", plots.figure_to_png(figure))
