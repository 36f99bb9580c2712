"""What a study compares: named arms, the differences of interest, and the metrics.

A study is written as configs are, in Python, in a file with `study() -> Study`:

    def study() -> Study:
        config = deng2020_small.config()
        return Study(
            title="One student after its teacher",
            arms=(Arm("teacher", config), Arm("student", config, "student")),
            comparisons=(Comparison("teacher", "student"),),
            metrics=("expr/f1", "overall"),
            source="Deng et al. 2020, Figure 5",
            expectation="the student is better than its teacher",
        )

Arms whose configs are equal share their runs; the name, the seed and the number of
students of a config do not make it another one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Mapping

from affect_tf.config import ExperimentConfig
from affect_tf.evaluation.scores import headline_names
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import TASKS

#: What an arm may score: the teacher, the students one by one (their mean), or the
#: average of what the students say.
SYSTEMS = ("teacher", "student", "ensemble")
#: The metrics that a study may name.
METRICS = headline_names(TASKS)
#: Seed n of a study is this times n, and student i of it adds i + 1: as long as there
#: are fewer students than this, no two runs of a config share a seed.
SEED_STEP = 100


@dataclasses.dataclass(frozen=True)
class Arm:
    """One system of a study.

    Attributes:
      name: As it stands in the table.
      config: How it is trained; `seed` is replaced by those of the study.
      system: "teacher", "student" (the mean over the students of a seed) or
        "ensemble" (all students of a seed as one model).
      cnn: The arm whose network gives what `config` reads, where `config` models time
        (`architecture.temporal`): its teacher, or its first student. It need not be
        among the arms of the study. None where `config` reads the data themselves.
      paper: {metric: what the paper reports}.
    """

    name: str
    config: ExperimentConfig
    system: str = "teacher"
    cnn: Arm | None = None
    paper: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks what would otherwise be found after hours of training."""
        if not self.name.strip() or len(self.name.splitlines()) != 1:
            raise ValueError(
                "Arm.name must be one line of text. "
                f"Received: name={self.name!r}. Name the system as a table would."
            )
        if self.system not in SYSTEMS:
            raise ValueError(
                f"Arm.system must be one of {', '.join(SYSTEMS)}. Received: "
                f"system={self.system!r} in arm {self.name!r}. "
                f"{closest(self.system, SYSTEMS)}"
            )
        if self.system != "teacher" and self.config.student is None:
            raise ValueError(
                f"Arm.config must have a student stage for system={self.system!r}. "
                f"Received: student=None in arm {self.name!r}. Use system='teacher'."
            )
        fewest = 2 if self.system == "ensemble" else 1
        if not fewest <= self.config.num_students < SEED_STEP:
            raise ValueError(
                f"Arm.config must have {fewest} to {SEED_STEP - 1} students for "
                f"system={self.system!r}. Received: num_students="
                f"{self.config.num_students} in arm {self.name!r}. Replace that field."
            )
        self._check_cnn()
        _check_metrics(f"Arm.paper of {self.name!r}", tuple(self.paper))
        for metric, value in self.paper.items():
            if not math.isfinite(value):
                raise ValueError(
                    "Arm.paper must hold finite numbers. Received: "
                    f"{metric}={value} in arm {self.name!r}. Leave it out."
                )

    def _check_cnn(self) -> None:
        if self.cnn is None:
            return
        if self.config.architecture.temporal is None:
            raise ValueError(
                "Arm.cnn must come with a config that models time. Received: "
                f"architecture.temporal=None in arm {self.name!r}. Give the config an "
                "architecture with `temporal`, or set cnn=None."
            )
        if self.cnn.system == "ensemble" or self.cnn.cnn is not None:
            raise ValueError(
                "Arm.cnn must be one network that reads pictures. Received: arm "
                f"{self.cnn.name!r} as the cnn of {self.name!r}. Use its teacher or "
                "its student."
            )

    @property
    def tasks(self) -> tuple[str, ...]:
        """What the arm predicts, unless the data lack the labels."""
        return tuple(task.name for task in self.config.tasks)

    def map_configs(
        self, change: Callable[[ExperimentConfig], ExperimentConfig]
    ) -> Arm:
        """Returns the arm with its config, and that of its network, changed."""
        cnn = None if self.cnn is None else self.cnn.map_configs(change)
        return dataclasses.replace(self, config=change(self.config), cnn=cnn)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two arms whose difference, `arm` minus `baseline`, is of interest.

    Attributes:
      baseline: Name of the arm that is compared with.
      arm: Name of the other.
    """

    baseline: str
    arm: str


@dataclasses.dataclass(frozen=True)
class Study:
    """Arms, comparisons and metrics, over several seeds.

    Attributes:
      title: What is compared.
      arms: The systems, in the order of the table.
      comparisons: The differences of interest; none where only levels are.
      metrics: Names of `Scores.headline()`, such as "expr/f1", "va/valence_ccc" or
        "overall". An arm that does not predict the task of a metric has no number.
        "overall" and "abaw3" add up the tasks that an arm predicts: they compare arms
        of the same tasks only, and where two differ no difference is told.
      seeds: Runs of each arm, with seeds 1, 2, ...; at least 2 give a spread.
      source: Paper and table.
      expectation: What the paper found.
    """

    title: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...] = ()
    metrics: tuple[str, ...] = ("overall",)
    seeds: int = 3
    source: str = ""
    expectation: str = ""

    def __post_init__(self) -> None:
        """Checks the names and the counts."""
        names = tuple(arm.name for arm in self.arms)
        if not names or len(set(names)) != len(names):
            raise ValueError(
                "Study.arms must hold at least one arm, each with its own name. "
                f"Received: {names}. Rename or remove the repeated ones."
            )
        for comparison in self.comparisons:
            for name in (comparison.baseline, comparison.arm):
                if name not in names:
                    raise ValueError(
                        "Study.comparisons must name arms of the study. "
                        f"Received: {name!r}. {closest(name, names)}"
                    )
            if comparison.baseline == comparison.arm:
                raise ValueError(
                    "Study.comparisons must be of two arms. "
                    f"Received: {comparison.arm!r} twice. Name another baseline."
                )
        if not self.metrics or len(set(self.metrics)) != len(self.metrics):
            raise ValueError(
                "Study.metrics must hold each metric once, and at least one. "
                f"Received: metrics={self.metrics}. Name for example 'overall'."
            )
        _check_metrics("Study.metrics", self.metrics)
        predicted = {task for arm in self.arms for task in arm.tasks}
        for metric in self.metrics:
            if "/" in metric and metric.partition("/")[0] not in predicted:
                raise ValueError(
                    "Study.metrics must be of tasks that some arm predicts. "
                    f"Received: {metric!r} for tasks {sorted(predicted)}. Leave it out."
                )
        if self.seeds < 1:
            raise ValueError(
                "Study.seeds must be at least 1. "
                f"Received: seeds={self.seeds}. Three or more give a useful spread."
            )

    def map_configs(
        self, change: Callable[[ExperimentConfig], ExperimentConfig]
    ) -> Study:
        """Returns the study with every config changed, as by `--set`."""
        arms = tuple(arm.map_configs(change) for arm in self.arms)
        return dataclasses.replace(self, arms=arms)


def _check_metrics(what: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in METRICS:
            raise ValueError(
                f"{what} must be names of metrics. "
                f"Received: {name!r}. {closest(name, METRICS)}"
            )
