"""One task, several, and focal loss: Thinh et al. 2021, Tables 1 and 2.

  python main.py --mode=study --study=thinh_table1 --data=DIR

The paper compares single networks of different pretrained weights; here all learn from
scratch. Focal loss is in the last arm only.

An epoch of several tasks visits three sets, one of a single task its own: on the faces
of `docs/results.md` 82 batches (42 with expressions, 30 with units, 10 with both)
against 42 and 30. So in the same epochs the multitask arms make two to three times the
steps, and the faces with both labels teach each task twice; the paper's comparison has
the same confound. The control arms "as many steps" train a single task for 16 and 22
epochs in place of 8 (42 and 30 to 82), along the same cosine; what is left of a gain
against them is the other task's. (More epochs are also more to choose the best of.)

No weight decay in any arm: two optimizers would each apply it to the shared layers,
which would decay twice. What still differs in "shared backbone" is Adam's: each task
has moments of its own, so a face with both labels moves the shared layers by two steps
of full size instead of one along the sum.
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from affect_tf.training.optimizers import Adam
from configs import thinh2021_small
from configs.studies import deng_figure5

#: Epochs in which a single task makes as many steps as several do in eight.
_AS_MANY_STEPS = {"expr": 16, "au": 22}


def study() -> Study:
    """Returns the study."""
    focal = dataclasses.replace(
        deng_figure5.cheap(thinh2021_small.config()), optimizer=Adam()
    )
    expr, au = focal.tasks
    plain = dataclasses.replace(expr, supervised=SoftmaxCrossEntropy())
    multitask = dataclasses.replace(focal, tasks=(plain, au))
    expr_alone, au_alone = _alone(multitask, "expr"), _alone(multitask, "au")
    return Study(
        title="Expressions and action units, alone and together",
        arms=(
            Arm(
                "EXPR alone",
                expr_alone,
                paper={"expr/f1": 0.395, "expr/challenge": 0.462},
            ),
            Arm(
                "AU alone",
                au_alone,
                paper={"au/f1": 0.439, "au/challenge": 0.659},
            ),
            Arm("EXPR alone, as many steps", _longer(expr_alone)),
            Arm("AU alone, as many steps", _longer(au_alone)),
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
            Comparison("EXPR alone, as many steps", "multitask"),
            Comparison("AU alone, as many steps", "multitask"),
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


def _alone(config: ExperimentConfig, task: str) -> ExperimentConfig:
    """Returns the config with one task, and the source that needs its label only."""
    return dataclasses.replace(
        config,
        tasks=tuple(each for each in config.tasks if each.name == task),
        sources=tuple(each for each in config.sources if each.tasks == (task,)),
    )


def _longer(config: ExperimentConfig) -> ExperimentConfig:
    """Returns the config of a single task with the steps of the multitask arms."""
    epochs = _AS_MANY_STEPS[config.tasks[0].name]
    teacher = dataclasses.replace(config.teacher, epochs=epochs)
    return dataclasses.replace(config, teacher=teacher)
