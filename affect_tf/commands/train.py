"""`--mode=teacher` and `--mode=student`."""

from __future__ import annotations

import rich.table

from affect_tf.commands import evaluate
from affect_tf.commands import session as session_lib
from affect_tf.commands.session import Session
from affect_tf.commands.session import TEACHER
from affect_tf.config import Stage
from affect_tf.errors import UserError
from affect_tf.evaluation import bootstrap
from affect_tf.evaluation import report
from affect_tf.evaluation.scores import Scores
from affect_tf.objective.objective import Objective
from affect_tf.training import checkpoints
from affect_tf.training import precision
from affect_tf.training import schedules
from affect_tf.training.fit import fit
from affect_tf.training.trainer import Trainer


def teacher(session: Session, overwrite: bool = False) -> None:
    """Trains the teacher, or finishes it, and shows its validation scores."""
    _train(session, TEACHER, session.config.teacher, session.config.seed, overwrite)
    scored = evaluate.score_runs(session, [session.run(TEACHER)], "validation")
    evaluate.write_scores(session.run(TEACHER) / "scores.json", scored)
    console = session.console
    console.print(report.summary_table(scored.scores, scored.intervals))
    _show_places(session, TEACHER)
    if session.config.student is not None:
        console.print("Next: the student, by the same command with --mode=student")


def student(session: Session, overwrite: bool = False) -> None:
    """Trains the students, or finishes them, and shows them beside their teacher.

    Raises:
      UserError: If the config has no student stage, or there is no teacher yet.
    """
    config = session.config
    if config.student is None:
        raise UserError(
            "A config must have a student stage for --mode=student. "
            f"Received: --config={config.name}, which has none. Use --mode=teacher.",
            exit_code=2,
        )
    if not checkpoints.has_best(session.run(TEACHER)):
        raise UserError(
            "A student must have a teacher. "
            f"Received: {session.run(TEACHER)}, which holds no trained one. "
            "Run the same command with --mode=teacher first.",
            exit_code=2,
        )
    names = [f"student-{number}" for number in range(config.num_students)]
    for number, name in enumerate(names):
        _train(session, name, config.student, config.seed + 1 + number, overwrite)
    runs = {name: [session.run(name)] for name in (TEACHER, *names)}
    if len(names) > 1:
        runs["ensemble"] = [session.run(name) for name in names]
    scored = {
        name: evaluate.score_runs(session, folders, "validation")
        for name, folders in runs.items()
    }
    for name in names:
        evaluate.write_scores(session.run(name) / "scores.json", scored[name])
    last = list(scored)[-1]
    comparison = bootstrap.compare(
        scored[TEACHER].predictions, scored[last].predictions, config.taxonomy
    )
    console = session.console
    if len(names) > 1:
        console.print(_columns({name: one.scores for name, one in scored.items()}))
    console.print(report.comparison_table(comparison, (TEACHER, last)))
    _show_places(session, names[-1])
    console.print("Next: a SavedModel, by the same command with --mode=export")


def _columns(systems: dict[str, Scores]) -> rich.table.Table:
    """Returns a table of the headline scores with one system a column."""
    table = rich.table.Table(title="validation", title_justify="left", box=None)
    table.add_column("metric")
    for name in systems:
        table.add_column(name, justify="right")
    headlines = [scores.headline() for scores in systems.values()]
    for metric in headlines[0]:
        numbers = (values.get(metric) for values in headlines)
        cells = ("–" if value is None else f"{value:.3f}" for value in numbers)
        table.add_row(metric, *cells)
    return table


def _train(
    session: Session, name: str, stage: Stage, seed: int, overwrite: bool
) -> None:
    """Trains one run to its end; a finished one is left as it is."""
    console, config, run = session.console, session.config, session.run(name)
    try:
        chosen = precision.choose(config.precision)
        steps = session.faces.steps_per_epoch(config.sources, config.batch_size)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    session_lib.claim(session, name, seed, overwrite)
    model = session_lib.new_model(config, chosen.policy, seed)
    guide = None
    if name != TEACHER:
        guide = session_lib.new_model(config, chosen.policy, seed)
        checkpoints.load_best(guide, session.run(TEACHER))
        if stage.start_from_teacher:
            model.set_weights(guide.get_weights())
    console.print(
        f"{name}: {model.count_params() / 1e6:.1f} M parameters, {stage.epochs} epochs "
        f"of {steps} steps of {config.batch_size} faces, in {chosen.policy} "
        f"({chosen.reason})",
        highlight=False,
        soft_wrap=True,
    )
    rate = schedules.PerStep(stage.learning_rate, steps, stage.epochs)
    trainer = Trainer(
        model,
        Objective(config.tasks, stage.mix),
        config.optimizer.build(rate),
        teacher=guide,
    )
    outcome = fit(
        trainer=trainer,
        stage=stage,
        config=config,
        faces=session.faces,
        seed=seed,
        run=run,
        name=name,
        console=console,
    )
    if outcome.was_finished:
        console.print(
            f"{name} is finished already, after {outcome.epochs} epochs "
            "(--overwrite trains it anew)"
        )
    elif outcome.epochs < stage.epochs:
        console.print(
            f"{name}: stopped early, epoch {outcome.best_epoch} remained the best"
        )


def _show_places(session: Session, name: str) -> None:
    run = session.run(name)
    for what, path in (
        ("scores", run / "scores.json"),
        ("weights", run / "checkpoints" / "best"),
        ("config", run / "config.txt"),
    ):
        session.console.print(f"{what:>12}: {path}", highlight=False, soft_wrap=True)
    session.console.print(
        f" TensorBoard: tensorboard --logdir={session.folder}",
        highlight=False,
        soft_wrap=True,
    )
