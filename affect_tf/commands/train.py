"""`--mode=teacher` and `--mode=student`."""

from __future__ import annotations

import dataclasses

import rich.table

from affect_tf.commands import evaluate
from affect_tf.commands import new_models
from affect_tf.commands import run_folder
from affect_tf.commands import run_lock
from affect_tf.commands import run_models
from affect_tf.commands import towers
from affect_tf.commands.evaluate import Scored
from affect_tf.commands.session import Session
from affect_tf.commands.session import TEACHER
from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data.windows import Windows
from affect_tf.errors import UserError
from affect_tf.evaluation import bootstrap
from affect_tf.evaluation import report
from affect_tf.training import assembly
from affect_tf.training import checkpoints
from affect_tf.training import precision
from affect_tf.training.fit import fit

_SPLIT = "validation"


def teacher(session: Session, overwrite: bool = False) -> None:
    """Trains the teacher, or finishes it, and shows its validation scores.

    Raises:
      UserError: If the data have no validation split, or the folder holds another
        run.
    """
    train_teacher(session, overwrite)
    scored = evaluate.score(session, [session.run(TEACHER)], _SPLIT)
    evaluate.write_scores(session.run(TEACHER) / "scores.json", scored)
    session.console.print(report.summary_table(scored.scores, scored.intervals))
    _show_places(session, TEACHER)
    if session.config.student is not None:
        session.say("Next: the student, by the same command with --mode=student")


def student(session: Session, overwrite: bool = False) -> None:
    """Trains the students, or finishes them, and shows them beside their teacher.

    Raises:
      UserError: If the config has no student stage, or there is no finished teacher
        with the same labels.
    """
    config = session.config
    if config.student is None:
        raise UserError(
            "A config must have a student stage for --mode=student. "
            f"Received: --config={config.name}, which has none. Use --mode=teacher.",
            exit_code=2,
        )
    _check_teacher(session)
    names = student_names(config)
    for number in range(config.num_students):
        train_student(session, number, overwrite)
    scored = {
        name: evaluate.score(session, [session.run(name)], _SPLIT)
        for name in (TEACHER, *names)
    }
    for name in names:
        evaluate.write_scores(session.run(name) / "scores.json", scored[name])
    if len(names) > 1:
        scored["ensemble"] = evaluate.ensemble(session, [scored[n] for n in names])
        evaluate.write_scores(session.folder / "ensemble.json", scored["ensemble"])
        session.console.print(_columns(scored))
    last = list(scored)[-1]
    comparison = bootstrap.compare(
        scored[TEACHER].predictions, scored[last].predictions, config.taxonomy
    )
    session.console.print(report.comparison_table(comparison, (TEACHER, last)))
    _show_places(session, names[-1])
    if config.architecture.temporal is None:
        session.say("Next: a SavedModel, by the same command with --mode=export")
    else:
        session.say("Next: plots and intervals, by the same command, --mode=evaluate")


def train_teacher(session: Session, overwrite: bool = False) -> None:
    """Trains the teacher to its end; a finished one is left as it is."""
    _train(session, TEACHER, session.config.teacher, session.config.seed, overwrite)


def train_student(session: Session, number: int, overwrite: bool = False) -> None:
    """Trains a student of the finished teacher, as `train_teacher` does."""
    config = session.config
    seed = config.seed + 1 + number
    _train(session, f"student-{number}", config.student, seed, overwrite)


def student_names(config: ExperimentConfig) -> list[str]:
    """Returns the names of the runs of a config's students."""
    return [f"student-{number}" for number in range(config.num_students)]


def _check_teacher(session: Session) -> None:
    """Raises UserError unless a finished teacher of the same outputs is there."""
    run, config = session.run(TEACHER), session.config
    if not checkpoints.is_finished(run):
        state = "is not finished" if checkpoints.has_any(run) else "is not there"
        raise UserError(
            f"A student must have a finished teacher. Received: {run}, which {state}. "
            "Run the same command with --mode=teacher first.",
            exit_code=2,
        )
    guide = run_folder.stored_config(run)
    for what, theirs, ours in (
        ("labels", guide.taxonomy, config.taxonomy),
        ("picture size", guide.architecture.image_size, config.architecture.image_size),
        ("logits", _logits(guide), _logits(config)),
    ):
        if theirs != ours:
            raise UserError(
                f"A teacher must have the {what} of its student. "
                f"Received: {theirs} for {ours}. Train a teacher with this config and "
                "these data, in another --workdir.",
                exit_code=2,
            )


def _logits(config: ExperimentConfig) -> dict[str, int]:
    return {task.name: task.num_logits(config.taxonomy) for task in config.tasks}


def _columns(systems: dict[str, Scored]) -> rich.table.Table:
    """Returns a table of the headline scores with one system a column."""
    table = rich.table.Table(title=_SPLIT, title_justify="left", box=None)
    table.add_column("metric")
    for name in systems:
        table.add_column(name, justify="right")
    headlines = [scored.scores.headline() for scored in systems.values()]
    for metric in headlines[0]:
        numbers = (values.get(metric) for values in headlines)
        cells = ("–" if value is None else f"{value:.3f}" for value in numbers)
        table.add_row(metric, *cells)
    return table


def _train(
    session: Session, name: str, stage: Stage, seed: int, overwrite: bool
) -> None:
    """Trains one run to its end, alone; a finished one is left as it is."""
    run = session.run(name)

    def waiting() -> None:
        session.say(f"Another process trains {run}; waiting for it to end")

    with run_lock.alone(run.with_name(f".{run.name}.lock"), waiting):
        _train_alone(session, name, stage, seed, overwrite)


def _train_alone(
    session: Session, name: str, stage: Stage, seed: int, overwrite: bool
) -> None:
    config, run, manifest = session.config, session.run(name), session.faces.manifest
    if _SPLIT not in manifest.splits:
        raise UserError(
            f"A data folder must have a {_SPLIT} split, which chooses the best epoch. "
            f"Received: splits={manifest.splits}. Build the data with one."
        )
    try:
        steps = session.faces.steps_per_epoch(
            config.sources, config.batch_size, config.batching
        )
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    chosen = precision.choose(config.precision)
    config = dataclasses.replace(config, precision=chosen.policy)
    model = new_models.new_model(config, chosen.policy, seed, manifest.features)
    guide = None
    if name != TEACHER:
        guide = run_models.trained_model(session.run(TEACHER), chosen.policy, manifest)
    if overwrite:
        run_folder.discard(run)
    run_folder.claim(run, _of_run(config, name), _facts(session, name, seed), manifest)
    if guide is not None and stage.start_from_teacher:
        checkpoints.load_best(model, session.run(TEACHER))
    kind = "windows" if isinstance(config.windows, Windows) else "faces"
    session.say(
        f"{name}: {model.count_params() / 1e6:.1f} M parameters, {stage.epochs} epochs "
        f"of {steps} steps of {config.batch_size} {kind}, in {chosen.policy} "
        f"({chosen.reason})"
    )
    outcome = fit(
        trainer=assembly.build(model, config, stage, steps, guide),
        stage=stage,
        config=config,
        faces=session.faces,
        seed=seed,
        run=run,
        name=name,
        console=session.console,
    )
    if outcome.was_finished:
        session.say(
            f"{name} is finished already, after {outcome.epochs} epochs "
            "(--overwrite trains it anew)"
        )
    elif outcome.epochs < stage.epochs:
        session.say(f"{name}: stopped early; epoch {outcome.best_epoch} was the best")


def _of_run(config: ExperimentConfig, name: str) -> ExperimentConfig:
    """Returns the config without what does not bear on one run."""
    config = dataclasses.replace(config, num_students=1)
    return dataclasses.replace(config, student=None) if name == TEACHER else config


def _facts(session: Session, name: str, seed: int) -> dict[str, str]:
    """Returns what must stay the same for a run to go on, besides its config."""
    facts = {"seed": str(seed)}
    if not session.faces.manifest.features:
        facts |= towers.digests(session.config)
    if name != TEACHER:
        facts["teacher"] = checkpoints.digest(session.run(TEACHER))
    return facts


def _show_places(session: Session, name: str) -> None:
    run = session.run(name)
    for what, path in (
        ("scores", run / "scores.json"),
        ("weights", run / "checkpoints" / "best"),
        ("config", run / "config.txt"),
    ):
        session.say(f"{what:>12}: {path}")
    session.say(f" TensorBoard: tensorboard --logdir={session.folder}")
