"""The method of Thinh et al. 2021 for a laptop and a few thousand faces.

The losses and the order of the sets are those of `thinh2021`, on the small backbone of
`deng2020_small`, with its rate, its optimizer, its smaller batches and, since a few
thousand faces are soon known by heart, its augmentation.

  python main.py --config=thinh2021_small --data=DIR --mode=teacher
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from configs import deng2020_small
from configs import thinh2021


def config() -> ExperimentConfig:
    """Returns the small experiment."""
    paper, small = thinh2021.config(), deng2020_small.config()
    return dataclasses.replace(
        paper,
        name="thinh2021_small",
        architecture=dataclasses.replace(
            small.architecture, head=paper.architecture.head
        ),
        teacher=dataclasses.replace(small.teacher, mix=paper.teacher.mix),
        optimizer=small.optimizer,
        augmentation=small.augmentation,
        batch_size=96,
    )
