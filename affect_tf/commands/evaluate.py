"""`--mode=evaluate`: honest scores of one run, or of several as an ensemble."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from affect_tf import files
from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.commands.session import Session
from affect_tf.commands.session import TEACHER
from affect_tf.data import input_pipeline
from affect_tf.errors import UserError
from affect_tf.evaluation import bootstrap
from affect_tf.evaluation import calibration
from affect_tf.evaluation import plots
from affect_tf.evaluation import predictions as predictions_lib
from affect_tf.evaluation import report
from affect_tf.evaluation.evaluator import evaluate as score_predictions
from affect_tf.evaluation.faces import face_figure
from affect_tf.evaluation.faces import pictures
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
      members: The overall score of each run alone.
    """

    runs: tuple[str, ...]
    split: str
    predictions: Predictions
    scores: Scores
    intervals: bootstrap.Intervals
    members: tuple[float | None, ...]

    @property
    def spread(self) -> dict[str, float]:
        """Mean standard deviation of each task's scores over the members."""
        spread = self.predictions.spread or {}
        return {task: float(values.mean()) for task, values in spread.items()}


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
      out: Folder for scores and plots; None for one in `<runs>/evaluation`.

    Raises:
      UserError: If a run or the split is missing.
    """
    folders = find_runs(session, runs)
    session = in_words_of(session, folders)
    scored = score(session, folders, split)
    console, manifest = session.console, session.faces.manifest
    label = "+".join(scored.runs)
    console.print(f"{label} on {split}", style="bold", markup=False)
    if scored.scores.tasks:
        for table in (report.summary_table, report.class_table, report.unit_table):
            console.print(table(scored.scores, scored.intervals))
    else:
        session.say("No frame is labelled: there are predictions, but no scores.")
    if "expr" in scored.scores.tasks:
        session.say(calibration.fit(scored.predictions, split).summary)
    for task, value in scored.spread.items():
        session.say(f"spread of {task} over {len(scored.runs)} members: {value:.4f}")
    if not manifest.subjects_known:
        session.say(
            "The data do not say who is shown: people may be in several splits, and "
            "the intervals are by picture."
        )
    folder = pathlib.Path(out) if out else session.folder / "evaluation" / split / label
    write_scores(folder / "scores.json", scored)
    if json:
        write_scores(pathlib.Path(json), scored)
    write_plots(folder, session, scored)
    scored.predictions.save(folder / "predictions.npz", session.config.taxonomy)
    session.say(f"  scores: {json or folder / 'scores.json'}")
    session.say(f"   plots: {folder}, with predictions.npz row by row")


def find_runs(session: Session, names: Sequence[str]) -> list[pathlib.Path]:
    """Returns the folders of the named runs; by default all students or the teacher.

    Raises:
      UserError: If a run has no weights.
    """
    chosen = list(dict.fromkeys(names)) or session.students() or [TEACHER]
    folders = []
    for name in chosen:
        inside = session.run(name)
        folder = inside if checkpoints.has_best(inside) else pathlib.Path(name)
        if not checkpoints.has_best(folder):
            there = [
                p.name for p in session.folder.glob("*") if checkpoints.has_best(p)
            ]
            raise UserError(
                "A run must have been trained. "
                f"Received: {name}, which is no trained run. In {session.folder} are: "
                f"{', '.join(sorted(there)) or 'none'}. Run --mode=teacher first.",
                exit_code=2,
            )
        folders.append(folder)
    return folders


def in_words_of(session: Session, folders: Sequence[pathlib.Path]) -> Session:
    """Returns the session with the labels of the data in the vocabulary of some runs.

    Labels go from one to the other by name: data may have other units or classes than
    those that a run was trained on, or no labels at all.

    Raises:
      UserError: If the runs have several vocabularies.
    """
    found = {folder: run_folder.stored_config(folder).taxonomy for folder in folders}
    first = next(iter(found.values()))
    for folder, taxonomy in found.items():
        if taxonomy != first:
            raise UserError(
                "Runs of an ensemble must have the same labels. Received: "
                f"{folder} with {taxonomy}, beside {folders[0]} with {first}. "
                "Evaluate them apart.",
                exit_code=2,
            )
    return dataclasses.replace(
        session,
        config=dataclasses.replace(session.config, taxonomy=first),
        faces=dataclasses.replace(session.faces, taxonomy=first),
    )


def score(session: Session, folders: Sequence[pathlib.Path], split: str) -> Scored:
    """Returns the scores of runs on a split, averaged as one ensemble, in float32.

    Raises:
      UserError: If the runs disagree in their labels, or there is no such split.
    """
    members = [_member(session, folder, split) for folder in folders]
    return members[0] if len(members) == 1 else ensemble(session, members)


def ensemble(session: Session, members: Sequence[Scored]) -> Scored:
    """Returns the scores of the average of models that were scored apart.

    Raises:
      UserError: If they score different tasks.
    """
    try:
        predictions = predictions_lib.average([one.predictions for one in members])
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    runs = tuple(run for member in members for run in member.runs)
    overall = tuple(member.scores.overall for member in members)
    return _scored(session, runs, members[0].split, predictions, overall)


def _member(session: Session, folder: pathlib.Path, split: str) -> Scored:
    config = run_folder.stored_config(folder)
    manifest = session.faces.manifest
    if split not in manifest.splits:
        raise UserError(
            "--split must be one that the data have. "
            f"Received: --split={split}. Choose from {manifest.splits}.",
            exit_code=2,
        )
    faces = run_models.as_seen_by(folder, session.faces, session.config)
    model = run_models.trained_model(folder, data=manifest, cnn=session.config.cnn)
    dataset = faces.evaluation(split, config.evaluation_batch_size)
    predictions = predictions_lib.collect(
        [scorer(model, config.tasks)], input_pipeline.read(dataset)
    )
    expected = manifest.count(split)
    if len(predictions) != expected:
        raise UserError(
            f"A split must have the {expected} faces of its manifest. "
            f"Received: {len(predictions)} from {session.faces.directory}. Run "
            "'python -m tfrecords_builder verify' on it."
        )
    return _scored(session, (folder.name,), split, predictions, ())


def _scored(
    session: Session,
    runs: tuple[str, ...],
    split: str,
    predictions: Predictions,
    members: tuple[float | None, ...],
) -> Scored:
    taxonomy = session.config.taxonomy
    scores = score_predictions(predictions, taxonomy)
    intervals = bootstrap.intervals(predictions, taxonomy)
    return Scored(
        runs, split, predictions, scores, intervals, members or (scores.overall,)
    )


def write_scores(path: pathlib.Path, scored: Scored) -> None:
    """Writes scores, intervals and protocol as one JSON file."""
    protocol = {
        "runs": list(scored.runs),
        "split": scored.split,
        "members_overall": list(scored.members),
        "mean_spread": scored.spread,
        "action_unit_threshold": DEFAULT_THRESHOLD,
        "calibration": calibration.fit(scored.predictions, scored.split).to_json(),
        "overall": "sum over tasks of the challenge scores of ABAW 2020 and 2021",
    }
    report.write_json(path, scored.scores, scored.intervals, protocol)


def write_plots(folder: pathlib.Path, session: Session, scored: Scored) -> None:
    """Writes confusion, action-unit, valence-arousal and face plots as PNG files."""
    figures = plots.score_figures(
        scored.scores, scored.predictions, scored.intervals.values
    )
    if not session.faces.manifest.features:
        count = min(_FACES, len(scored.predictions))
        # One by one, whatever the model sees of them.
        singly = dataclasses.replace(session.faces, windows=None)
        batch = next(input_pipeline.read(singly.evaluation(scored.split, count)))
        images, rows = pictures(batch, count)
        figures["faces"] = face_figure(
            images, scored.predictions.select(rows), session.config.taxonomy
        )
    for name, figure in figures.items():
        files.write_bytes(folder / f"{name}.png", plots.figure_to_png(figure))
