"""The CNN against the CNN with a GRU, teacher and student: Vu et al. 2021, Table 3.

On clips, such as the rendered ones (see `deng_table2`):

  python main.py --mode=study --study=vu_table3 --data=DIR

The recurrent networks, teacher and student, read the features of "CNN student", with
which both are compared. The arms "one frame" train the same GRU on windows of a single
frame, with as many frames a batch and as many steps: what the sequences gain over them
is due to time, and not to a head that is trained anew. Sequences are of 16 frames, in
place of 32, and do not overlap in evaluation, as in the released code. The paper's
numbers of the CNN are from its Tables 1 and 2.
"""

from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import vu2021_rnn_small
from configs import vu2021_small
from configs.studies import deng_figure5
from configs.studies import deng_table2

_METRICS = ("expr/challenge", "va/valence_ccc", "va/arousal_ccc")
_PAPER = {
    "CNN teacher": (0.513, 0.438, 0.398),
    "CNN student": (0.525, 0.471, 0.421),
    "CNN-GRU teacher": (0.555, 0.523, 0.543),
    "CNN-GRU student": (0.555, 0.526, 0.551),
}


def study() -> Study:
    """Returns the study."""
    # Frames of a clip are alike, so that fewer passes see as much.
    cnn = deng_figure5.cheap(vu2021_small.config(), epochs=4)
    gru = deng_table2.recurrent(cnn, vu2021_rnn_small.config())
    paper = {
        name: dict(zip(_METRICS, values, strict=True))
        for name, values in _PAPER.items()
    }
    return Study(
        title="The CNN alone and under a GRU",
        arms=deng_table2.arms(cnn, gru, "CNN-GRU", paper),
        comparisons=(
            *deng_table2.comparisons("CNN-GRU"),
            Comparison("CNN-GRU teacher", "CNN-GRU student"),
        ),
        metrics=(*_METRICS, "overall"),
        source="Vu et al. 2021, Table 3 (the CNN: Tables 1 and 2)",
        expectation=(
            "the GRU helps on every task, most of all arousal; its student is as good "
            "as its teacher"
        ),
    )
