"""The method of Deng et al. 2020 for a laptop and a few thousand faces.

The losses, the mixing and the batches are those of `deng2020`; the backbone is a
ResNet-18 of width 32 at 64x64 that learns from scratch in minutes on two CPU cores,
with a cosine schedule in place of the steps, which are meant for pretrained weights.

  python main.py --config=deng2020_small --data=DIR --mode=teacher
  python main.py --config=deng2020_small --data=DIR --mode=student --num_students=3
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.models.backbones import ResNet18
from affect_tf.models.build import Architecture
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Cosine
from configs import deng2020


def config() -> ExperimentConfig:
    """Returns the small experiment."""
    rate = Cosine(2e-3)
    return dataclasses.replace(
        deng2020.config(),
        name="deng2020_small",
        architecture=Architecture(backbone=ResNet18(width=32), image_size=64),
        teacher=Stage(epochs=22, learning_rate=rate, mix=deng2020.TEACHER_MIX),
        student=Stage(epochs=22, learning_rate=rate, mix=deng2020.STUDENT_MIX),
        optimizer=Adam(weight_decay=0.01),
        batch_size=96,
        num_students=1,
    )
