"""The latest state of a run, the best weights of a run, and nothing half-written."""

from __future__ import annotations

import hashlib
import pathlib
from typing import Any

import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.training.trainer import Trainer

_FOLDER = "checkpoints"


class RunState:
    """What changes during a run besides weights and step, as variables.

    Attributes:
      epoch: int64, epochs trained and evaluated.
      best: float64, the best overall score so far; -inf before the first.
      best_epoch: int64, the epoch (from 1) that reached it; 0 before the first.
      finished: bool, whether the run has ended, early or not.
    """

    def __init__(self) -> None:
        self.epoch = _state(0, tf.int64)
        self.best = _state(float("-inf"), tf.float64)
        self.best_epoch = _state(0, tf.int64)
        self.finished = _state(False, tf.bool)

    @property
    def stale_epochs(self) -> int:
        """Epochs since the best one."""
        return int(self.epoch) - int(self.best_epoch)


def _state(value: float | bool, dtype: tf.DType) -> tf.Variable:
    return tf.Variable(value, dtype=dtype, trainable=False)


class Checkpoints:
    """Checkpoints of one run, in `<run>/checkpoints/{latest,best}`.

    `latest` holds everything that a run needs to go on as if it had never stopped;
    `best` holds the weights alone.
    """

    def __init__(self, run: pathlib.Path, trainer: Trainer, state: RunState) -> None:
        everything = tf.train.Checkpoint(
            model=trainer.model,
            optimizer=trainer.optimizer,
            task_weights=trainer.objective.weighting,
            step=trainer.step,
            epoch=state.epoch,
            best=state.best,
            best_epoch=state.best_epoch,
            finished=state.finished,
        )
        folder = run / _FOLDER
        self._latest = tf.train.CheckpointManager(everything, folder / "latest", 2)
        weights = tf.train.Checkpoint(model=trainer.model)
        self._best = tf.train.CheckpointManager(weights, folder / "best", 1)

    def resume(self) -> bool:
        """Restores the latest state; False where there is none.

        Raises:
          UserError: If the checkpoint cannot be read or is of another model.
        """
        path = self._latest.latest_checkpoint
        if path is None:
            return False
        try:
            self._latest.checkpoint.restore(path).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise UserError(
                "A checkpoint must be whole and of this model. "
                f"Received: {path} ({_first_line(error)}). Delete the run's folder, or "
                "choose another --workdir."
            ) from error
        return True

    def save_latest(self) -> None:
        """Writes the whole state; the one before stays until this one is whole."""
        self._latest.save()

    def save_best(self, epoch: int) -> None:
        """Writes the weights as the best ones, those of an epoch.

        The number makes it another file than the best so far, which must stay until
        this one is whole.
        """
        self._best.save(checkpoint_number=epoch)


def save_weights(model: tf.keras.Model, run: pathlib.Path) -> None:
    """Writes weights that nobody trained as the best ones of a run."""
    weights = tf.train.Checkpoint(model=model)
    folder = run / _FOLDER / "best"
    tf.train.CheckpointManager(weights, folder, 1).save(checkpoint_number=0)


def load_best(model: tf.keras.Model, run: pathlib.Path) -> None:
    """Fills `model`, of any precision policy, with the best weights of a run.

    Raises:
      UserError: If the run has none, or they are of another model.
    """
    path = tf.train.latest_checkpoint(run / _FOLDER / "best")
    if path is None:
        raise UserError(
            "A run must have a checkpoint before its model is used. "
            f"Received: {run}, which has none. Train it first, or check the path."
        )
    try:
        status = tf.train.Checkpoint(model=model).restore(path)
        status.assert_existing_objects_matched().expect_partial()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise UserError(
            "A checkpoint must be whole and of the model of its config. "
            f"Received: {path} ({_first_line(error)}). Check the run's config.txt."
        ) from error


def has_any(run: pathlib.Path) -> bool:
    """Whether a run holds anything that was trained."""
    folder = run / _FOLDER
    return has_best(run) or tf.train.latest_checkpoint(folder / "latest") is not None


def is_finished(run: pathlib.Path) -> bool:
    """Whether a run has been trained to its end, early or not."""
    return has_best(run) and bool(_state_of(run, "finished", False))


def best_score(run: pathlib.Path) -> float:
    """Returns the overall validation score of a run's best epoch; -inf before one."""
    return float(_state_of(run, "best", float("-inf")))


def _state_of(run: pathlib.Path, name: str, default: Any) -> Any:
    """Returns a variable of a run's latest state, or a default without one."""
    path = tf.train.latest_checkpoint(run / _FOLDER / "latest")
    if path is None:
        return default
    stored = tf.train.load_checkpoint(path)
    return stored.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE")


def digest(run: pathlib.Path) -> str:
    """Returns a checksum of a run's best weights."""
    path = tf.train.latest_checkpoint(run / _FOLDER / "best")
    content = hashlib.sha256()
    for part in sorted(pathlib.Path(path).parent.glob(f"{pathlib.Path(path).name}.*")):
        content.update(part.read_bytes())
    return content.hexdigest()[:16]


def has_best(run: pathlib.Path) -> bool:
    """Whether a run holds weights that `load_best` can read."""
    return tf.train.latest_checkpoint(run / _FOLDER / "best") is not None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
