"""The CNN against the CNN with a GRU, teacher and student: Vu et al. 2021, Table 3.

On clips, such as the rendered ones (see `deng_table2`):

  python main.py --mode=study --study=vu_table3 --data=DIR

The recurrent networks read the features of the CNN's student. The paper's numbers of
the CNN are from its Tables 1 and 2.
"""

import dataclasses

from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import vu2021_rnn_small
from configs import vu2021_small
from configs.studies import deng_figure5

_METRICS = ("expr/challenge", "va/valence_ccc", "va/arousal_ccc")
_PAPER = {
    "CNN teacher": (0.513, 0.438, 0.398),
    "CNN student": (0.525, 0.471, 0.421),
    "CNN-GRU teacher": (0.555, 0.523, 0.543),
    "CNN-GRU student": (0.555, 0.526, 0.551),
}
_SYSTEMS = ("teacher", "student")


def study() -> Study:
    """Returns the study."""
    # Frames of a clip are alike, so that fewer passes see as much.
    cnn = deng_figure5.cheap(vu2021_small.config(), epochs=3)
    gru = dataclasses.replace(
        vu2021_rnn_small.config(),
        architecture=dataclasses.replace(
            vu2021_rnn_small.config().architecture,
            backbone=cnn.architecture.backbone,
            image_size=cnn.architecture.image_size,
        ),
    )
    features = Arm("features", cnn, "student")
    arms = [
        *(Arm(f"CNN {each}", cnn, each) for each in _SYSTEMS),
        *(Arm(f"CNN-GRU {each}", gru, each, cnn=features) for each in _SYSTEMS),
    ]
    return Study(
        title="The CNN alone and under a GRU",
        arms=tuple(
            dataclasses.replace(
                arm, paper=dict(zip(_METRICS, _PAPER[arm.name], strict=True))
            )
            for arm in arms
        ),
        comparisons=(
            *(Comparison(f"CNN {each}", f"CNN-GRU {each}") for each in _SYSTEMS),
            Comparison("CNN-GRU teacher", "CNN-GRU student"),
        ),
        metrics=(*_METRICS, "overall"),
        source="Vu et al. 2021, Table 3 (the CNN: Tables 1 and 2)",
        expectation=(
            "the GRU helps on every task, most of all arousal; its student is as good "
            "as its teacher"
        ),
    )
