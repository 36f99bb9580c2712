"""The method of Vu et al. 2021 for a laptop and a few thousand faces.

The tasks, their losses, the mixing, the shares of a batch and the dropout of 0.5 are
those of `vu2021`. Backbone, optimizer (weight decay), stages (12 epochs along a cosine
from 2e-3, no early stop), augmentation (shifts of 0.06) and batches (96, so 32 a set)
are those of `deng2020_small`, for training from scratch; its prior correction is not
taken over, since Vu et al. have none. The sets are chosen by their labels alone,
whatever the source: every face with an expression, every face with valence and arousal,
every face with both.

  python main.py --config=vu2021_small --data=DIR --mode=teacher
  python main.py --config=vu2021_small --data=DIR --mode=student
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from configs import deng2020_small
from configs import vu2021

SOURCES = tuple(
    dataclasses.replace(source, origins=("*",)) for source in vu2021.SOURCES
)


def config() -> ExperimentConfig:
    """Returns the small experiment."""
    paper, small = vu2021.config(), deng2020_small.config()
    return dataclasses.replace(
        small,
        name="vu2021_small",
        tasks=paper.tasks,
        architecture=dataclasses.replace(
            small.architecture, head=paper.architecture.head
        ),
        sources=SOURCES,
        teacher=dataclasses.replace(small.teacher, keep_shared=False),
        prior_correction=0.0,
    )
