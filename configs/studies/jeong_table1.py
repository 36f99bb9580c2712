r"""Modalities and the task discriminator: Jeong et al. 2022, Table I.

On features of both towers, extracted once as the released code does; for rendered clips
with sound, whose sets of single tasks were lit differently (`--places`), so that there
is something for the discriminator to tell apart:

  python -m tfrecords_builder --dataset=synthetic --frames_per_clip=61 --sound=mono \
      --places --num_train=640 --num_validation=160 --size=64 --out=AV
  python -m tfrecords_builder --dataset=synthetic --frames_per_clip=61 --sound=mono \
      --places --num_train=480 --num_validation=80 --size=64 --seed=7 --out=PRE

The towers learn on PRE, other people of another seed, as published ones would have:

  python main.py --mode=teacher --config=deng2020_small --data=PRE --workdir=RUNS \
      --set teacher.epochs=3 --set architecture.image_size=64
  python main.py --mode=teacher --config=jeong2022_small --data=PRE --workdir=RUNS \
      --set train_cnn=True --set architecture.temporal.face=False \
      --set windows.frames=0 --set windows.stride=20 --set architecture.image_size=64
  python main.py --mode=features --config=jeong2022_small --data=AV --out=FEAT \
      --workdir=RUNS --set architecture.image_size=64 \
      --set cnn=RUNS/deng2020_small/teacher --set sound=RUNS/jeong2022_small/teacher
  python main.py --mode=study --study=jeong_table1 --data=FEAT

The paper has no ablation of the modalities; those arms are without a discriminator. Its
MTL score is that of the MTL set alone and its others of the sets of single tasks; here
all scores are of one validation split with all labels, and "ABAW3 sum" is their sum. Of
each clip every 6th frame is trained on, for 8 epochs.

In batches of one set, as the paper's are, batch norm hides from the discriminator what
sets differ in. The arms "mixed batches" have a quarter of each set in every batch; what
it does to the features is measured by `benchmarks/source_probe.py`.
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.data.batching import Stratified
from affect_tf.objective.objective import Adversarial
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from affect_tf.training.schedules import Linear
from configs import jeong2022_small

SYSTEMS = ("teacher", "student")
#: Batches of all sets at once, in which the discriminator sees them beside each other.
_MIXED = "both, mixed batches"
#: delta of each column of the table: VA, EXPR and AU of the teacher and the student.
_METRICS = ("va/ccc", "expr/f1", "au/f1")
_DELTAS = {
    "": (None, (0.64, 0.56, 0.51), (0.63, 0.57, 0.51)),
    ", delta 0.5": (0.5, (0.58, 0.51, 0.47), (0.63, 0.58, 0.52)),
    ", delta 1": (1.0, (0.59, 0.46, 0.47), (0.61, 0.53, 0.50)),
    ", delta 0 to 1": (Linear(0.0, 1.0), (0.61, 0.41, 0.39), (0.59, 0.51, 0.51)),
}


def both() -> ExperimentConfig:
    """Returns the config of faces and sound, made cheaper."""
    config = jeong2022_small.config()
    shorter = {
        name: dataclasses.replace(getattr(config, name), epochs=8) for name in SYSTEMS
    }
    return dataclasses.replace(
        config,
        name="jeong2022_study",
        architecture=dataclasses.replace(config.architecture, image_size=64),
        windows=dataclasses.replace(config.windows, stride=6),
        **shorter,
    )


def without(config: ExperimentConfig, modality: str) -> ExperimentConfig:
    """Returns a config that does not look ("face"), or does not listen ("sound")."""
    seen = {"face": False} if modality == "face" else {"sound": None}
    past = {"frames": 0} if modality == "face" else {"sound": 0.0}
    temporal = dataclasses.replace(config.architecture.temporal, **seen)
    return dataclasses.replace(
        config,
        name=f"{config.name}_without_{modality}",
        architecture=dataclasses.replace(config.architecture, temporal=temporal),
        windows=dataclasses.replace(config.windows, **past),
    )


def study() -> Study:
    """Returns the study."""
    config = both()
    arms = [
        Arm(f"{name} {system}", without(config, other), system)
        for name, other in (("picture", "sound"), ("sound", "face"))
        for system in SYSTEMS
    ]
    for name, (delta, *paper) in _DELTAS.items():
        changed = config
        if delta is not None:
            adversarial = Adversarial(delta)
            changed = dataclasses.replace(config, adversarial=adversarial)
        arms += [
            Arm(
                f"both{name} {system}",
                changed,
                system,
                paper=dict(zip(_METRICS, values, strict=True)),
            )
            for system, values in zip(SYSTEMS, paper, strict=True)
        ]
    mixed = dataclasses.replace(
        config, name=f"{config.name}_mixed", batching=Stratified()
    )
    against = dataclasses.replace(mixed, adversarial=Adversarial(1.0))
    arms += [
        Arm(f"{_MIXED} teacher", mixed),
        Arm(f"{_MIXED}, delta 1 teacher", against),
    ]
    return Study(
        title="Modalities and the task discriminator",
        arms=tuple(arms),
        comparisons=tuple(_comparisons()),
        metrics=(*_METRICS, "abaw3"),
        source="Jeong et al. 2022, Table I",
        expectation=(
            "students beat their teachers, and the discriminator helps neither: the "
            "best student has none"
        ),
    )


def _comparisons() -> list[Comparison]:
    return [
        Comparison(f"{_MIXED} teacher", f"{_MIXED}, delta 1 teacher"),
        *(Comparison(f"{one} student", "both student") for one in ("picture", "sound")),
        *(Comparison(f"both{name} teacher", f"both{name} student") for name in _DELTAS),
        *(
            Comparison(f"both {system}", f"both{name} {system}")
            for name in list(_DELTAS)[1:]
            for system in SYSTEMS
        ),
    ]
