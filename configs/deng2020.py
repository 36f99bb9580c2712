"""Deng, Chen, Shi 2020: Multitask Emotion Recognition with Incomplete Labels (CNN).

ResNet-50 at 112x112 under one MLP a task; a teacher on the labels that exist, then
students on 0.6 labels + 0.4 soft labels and, where there is no label, on soft labels
alone (Eq. 13 and 14). Adam at 1e-4, divided by 10 every 3 epochs; 8 epochs for the
teacher and 3 for a student, as section IV says.

  python main.py --config=deng2020 --data=DIR --mode=teacher
  python main.py --config=deng2020 --data=DIR --mode=student --num_students=5

The released code starts from ResNet-50 weights of VGGFace2 and FER+; where you have
them, `--set pretrained=FILE` loads them (see docs/architecture.md for the layouts).
"""

from affect_tf.config import ExperimentConfig
from affect_tf.config import Stage
from affect_tf.data.input_pipeline import Source
from affect_tf.models.backbones import ResNet50
from affect_tf.models.build import Architecture
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import StepDecay

#: Eq. 13: labels alone.
TEACHER_MIX = CellMix()
#: Eq. 14 with lambda = 0.6.
STUDENT_MIX = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))

#: N samples of each subset in every batch (section III-B).
SOURCES = (
    Source("expr", task="expr"),
    Source("au", task="au"),
    Source("va", task="va"),
)


def config() -> ExperimentConfig:
    """Returns the paper's experiment."""
    return ExperimentConfig(
        name="deng2020",
        tasks=(Expression(), ActionUnits(), ValenceArousal(num_bins=20)),
        architecture=Architecture(backbone=ResNet50(), image_size=112),
        sources=SOURCES,
        teacher=Stage(epochs=8, learning_rate=StepDecay(1e-4), mix=TEACHER_MIX),
        student=Stage(epochs=3, learning_rate=StepDecay(1e-4), mix=STUDENT_MIX),
        optimizer=Adam(),
        batch_size=60,
        num_students=5,
    )
