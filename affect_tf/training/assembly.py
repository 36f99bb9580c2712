"""The trainer of one stage, put together from its config."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from affect_tf.config import ExperimentConfig
from affect_tf.config import Schedule
from affect_tf.config import Stage
from affect_tf.objective.objective import Objective
from affect_tf.training import schedules
from affect_tf.training.pieces import InPieces
from affect_tf.training.trainer import new_step
from affect_tf.training.trainer import Trainer


def build(
    model: tf.keras.Model,
    config: ExperimentConfig,
    stage: Stage,
    steps_per_epoch: int,
    teacher: tf.keras.Model | None = None,
) -> Trainer:
    """Returns the trainer of one stage of a config.

    Learning rate and discriminator's weight follow the steps of the run, not those of
    an optimizer, which may have made fewer.
    """
    step = new_step()

    def per_step(schedule: Schedule) -> schedules.PerStep:
        return schedules.PerStep(schedule, steps_per_epoch, stage.epochs, step)

    rate = per_step(stage.learning_rate)
    if config.separate_optimizers:
        optimizer = {task.name: config.optimizer.build(rate) for task in config.tasks}
    else:
        optimizer = config.optimizer.build(rate)
    adversarial = config.adversarial
    if adversarial is not None and callable(adversarial.weight):
        weight = per_step(adversarial.weight)
        adversarial = dataclasses.replace(adversarial, weight=weight)
    forward = None
    if config.pieces > 1:
        forward = InPieces(config.architecture.temporal, model, config.pieces)
    objective = Objective(config.tasks, stage.mix, stage.weighting, adversarial)
    return Trainer(model, objective, optimizer, teacher, step, forward)
