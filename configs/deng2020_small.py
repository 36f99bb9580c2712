"""The method of Deng et al. 2020 for a laptop and a few thousand faces.

The losses, the mixing and the batches are those of `deng2020`; the backbone is a
ResNet-18 of width 32 at 80x80 that learns from scratch in minutes on two CPU cores,
with a cosine schedule in place of the steps, which are meant for pretrained weights.
In place of the paper's balancing of the data, the expression loss takes out 0.3 of the
logarithm of the class prior: rare classes gain more than common ones lose.

  python main.py --config=deng2020_small --data=DIR --mode=teacher
  python main.py --config=deng2020_small --data=DIR --mode=student --num_students=3
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data.augment import Augmentation
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
        architecture=Architecture(ResNet18(width=32, stem="3x3"), image_size=80),
        teacher=Stage(epochs=12, learning_rate=rate, mix=deng2020.TEACHER_MIX),
        student=Stage(epochs=12, learning_rate=rate, mix=deng2020.STUDENT_MIX),
        optimizer=Adam(weight_decay=0.05),
        augmentation=Augmentation(translation=0.06),
        prior_correction=0.3,
        batch_size=96,
        num_students=1,
    )
