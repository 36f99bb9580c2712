"""Teacher, student and an ensemble of two, on the rendered sample; in minutes.

python main.py --mode=study --study=sample
"""

import dataclasses

from affect_tf.models.backbones import ResNet18
from affect_tf.models.build import Architecture
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import sample
from configs.sample import prepare  # noqa: F401  (renders the data, as the config does)


def study() -> Study:
    """Returns the study."""
    full = sample.config()
    config = dataclasses.replace(
        full,
        name="sample_study",
        architecture=Architecture(ResNet18(width=16, stem="3x3"), image_size=48),
        teacher=dataclasses.replace(full.teacher, epochs=6),
        student=dataclasses.replace(full.student, epochs=6),
        num_students=2,
    )
    return Study(
        title="Teacher, student and an ensemble of two on rendered faces",
        arms=(
            Arm("teacher", config),
            Arm("student", config, "student"),
            Arm("ensemble of 2", config, "ensemble"),
        ),
        comparisons=(
            Comparison("teacher", "student"),
            Comparison("student", "ensemble of 2"),
        ),
        metrics=("expr/f1", "au/f1", "va/ccc", "overall"),
        seeds=3,
        source="after Deng et al. 2020, Figure 5",
        expectation="students beat their teacher, and their ensemble beats a student",
    )
