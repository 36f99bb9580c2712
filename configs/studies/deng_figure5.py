"""Teacher, students and their ensemble: Deng et al. 2020, Figure 5.

  python main.py --mode=study --study=deng_figure5 --data=DIR

Of the paper's five students there are three here. The figure has no numbers to copy.
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.models.backbones import ResNet18
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import deng2020_small


def cheap(config: ExperimentConfig, epochs: int = 8) -> ExperimentConfig:
    """Returns a small config made smaller: about a minute a run on two CPU cores.

    The studies of the papers share this, so that their runs can be shared too.
    """
    shorter = {
        name: stage and dataclasses.replace(stage, epochs=epochs)
        for name, stage in (("teacher", config.teacher), ("student", config.student))
    }
    architecture = dataclasses.replace(
        config.architecture, backbone=ResNet18(width=16, stem="3x3"), image_size=64
    )
    name = config.name.replace("small", "study")
    return dataclasses.replace(config, name=name, architecture=architecture, **shorter)


def study() -> Study:
    """Returns the study."""
    config = dataclasses.replace(cheap(deng2020_small.config()), num_students=3)
    return Study(
        title="Teacher, students and their ensemble",
        arms=(
            Arm("teacher", config),
            Arm("student", config, "student"),
            Arm("ensemble of 3", config, "ensemble"),
        ),
        comparisons=(
            Comparison("teacher", "student"),
            Comparison("student", "ensemble of 3"),
            Comparison("teacher", "ensemble of 3"),
        ),
        metrics=(
            "au/challenge",
            "expr/challenge",
            "va/valence_ccc",
            "va/arousal_ccc",
            "overall",
        ),
        source="Deng et al. 2020, Figure 5",
        expectation=(
            "students beat their teacher on every task on average, and their ensemble "
            "beats them"
        ),
    )
