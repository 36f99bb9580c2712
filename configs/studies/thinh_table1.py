"""One task, several, and focal loss: Thinh et al. 2021, Tables 1 and 2.

  python main.py --mode=study --study=thinh_table1 --data=DIR

The paper compares single networks of different pretrained weights; here all learn from
scratch. Focal loss is in the last arm only.
"""

import dataclasses

from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import thinh2021_small
from configs.studies import deng_figure5


def study() -> Study:
    """Returns the study."""
    focal = deng_figure5.cheap(thinh2021_small.config())
    expr, au = focal.tasks
    plain = dataclasses.replace(expr, supervised=SoftmaxCrossEntropy())
    multitask = dataclasses.replace(focal, tasks=(plain, au))
    return Study(
        title="Expressions and action units, alone and together",
        arms=(
            Arm(
                "EXPR alone",
                dataclasses.replace(
                    focal, tasks=(plain,), sources=_of_task(focal.sources, "expr")
                ),
                paper={"expr/f1": 0.395, "expr/challenge": 0.462},
            ),
            Arm(
                "AU alone",
                dataclasses.replace(
                    focal, tasks=(au,), sources=_of_task(focal.sources, "au")
                ),
                paper={"au/f1": 0.439, "au/challenge": 0.659},
            ),
            Arm(
                "shared backbone",
                dataclasses.replace(multitask, separate_optimizers=True),
                paper={
                    "expr/f1": 0.675,
                    "expr/challenge": 0.713,
                    "au/f1": 0.427,
                    "au/challenge": 0.655,
                },
            ),
            Arm(
                "multitask",
                multitask,
                paper={
                    "expr/f1": 0.494,
                    "expr/challenge": 0.556,
                    "au/f1": 0.566,
                    "au/challenge": 0.731,
                },
            ),
            Arm(
                "multitask, focal loss",
                focal,
                paper={"expr/f1": 0.724, "expr/challenge": 0.757},
            ),
        ),
        comparisons=(
            Comparison("EXPR alone", "multitask"),
            Comparison("AU alone", "multitask"),
            Comparison("multitask", "shared backbone"),
            Comparison("multitask", "multitask, focal loss"),
        ),
        metrics=("expr/f1", "expr/challenge", "au/f1", "au/challenge"),
        source="Thinh et al. 2021, Tables 1 and 2",
        expectation=(
            "both tasks gain from each other; a shared backbone helps expressions more "
            "and units not; focal loss is best for expressions"
        ),
    )


def _of_task(sources: tuple, task: str) -> tuple:
    """Returns the sources whose samples need a label of one task only."""
    return tuple(source for source in sources if source.tasks == (task,))
