r"""The recurrent network of Deng et al. 2020 for a laptop and short clips.

The network over time and the losses are those of `deng2020_rnn`, on features of
`deng2020_small`, with windows of 16 frames and all sources. Optimizer, stages (12
epochs along a cosine from 2e-3), prior correction and the one student are
`deng2020_small`'s.

  python main.py --config=deng2020_small --data=DIR --mode=features --runs=student-0 \
      --out=FEAT
  python main.py --config=deng2020_rnn_small --data=FEAT --mode=teacher
  python main.py --config=deng2020_rnn_small --data=FEAT --mode=student
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.data.windows import Windows
from affect_tf.models.temporal import BidirectionalGru
from configs import deng2020_small


def config() -> ExperimentConfig:
    """Returns the small experiment."""
    small = deng2020_small.config()
    return dataclasses.replace(
        small,
        name="deng2020_rnn_small",
        architecture=dataclasses.replace(
            small.architecture, temporal=BidirectionalGru(units=64)
        ),
        batch_size=3 * 16,
        windows=Windows(length=16, stride=8),
    )
