"""Two training tasks against three: Vu et al. 2021, Table 1.

  python main.py --mode=study --study=vu_table1 --data=DIR

Teachers alone. The third set of the paper is a data set of its own, AffectNet; here it
is the samples that have both labels, which are in the other two sets as well, each with
one of its labels. So the second arm sees no further face, only labels together.
"""

import dataclasses

from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import vu2021_small
from configs.studies import deng_figure5


def study() -> Study:
    """Returns the study."""
    three = deng_figure5.cheap(vu2021_small.config())
    two = dataclasses.replace(
        three, sources=three.sources[:2], batch_size=three.batch_size // 3 * 2
    )
    return Study(
        title="Two training tasks and three",
        arms=(
            Arm(
                "EXPR, VA",
                two,
                paper={
                    "expr/challenge": 0.498,
                    "va/valence_ccc": 0.374,
                    "va/arousal_ccc": 0.407,
                },
            ),
            Arm(
                "EXPR, VA, EXPR_VA",
                three,
                paper={
                    "expr/challenge": 0.513,
                    "va/valence_ccc": 0.438,
                    "va/arousal_ccc": 0.398,
                },
            ),
        ),
        comparisons=(Comparison("EXPR, VA", "EXPR, VA, EXPR_VA"),),
        metrics=("expr/challenge", "va/valence_ccc", "va/arousal_ccc", "overall"),
        source="Vu et al. 2021, Table 1",
        expectation=(
            "the third task helps expressions a little and valence a lot, and costs "
            "arousal a little"
        ),
    )
