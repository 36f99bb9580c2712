r"""A network of single frames against one of sequences: Deng et al. 2020, Table II.

On clips, such as the rendered ones:

  python -m tfrecords_builder --dataset=synthetic --frames_per_clip=64 \
      --num_train=320 --num_validation=96 --size=64 --out=DIR
  python main.py --mode=study --study=deng_table2 --data=DIR

The recurrent networks read the features of the first student. The paper's numbers are
those of its test set, for sequences of 32 frames and five students; its student is the
best of the five. Here there are two, and sequences of 16.
"""

import dataclasses

from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import deng2020_rnn_small
from configs import deng2020_small
from configs.studies import deng_figure5

_METRICS = ("au/challenge", "expr/challenge", "va/valence_ccc", "va/arousal_ccc")
_PAPER = {
    "CNN teacher": (0.562, 0.332, 0.367, 0.412),
    "CNN student": (0.565, 0.372, 0.421, 0.387),
    "CNN ensemble": (0.576, 0.386, 0.429, 0.414),
    "CNN-RNN teacher": (0.571, 0.395, 0.425, 0.437),
    "CNN-RNN student": (0.587, 0.400, 0.426, 0.452),
    "CNN-RNN ensemble": (0.607, 0.405, 0.440, 0.454),
}
_SYSTEMS = ("teacher", "student", "ensemble")


def study() -> Study:
    """Returns the study."""
    # Frames of a clip are alike, so that fewer passes see as much.
    cnn = deng_figure5.cheap(deng2020_small.config(), epochs=3)
    rnn = dataclasses.replace(
        deng2020_rnn_small.config(),
        architecture=dataclasses.replace(
            deng2020_rnn_small.config().architecture,
            backbone=cnn.architecture.backbone,
            image_size=cnn.architecture.image_size,
        ),
        num_students=2,
    )
    features = Arm("features", cnn, "student")
    cnn = dataclasses.replace(cnn, num_students=2)
    arms = [
        *(Arm(f"CNN {each}", cnn, each) for each in _SYSTEMS),
        *(Arm(f"CNN-RNN {each}", rnn, each, cnn=features) for each in _SYSTEMS),
    ]
    return Study(
        title="Single frames and sequences",
        arms=tuple(
            dataclasses.replace(
                arm, paper=dict(zip(_METRICS, _PAPER[arm.name], strict=True))
            )
            for arm in arms
        ),
        comparisons=tuple(
            Comparison(f"CNN {each}", f"CNN-RNN {each}") for each in _SYSTEMS
        ),
        metrics=(*_METRICS, "overall"),
        source="Deng et al. 2020, Table II",
        expectation="sequences help on every task, most of all expressions",
    )
