r"""The recurrent network of Vu et al. 2021 for a laptop and short clips.

The network over time, the tasks and the sets are those of `vu2021_rnn`, on features of
`vu2021_small`, with windows of 16 frames and all sources. Optimizer, stages (12 epochs
along a cosine from 2e-3, no early stop) and the absence of a prior correction are
`vu2021_small`'s. The dropout of its head is behind the features and has no part here.

  python main.py --config=vu2021_small --data=DIR --mode=features --runs=student-0 \
      --out=FEAT
  python main.py --config=vu2021_rnn_small --data=FEAT --mode=teacher
  python main.py --config=vu2021_rnn_small --data=FEAT --mode=student
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.data.windows import Windows
from affect_tf.models.temporal import BidirectionalGru
from configs import vu2021_rnn
from configs import vu2021_small

SOURCES = tuple(
    dataclasses.replace(source, origins=("*",)) for source in vu2021_rnn.SOURCES
)


def config() -> ExperimentConfig:
    """Returns the small experiment."""
    small = vu2021_small.config()
    return dataclasses.replace(
        small,
        name="vu2021_rnn_small",
        architecture=dataclasses.replace(
            small.architecture, temporal=BidirectionalGru(units=64)
        ),
        sources=SOURCES,
        batch_size=2 * 16,
        windows=Windows(length=16, stride=8),
    )
