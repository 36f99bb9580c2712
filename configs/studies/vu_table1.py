"""Two training tasks against three: Vu et al. 2021, Table 1.

  python main.py --mode=study --study=vu_table1 --data=DIR

Teachers alone. The third set of the paper is a data set of its own, AffectNet; here it
is the samples that have both labels, which are in the other two sets as well, each with
one of its labels. So the second arm sees no further face, only labels together.

The paper takes N of each set, so that its three sets are half as many samples again.
Here both arms have batches of 96, 2 x 48 or 3 x 32. An epoch is a pass over the longest
set, so two sets need 12 epochs for the steps that three make in 8 (996 and 992 on the
faces of `docs/results.md`), along the same cosine. What remains: the rows that the
third set takes are the other faces' in the first arm, which each come 1.5 times as
often; the 1,058 faces with both labels come 3.75 times an epoch more in the second. So
a difference is that of both labels together and of this weighting. And the first arm
has 12 epochs to choose the best of, the second 8.
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
        three,
        sources=three.sources[:2],
        # A set of the longest pass gives 3/2 as many rows to a batch.
        teacher=dataclasses.replace(
            three.teacher, epochs=three.teacher.epochs * 3 // 2
        ),
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
            "expressions and valence increase quite a lot with the third task, and "
            "arousal is slightly lower"
        ),
    )
