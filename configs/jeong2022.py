"""Jeong, Oh, Lim 2022: Knowledge Distillation and a Task Discriminator.

Six faces over the past 2 seconds and 10 seconds of sound: ResNeXt with attention and an
LSTM, SoundNet-8, dense modules that all tasks share, one model a task, and a
discriminator that tells from the shared features which task's set a sample is of,
behind a reversal of its gradient. A teacher on the labels that exist (Eq. 12), then a
student (Eq. 13: alpha 10, beta 0.9, gamma_i = e^(0.5 n_i)). One set a batch in turn,
256 samples, Adam at 1e-4, 20 epochs, patience 5.

The towers are frozen, and what they say of each frame is extracted once:

  python main.py --config=jeong2022 --data=CLIPS --mode=features --out=FEATURES \
      --set pretrained=FACES.h5 --set sound=soundnet.npy
  python main.py --config=jeong2022 --data=FEATURES --mode=teacher
  python main.py --config=jeong2022 --data=FEATURES --mode=student

or trained along, on clips: `--set train_cnn=True --set pieces=16`, where 16 parts of
the batch go through the towers one after the other, and the loss is of all of it.

Table I varies delta: without a discriminator, which is its best and set here, and with
`--set "adversarial=Adversarial(0.5)"`, `Adversarial(1.0)` and
`Adversarial(Linear(0.0, 1.0))`.

Readings. "s = 6" counts faces: the released code takes one in ten frames, at offsets
-50 ... 0. Sound has one channel, as SoundNet's published weights (the paper says 2:
`windows.channels`, `architecture.temporal.sound.channels`). The temperature of the
distillation is the code's 2.5, for expressions; the paper gives none, and the code's
softens the supervised term as well, which no equation does. The last sum of Eq. 13 has
L_j^D. A batch of the set with all labels trains on Eq. 7 alone, without alpha, gamma
and discriminator, by Algorithm 1 (a row of it with a label missing is an ordinary row).
As published the discriminator is nearly blind: in a batch of one set, batch norm takes
out what sets differ in (docs/sound.md). n_i returns to 0 with a new best score. A frame
with less than 10 seconds before it is kept, its window padded with silence.
"""

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data.augment import Augmentation
from affect_tf.data.batching import RoundRobin
from affect_tf.data.past import Past
from affect_tf.data.sources import Source
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.models.build import Architecture
from affect_tf.models.fusion import FaceAndSound
from affect_tf.models.resnext import AttentionResNeXt34
from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.losses import Concordance
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.objective.weighting import PatienceWeighting
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Constant

#: Eq. 12; the sets with all labels have no discriminator's term.
TEACHER_MIX = CellMix(complete_adversarial=False)
#: Eq. 13, and Eq. 7 where every label is there.
STUDENT_MIX = CellMix(
    labelled=(10.0, 1.0),
    unlabelled=(0.0, 0.9),
    complete=(1.0, 0.0),
    complete_is_weighted=False,
    complete_adversarial=False,
)

#: The sets of one task come first: they are what the discriminator tells apart.
SOURCES = (
    Source("va", task="va", keep_shared=False),
    Source("expr", task="expr", keep_shared=False),
    Source("au", task="au", keep_shared=False),
    Source("mtl", task="va", also=("expr", "au")),
)


def config() -> ExperimentConfig:
    """Returns the paper's experiment."""
    return ExperimentConfig(
        name="jeong2022",
        tasks=(
            Expression(distilled=SoftmaxDistillation(temperature=2.5)),
            ActionUnits(),
            ValenceArousal(None, Concordance(), ConcordanceDistillation()),
        ),
        architecture=Architecture(
            backbone=AttentionResNeXt34(), image_size=112, temporal=FaceAndSound()
        ),
        sources=SOURCES,
        teacher=Stage(
            epochs=20, learning_rate=Constant(1e-4), mix=TEACHER_MIX, patience=5
        ),
        student=Stage(
            epochs=20,
            learning_rate=Constant(1e-4),
            mix=STUDENT_MIX,
            patience=5,
            weighting=PatienceWeighting(0.5),
        ),
        optimizer=Adam(),
        batch_size=256,
        taxonomy=ABAW3,
        augmentation=Augmentation(translation=0.0, horizontal_flip=False),
        batching=RoundRobin(),
        windows=Past(frames=6, spacing=1 / 3, sound=10.0),
        metric="abaw3",
        shuffle_buffer=65_536,
    )
