"""Experiments as frozen Python objects: printed, compared, replaced, read back.

The printed form of an `ExperimentConfig` is Python and is stored beside its
checkpoints; `config_text` reads it back, and changes fields by their path.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import Protocol

from affect_tf import config_checks
from affect_tf.data.augment import Augmentation
from affect_tf.data.batching import Batching
from affect_tf.data.batching import Stratified
from affect_tf.data.past import Past
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.models.build import Architecture
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.tasks import Task
from affect_tf.objective.weighting import ConstantWeighting
from affect_tf.objective.weighting import TaskWeighting

#: What `precision` may be.
PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
#: What `metric` may be: sums over the tasks, as `evaluation.scores` defines them.
METRICS = ("overall", "abaw3")
_COUNTS = (
    *("batch_size", "num_students", "evaluation_batch_size", "shuffle_buffer"),
    "pieces",
)


class Schedule(Protocol):
    """A value that follows the training: a learning rate, or a weight of the loss."""

    def __call__(self, epoch: Any, epochs: int) -> Any:
        """Returns the value at `epoch`, a float in [0, epochs]."""


class OptimizerConfig(Protocol):
    """What makes a Keras optimizer out of a learning-rate schedule."""

    def build(self, learning_rate: Any) -> Any:
        """Returns a `tf.keras.optimizers.Optimizer`."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """How a teacher, or a student, is trained.

    Attributes:
      epochs: Passes over the longest source.
      learning_rate: Schedule over these epochs.
      mix: Coefficients of supervision and distillation.
      patience: Epochs without a better score after which training stops; None trains
        all of them.
      start_from_teacher: Whether a student starts from its teacher's weights; as in
        Deng 2020, students start afresh by default.
      keep_shared: Whether labels beside those of a source's own tasks are used, where
        the source keeps them. Vu et al. 2021 do without them for the teacher (Eq. 7)
        and compare students without (Eq. 9) and with them (Eq. 10).
      weighting: Weights of whole tasks, which may follow the validation scores.
    """

    epochs: int
    learning_rate: Schedule
    mix: CellMix
    patience: int | None = None
    start_from_teacher: bool = False
    keep_shared: bool = True
    weighting: TaskWeighting = ConstantWeighting()

    def __post_init__(self) -> None:
        """Checks the counts."""
        if self.epochs < 1:
            raise ValueError(
                "Stage.epochs must be at least 1. "
                f"Received: epochs={self.epochs}. Give the passes to train for."
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(
                "Stage.patience must be at least 1, or None. "
                f"Received: patience={self.patience}. Use None never to stop early."
            )


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """Everything a run needs besides the data folder and the place for results.

    Attributes:
      name: Short name; runs lie in a folder of this name.
      tasks: What the model predicts; tasks that the taxonomy lacks are left out.
      architecture: Backbone, heads, input size and normalisation.
      sources: The streams of a training batch.
      teacher: The first stage.
      student: The second stage; None where a paper has no teacher.
      optimizer: Optimizer of both stages.
      batch_size: Samples of a training batch, over all the sources that it is made of:
        faces, or windows where there are `windows`.
      taxonomy: Vocabulary of the model; None takes the data's own.
      augmentation: Random changes of training faces.
      prior_correction: How much of the imbalance between expressions in the training
        data the loss takes out, the tau of `SoftmaxCrossEntropy`; 0 is none of it.
      precision: "auto", "float32", "mixed_float16" or "mixed_bfloat16".
      seed: Of weights, shuffling and augmentation; student i adds i + 1.
      num_students: Students of an ensemble.
      pretrained: File of backbone weights, or None for random ones.
      evaluation_batch_size: Faces of an evaluation batch.
      shuffle_buffer: Faces held in memory for shuffling, for each source.
      batching: Which sources give the samples of a batch.
      windows: What of clips makes a sample where `architecture.temporal` models time:
        `Windows`, or `Past` under a `FaceAndSound`; else None.
      cnn: Folder of the run whose network sees the faces below
        `architecture.temporal`, where a model is trained on pictures; None elsewhere.
      sound: Folder of the run, or file of published weights, whose network hears.
      train_cnn: Whether the networks below `architecture.temporal` are trained along;
        those that nothing is named for start from random weights, then.
      separate_optimizers: Whether each task has an optimizer of its own, which moves
        the shared layers too.
      adversarial: The weight of a discriminator that tells from the shared features
        which source a sample is of, behind a reversal of its gradient; None for none.
        Its sources are those that teach some of the tasks; they come first.
      metric: The sum of scores that chooses the best epoch, "overall" or "abaw3"; its
        addends move the `weighting` of a stage.
      pieces: Parts of a batch that the networks below `architecture.temporal` see one
        after the other, so that a large batch fits in memory. The loss is that of the
        whole batch.
    """

    name: str
    tasks: tuple[Task, ...]
    architecture: Architecture
    sources: tuple[Source, ...]
    teacher: Stage
    student: Stage | None
    optimizer: OptimizerConfig
    batch_size: int
    taxonomy: Taxonomy | None = None
    augmentation: Augmentation = Augmentation()
    prior_correction: float = 0.0
    precision: str = "auto"
    seed: int = 0
    num_students: int = 1
    pretrained: str | None = None
    evaluation_batch_size: int = 128
    shuffle_buffer: int = 8192
    batching: Batching = Stratified()
    windows: Windows | Past | None = None
    cnn: str | None = None
    sound: str | None = None
    train_cnn: bool = False
    separate_optimizers: bool = False
    adversarial: Adversarial | None = None
    metric: str = "overall"
    pieces: int = 1

    def __post_init__(self) -> None:
        """Checks what no part can check alone."""
        names = [task.name for task in self.tasks]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                "ExperimentConfig.tasks must hold each task once. "
                f"Received: tasks={names}. Give at least one of expr, au, va."
            )
        if not self.sources:
            raise ValueError(
                "ExperimentConfig.sources must not be empty. Received: sources=(). "
                "Source('all') reads every sample."
            )
        for field, choices in (("precision", PRECISIONS), ("metric", METRICS)):
            value = getattr(self, field)
            if value not in choices:
                raise ValueError(
                    f"ExperimentConfig.{field} must be one of {', '.join(choices)}. "
                    f"Received: {field}={value!r}. {closest(value, choices)}"
                )
        if not 0 <= self.seed < 2**31:
            raise ValueError(
                "ExperimentConfig.seed must lie in [0, 2^31). "
                f"Received: seed={self.seed}. Choose a small whole number."
            )
        for field in _COUNTS:
            if getattr(self, field) < 1:
                raise ValueError(
                    f"ExperimentConfig.{field} must be at least 1. "
                    f"Received: {field}={getattr(self, field)}. Give a whole number."
                )

    def for_data(
        self,
        taxonomy: Taxonomy,
        class_counts: Mapping[str, int],
        labelled: Collection[str] = TASKS,
    ) -> ExperimentConfig:
        """Returns the config with all that the data decide filled in.

        Args:
          taxonomy: Vocabulary of the model; tasks outside it are left out.
          class_counts: Training labels of each expression, for `prior_correction`.
          labelled: Tasks with a training label; others are left out, and with them
            the sources that need them.

        Raises:
          ValueError: If no task, or no source, is left, or fields do not go together.
        """
        config_checks.check_together(self)
        there = [task for task in taxonomy.tasks if task in labelled]
        known = tuple(
            self._corrected(task, taxonomy, class_counts)
            for task in self.tasks
            if task.name in there
        )
        if not known:
            raise ValueError(
                "A config must share a task with its data. "
                f"Received: tasks={[task.name for task in self.tasks]} for taxonomy "
                f"{taxonomy.name!r} with labels of {there}. Choose other tasks or data."
            )
        for task in known:
            # Refuses losses that do not fit the outputs, long before the first step.
            task.num_logits(taxonomy)
        names = {task.name for task in known}
        sources = tuple(
            source for source in self.sources if names.issuperset(source.tasks)
        )
        if not sources:
            raise ValueError(
                "A config must have a source for one of its tasks. "
                f"Received: tasks={sorted(names)}, sources of "
                f"{[source.tasks for source in self.sources]}. Add a source."
            )
        fitted = dataclasses.replace(
            self, taxonomy=taxonomy, tasks=known, sources=sources
        )
        config_checks.check_discriminated(fitted)
        return fitted

    @property
    def num_discriminated(self) -> int:
        """Sources that the discriminator tells apart, the first ones; 0 without it."""
        if self.adversarial is None:
            return 0
        return sum(0 < len(each.tasks) < len(self.tasks) for each in self.sources)

    def sources_of(self, stage: Stage) -> tuple[Source, ...]:
        """Returns the sources as a stage wants them."""
        if stage.keep_shared:
            return self.sources
        return tuple(
            dataclasses.replace(source, keep_shared=source.task is None)
            for source in self.sources
        )

    def _corrected(
        self, task: Task, taxonomy: Taxonomy, class_counts: Mapping[str, int]
    ) -> Task:
        if task.name != "expr" or not self.prior_correction:
            return task
        if not isinstance(task.supervised, SoftmaxCrossEntropy):
            raise ValueError(
                "prior_correction must come with SoftmaxCrossEntropy as the expression "
                f"loss. Received: prior_correction={self.prior_correction} with "
                f"{task.supervised!r}. Set one of the two otherwise."
            )
        if any(source.balanced for source in self.sources if source.task == "expr"):
            raise ValueError(
                "prior_correction must be 0 where the source of expressions is "
                "balanced: its samples are drawn, and no longer in the shares of the "
                f"data. Received: prior_correction={self.prior_correction}. Add --set "
                "prior_correction=0."
            )
        # One more of each, so that a class without a sample has a logarithm.
        counts = [class_counts.get(name, 0) + 1 for name in taxonomy.expressions]
        prior = tuple(round(math.log(n / sum(counts)), 4) for n in counts)
        loss = dataclasses.replace(
            task.supervised, log_prior=prior, tau=self.prior_correction
        )
        return dataclasses.replace(task, supervised=loss)
