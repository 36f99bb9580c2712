"""The method of Vu et al. 2021 for a laptop and a few thousand faces.

The losses, the sets and the stages are those of `vu2021`, on the small network of
`deng2020_small`. The sets are chosen by their labels alone, whatever the source: every
face with an expression, every face with valence and arousal, every face with both.

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
        sources=SOURCES,
        teacher=dataclasses.replace(small.teacher, keep_shared=False),
    )
