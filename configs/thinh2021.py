"""Thinh et al. 2021: Emotion Recognition with Incomplete Labels, Modified Multi-task.

Seven expressions by focal loss and twelve action units by binary cross entropy, added
up. An epoch visits three sets one after the other (Algorithm 1): E, every face with an
expression; A, every face with units; B, those with both. Only in B a face teaches both
tasks. There is no teacher and no student: one stage of training.

  python main.py --config=thinh2021 --data=DIR --mode=teacher

ResNet-50 at 112x112 without augmentation, one dense layer of 512 and the logits for
each task; batches of 256, Adam from 1e-3 to 1e-4 by a cosine, 10 epochs. The paper
starts from VGGFace2 weights: `--set pretrained=FILE`, with the preprocessing that they
expect.

Its tables are options:

  without focal loss  --set "tasks.expr.supervised=SoftmaxCrossEntropy()"
  one task            --set "tasks=(Expression(supervised=SoftmaxFocal()),)"
  shared backbone     --set separate_optimizers=True

Readings. The constants of the focal loss (2 and 1), the end of the cosine and the ReLU
and dropout of 0.5 after the 512 are the released code's; the paper has none. The code
also mirrors faces (`--set augmentation.horizontal_flip=True`). It divides the focal
loss by the batch a second time and freezes the wrong head in E and A: slips, which are
not taken over. The cross entropy is the sum over the units here and their mean in the
code. The paper does not define its shared backbone; two heads on one trunk, each task
with an optimizer of its own, is what the code does.
"""

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data.augment import Augmentation
from affect_tf.data.batching import Sequential
from affect_tf.data.sources import Source
from affect_tf.models.backbones import ResNet50
from affect_tf.models.build import Architecture
from affect_tf.models.build import MlpHead
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Cosine

#: The sets E, A and B of Algorithm 1, in its order. E and A hold the faces of B too.
SOURCES = (
    Source("expr", task="expr", keep_shared=False),
    Source("au", task="au", keep_shared=False),
    Source("both", task="expr", also=("au",), keep_shared=False),
)


def config() -> ExperimentConfig:
    """Returns the paper's experiment."""
    return ExperimentConfig(
        name="thinh2021",
        tasks=(
            Expression(supervised=SoftmaxFocal(gamma=2.0), distilled=None),
            ActionUnits(distilled=None),
        ),
        architecture=Architecture(
            ResNet50(), MlpHead(512, dropout=0.5, batch_norm=False), image_size=112
        ),
        sources=SOURCES,
        teacher=Stage(epochs=10, learning_rate=Cosine(1e-3, final=1e-4), mix=CellMix()),
        student=None,
        optimizer=Adam(),
        batch_size=256,
        augmentation=Augmentation(translation=0.0, horizontal_flip=False),
        batching=Sequential(),
    )
