"""Balanced against imbalanced data, one task at a time: Deng et al. 2020, Table I.

The data must say how often each sample is to be drawn (`--balance_as=weights` of the
builder, for each task):

  python main.py --mode=study --study=deng_table1 --data=DIR

The paper's lower rows add other data sets before they balance; here the two arms of a
task have the same samples, and only the drawing differs. No prior correction anywhere.
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.data.sources import Source
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import deng2020_small
from configs.studies import deng_figure5

_PAPER = {
    ("au", False): {"au/challenge": 0.5465},
    ("au", True): {"au/challenge": 0.5802},
    ("expr", False): {"expr/challenge": 0.3399},
    ("expr", True): {"expr/challenge": 0.4243},
    ("va", False): {"va/valence_ccc": 0.2406, "va/arousal_ccc": 0.4178},
    ("va", True): {"va/valence_ccc": 0.2438, "va/arousal_ccc": 0.4027},
}


def study() -> Study:
    """Returns the study."""
    tasks = ("au", "expr", "va")
    return Study(
        title="Balanced and imbalanced data, one task at a time",
        arms=tuple(
            _arm(task, balanced) for task in tasks for balanced in (False, True)
        ),
        comparisons=tuple(
            Comparison(_name(task, False), _name(task, True)) for task in tasks
        ),
        metrics=(
            "au/challenge",
            "au/f1",
            "expr/challenge",
            "expr/f1",
            "va/valence_ccc",
            "va/arousal_ccc",
        ),
        source="Deng et al. 2020, Table I",
        expectation=(
            "balancing helps action units and expressions by a wide margin, and does "
            "next to nothing for valence and arousal"
        ),
    )


def _arm(task: str, balanced: bool) -> Arm:
    paper = _PAPER[task, balanced]
    return Arm(_name(task, balanced), _config(task, balanced), paper=paper)


def _name(task: str, balanced: bool) -> str:
    return f"{task}, {'balanced' if balanced else 'imbalanced'}"


def _config(task: str, balanced: bool) -> ExperimentConfig:
    config = deng_figure5.cheap(deng2020_small.config())
    return dataclasses.replace(
        config,
        name="deng2020_one_task",
        tasks=tuple(each for each in config.tasks if each.name == task),
        sources=(Source(task, task=task, balanced=balanced),),
        student=None,
        prior_correction=0.0,
        # A task's part of the batch of three.
        batch_size=config.batch_size // 3,
    )
