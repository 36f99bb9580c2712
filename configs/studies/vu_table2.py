"""Shared annotations against none: Vu et al. 2021, Table 2.

  python main.py --mode=study --study=vu_table2 --data=DIR

Students of one teacher, by Eq. 9 and by Eq. 10.
"""

import dataclasses

from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import vu2021_small
from configs.studies import deng_figure5


def study() -> Study:
    """Returns the study."""
    sharing = deng_figure5.cheap(vu2021_small.config())
    apart = dataclasses.replace(
        sharing, student=dataclasses.replace(sharing.student, keep_shared=False)
    )
    return Study(
        title="Students without and with shared annotations",
        arms=(
            Arm(
                "no sharing",
                apart,
                "student",
                paper={
                    "expr/challenge": 0.513,
                    "va/valence_ccc": 0.472,
                    "va/arousal_ccc": 0.412,
                },
            ),
            Arm(
                "with sharing",
                sharing,
                "student",
                paper={
                    "expr/challenge": 0.525,
                    "va/valence_ccc": 0.471,
                    "va/arousal_ccc": 0.421,
                },
            ),
        ),
        comparisons=(Comparison("no sharing", "with sharing"),),
        metrics=("expr/challenge", "va/valence_ccc", "va/arousal_ccc", "overall"),
        source="Vu et al. 2021, Table 2",
        expectation="sharing helps by about 0.01, in expressions and arousal",
    )
