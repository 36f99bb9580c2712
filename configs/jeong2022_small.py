r"""The method of Jeong et al. 2022 for a laptop and rendered clips with sound.

Losses, sets, batches and the layers' order are those of `jeong2022`. The face tower is
the network of `deng2020_small`; SoundNet has a quarter of its filters and 128 outputs,
what stands above is narrower; batches of 64, 12 epochs along a cosine from 1e-3, no
early stop.

  python -m tfrecords_builder --dataset=synthetic --frames_per_clip=61 --sound=mono \
      --num_train=400 --num_validation=120 --size=80 --out=AV
  python main.py --mode=teacher --config=deng2020_small --data=AV --set teacher.epochs=4

The network that hears is trained alone first, on every 20th frame:

  python main.py --mode=teacher --config=jeong2022_small --data=AV --workdir=heard \
      --set windows.frames=0 --set windows.stride=20 --set train_cnn=True \
      --set architecture.temporal.face=False

Then both towers see and hear every frame, once, and the rest is trained on that:

  python main.py --mode=features --config=jeong2022_small --data=AV --out=FEAT \
      --set cnn=runs/deng2020_small/teacher --set sound=heard/jeong2022_small/teacher
  python main.py --mode=teacher --config=jeong2022_small --data=FEAT
  python main.py --mode=student --config=jeong2022_small --data=FEAT
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.models.fusion import FaceAndSound
from affect_tf.models.sound import SoundNet8
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Cosine
from configs import deng2020_small
from configs import jeong2022


def config() -> ExperimentConfig:
    """Returns the small experiment."""
    paper = jeong2022.config()
    shorter = {
        name: dataclasses.replace(
            stage, epochs=12, learning_rate=Cosine(1e-3), patience=None
        )
        for name, stage in (("teacher", paper.teacher), ("student", paper.student))
    }
    return dataclasses.replace(
        paper,
        name="jeong2022_small",
        architecture=dataclasses.replace(
            deng2020_small.config().architecture,
            temporal=FaceAndSound(
                sound=SoundNet8(width=4, outputs=128),
                lstm_units=64,
                lstm_activation="tanh",
                widths=(128, 64),
                dropout=0.3,
                task_widths=(64,),
                discriminator_widths=(32,),
                # Few steps: the running statistics must follow soon.
                batch_norm_momentum=0.9,
            ),
        ),
        optimizer=Adam(weight_decay=0.05),
        batch_size=64,
        taxonomy=None,
        **shorter,
    )
