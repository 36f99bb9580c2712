"""Vu, Beurton-Aimar, Marchand 2021: Multitask Multi-database Emotion Recognition (CNN).

Seven expressions, and valence and arousal in 2 x 20 bins. Every batch holds 64 samples
of each of three sets: Mixed EXPR (Aff-Wild2 and ExpW), Mixed VA (Aff-Wild2 and AFEW-VA)
and Affect EXPR_VA (AffectNet, which has both labels). The teacher learns each set's own
labels (Eq. 7); the student learns 0.6 labels + 0.4 soft labels by KL divergence, and
soft labels alone where there is no label (Eq. 8). Where a frame of Aff-Wild2 has the
label of the other set too, the student learns from it (Eq. 10) or not (Eq. 9):

  python main.py --config=vu2021 --data=DIR --mode=teacher
  python main.py --config=vu2021 --data=DIR --mode=student
  ... --workdir=runs/no_sharing --set student.keep_shared=False

ResNet-50 at 112x112, Adam at 1e-4, at most 40 epochs, 5 without a better score.

Readings. The second and the third set have a CCC each, of their own rows (Eq. 2 and 3);
here there is one, of all rows of the batch whose label is used, whatever their set,
shared labels too. The paper does not say the temperature: 1.5, as in Deng et al. 2020
and the released code. Its translation has no size either: 134 pixels are cropped to 112
in the code, a shift of up to 0.1. The code has more that the paper lacks: a factor T^2
(`--set tasks.expr.distilled.scale_by_t2=True`, the same for va), beta_1 = 0.5 (`--set
optimizer.beta_1=0.5`) and a dropout of 0.5 before the logits, which is taken over here.
Balanced data are drawn by `--set sources.mixed_expr.balanced=True`, and so on.
"""

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data.augment import Augmentation
from affect_tf.data.sources import Source
from affect_tf.models.backbones import ResNet50
from affect_tf.models.build import Architecture
from affect_tf.models.build import MlpHead
from affect_tf.objective.distillation import BinnedDistillation
from affect_tf.objective.distillation import SoftmaxDistillation
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Constant

#: Eq. 7: labels alone.
TEACHER_MIX = CellMix()
#: Eq. 8-10 with lambda = 0.6.
STUDENT_MIX = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))

TASKS = (
    Expression(distilled=SoftmaxDistillation(divergence="kl")),
    ValenceArousal(num_bins=20, distilled=BinnedDistillation(divergence="kl")),
)

#: Section 3.1: N samples of each set in every batch.
SOURCES = (
    Source("mixed_expr", task="expr", origins=("affwild2*", "expw*")),
    Source("mixed_va", task="va", origins=("affwild2*", "afew_va*")),
    Source("affect_expr_va", task="expr", also=("va",), origins=("affectnet*",)),
)


def config() -> ExperimentConfig:
    """Returns the paper's experiment."""
    stage = {"epochs": 40, "learning_rate": Constant(1e-4), "patience": 5}
    return ExperimentConfig(
        name="vu2021",
        tasks=TASKS,
        architecture=Architecture(ResNet50(), MlpHead(dropout=0.5), image_size=112),
        sources=SOURCES,
        teacher=Stage(**stage, mix=TEACHER_MIX, keep_shared=False),
        student=Stage(**stage, mix=STUDENT_MIX),
        optimizer=Adam(),
        batch_size=3 * 64,
        augmentation=Augmentation(translation=0.1, horizontal_flip=True),
    )
