"""Vu, Beurton-Aimar, Marchand 2021: the recurrent network on the CNN's features.

One bidirectional GRU a task over 32 frames, on the embeddings of the trained student of
`vu2021`, which are extracted once:

  python main.py --config=vu2021 --data=DIR --mode=features --runs=student-0 --out=FEAT
  python main.py --config=vu2021_rnn --data=FEAT --mode=teacher
  python main.py --config=vu2021_rnn --data=FEAT --mode=student

Teacher and student by the same losses and stages as the CNN's; 16 windows of each set
in a batch, a window every 16 frames.

Readings. Table 3 says that all three tasks were trained, but AffectNet has no films:
the two sets of Aff-Wild2 remain, as in the released code. The code leaves shared labels
out here; the paper trains this student by Eq. 10. Windows with a gap are cut at the gap
here, and thrown away in the code, with all films shorter than a window. In evaluation
the code's windows do not overlap (`--set windows.evaluation_stride=32`); here
overlapping ones are averaged. The paper shifts and mirrors a sequence as a whole, all
its frames alike; features are extracted once here, from faces as they are. End to end
(`--set cnn=RUN` on the pictures) `augmentation` does what the paper says; on features
it has no effect.
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.models.temporal import BidirectionalGru
from configs import vu2021

SOURCES = (
    Source("expr", task="expr", origins=("affwild2*",)),
    Source("va", task="va", origins=("affwild2*",)),
)


def config() -> ExperimentConfig:
    """Returns the paper's experiment."""
    cnn = vu2021.config()
    return dataclasses.replace(
        cnn,
        name="vu2021_rnn",
        architecture=dataclasses.replace(
            cnn.architecture, temporal=BidirectionalGru(units=64)
        ),
        sources=SOURCES,
        batch_size=2 * 16,
        windows=Windows(length=32, stride=16),
    )
