"""One run from its first step, or from where it stopped, to its end."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import rich.console
import tensorflow as tf

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data import input_pipeline
from affect_tf.data.input_pipeline import Faces
from affect_tf.errors import UserError
from affect_tf.evaluation import predictions as predictions_lib
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.objective.tasks import Task
from affect_tf.training import checkpoints
from affect_tf.training.interrupts import Interrupts
from affect_tf.training.progress import Progress
from affect_tf.training.tensorboard import TensorBoard
from affect_tf.training.trainer import NonFiniteLossError
from affect_tf.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
      epochs: Epochs trained, over all its processes.
      best_epoch: The epoch whose weights were kept.
      was_finished: Whether there was nothing left to do.
    """

    epochs: int
    best_epoch: int
    was_finished: bool


def scorer(
    model: tf.keras.Model, tasks: tuple[Task, ...]
) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """Returns the function from batch inputs to decoded scores of each task."""

    @tf.function(reduce_retracing=True)
    def scores(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logits = model(inputs, training=False)
        return {task.name: task.decode(logits[task.name]) for task in tasks}

    return scores


def fit(
    *,
    trainer: Trainer,
    stage: Stage,
    config: ExperimentConfig,
    faces: Faces,
    seed: int,
    run: pathlib.Path,
    name: str,
    console: rich.console.Console,
) -> Outcome:
    """Trains until the last epoch, or until the patience ends.

    Continues from the latest checkpoint in `run` where there is one. After each
    epoch it scores the whole validation split, keeps the weights with the best sum of
    scores, the config's `metric`, and saves the whole state.

    Raises:
      UserError: If the loss stops being finite.
      KeyboardInterrupt: On Ctrl-C or a termination signal, after saving the state.
    """
    state = checkpoints.RunState()
    keeper = checkpoints.Checkpoints(run, trainer, state)
    if keeper.resume():
        if bool(state.finished):
            return Outcome(int(state.epoch), int(state.best_epoch), True)
        console.print(f"{name}: continuing after step {int(trainer.step)}")
    sources = config.sources_of(stage)
    steps = faces.steps_per_epoch(sources, config.batch_size, config.batching)
    score = scorer(trainer.model, config.tasks)
    # Built once: tracing the pipeline costs more than reading a small split.
    validation = faces.evaluation("validation", config.evaluation_batch_size)
    board = TensorBoard(run / "tensorboard", config, validation, int(trainer.step))
    progress = Progress(console, name, stage.epochs * steps, steps, config.metric)
    with progress, board, Interrupts() as interrupts:
        progress.start(int(trainer.step))
        batches = input_pipeline.read(
            faces.training(
                sources,
                config.batch_size,
                config.augmentation,
                seed,
                first_step=int(trainer.step),
                batching=config.batching,
            )
        )
        try:
            while not bool(state.finished):
                remaining = (int(state.epoch) + 1) * steps - int(trainer.step)
                for log in trainer.run(batches, remaining, max(1, min(20, steps // 4))):
                    progress.update(log)
                    board.steps(log, trainer)
                predictions = _collect(score, validation)
                scores = evaluate(predictions, config.taxonomy)
                with interrupts.held():
                    trainer.objective.weighting.update(scores.by_task(config.metric))
                    is_best = _close_epoch(state, stage, scores.sum(config.metric))
                    if is_best:
                        keeper.save_best(int(state.epoch))
                    keeper.save_latest()
                progress.epoch(int(state.epoch), scores, is_best)
                board.epoch(int(trainer.step), scores, predictions)
        except NonFiniteLossError as error:
            raise UserError(str(error)) from error
        except KeyboardInterrupt:
            with interrupts.held():
                keeper.save_latest()
            raise
    return Outcome(int(state.epoch), int(state.best_epoch), False)


def _collect(
    score: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    validation: tf.data.Dataset,
) -> predictions_lib.Predictions:
    try:
        return predictions_lib.collect([score], input_pipeline.read(validation))
    except ValueError as error:
        # A model that diverged between two checks of its loss.
        raise NonFiniteLossError(str(error)) from error


def _close_epoch(
    state: checkpoints.RunState, stage: Stage, score: float | None
) -> bool:
    """Books an epoch's score; returns whether it is the best so far."""
    state.epoch.assign_add(1)
    # Without any validation label the latest weights are the best that is known.
    is_best = score is None or score > float(state.best)
    if is_best:
        state.best.assign(float("-inf") if score is None else score)
        state.best_epoch.assign(state.epoch)
    is_stale = stage.patience is not None and state.stale_epochs >= stage.patience
    state.finished.assign(int(state.epoch) >= stage.epochs or is_stale)
    return is_best
