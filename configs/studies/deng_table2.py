r"""A network of single frames against one of sequences: Deng et al. 2020, Table II.

On clips, such as the rendered ones:

  python -m tfrecords_builder --dataset=synthetic --frames_per_clip=24 \
      --num_train=1000 --num_validation=240 --size=64 --out=DIR
  python main.py --mode=study --study=deng_table2 --data=DIR

The recurrent networks, teacher and student, read the features of "CNN student", with
which both are compared. The paper's numbers are those of its test set, for sequences of
32 frames; its student is the best of five, which make its ensembles too. Here there is
one student, and sequences of 16, which do not overlap in evaluation, as in the released
code: no frame is averaged over windows.

On top of the CNN's own training a recurrent network trains a head anew, on features
that are fixed. The arms "one frame" do the same without time: the same GRU on windows
of a single frame, as many frames a batch and as many steps. What the sequences gain
over them is due to the frames around.
"""

import dataclasses
from collections.abc import Mapping

from affect_tf.config import ExperimentConfig
from affect_tf.data.windows import Windows
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import deng2020_rnn_small
from configs import deng2020_small
from configs.studies import deng_figure5

_METRICS = ("au/challenge", "expr/challenge", "va/valence_ccc", "va/arousal_ccc")
_PAPER = {
    "CNN teacher": (0.562, 0.332, 0.367, 0.412),
    "CNN student": (0.565, 0.372, 0.421, 0.387),
    "CNN-RNN teacher": (0.571, 0.395, 0.425, 0.437),
    "CNN-RNN student": (0.587, 0.400, 0.426, 0.452),
}
SYSTEMS = ("teacher", "student")
#: Epochs of single frames with the steps of one epoch of windows of 16 every 8 frames:
#: 41 and 58 of them on the clips above. A window reaches over frames without a label,
#: and some frames are in two.
_STEPS_OF_AN_EPOCH = 58 / 41


def recurrent(cnn: ExperimentConfig, config: ExperimentConfig) -> ExperimentConfig:
    """Returns a small recurrent config for the features of a study's network."""
    return dataclasses.replace(
        config,
        name=config.name.replace("small", "study"),
        architecture=dataclasses.replace(
            cnn.architecture, temporal=config.architecture.temporal
        ),
        # The released codes' windows do not overlap in evaluation.
        windows=dataclasses.replace(
            config.windows, evaluation_stride=config.windows.length
        ),
    )


def one_frame(config: ExperimentConfig) -> ExperimentConfig:
    """Returns a recurrent config without time: windows of one frame, as many steps."""
    longer = {
        name: dataclasses.replace(
            stage, epochs=round(stage.epochs * _STEPS_OF_AN_EPOCH)
        )
        for name, stage in (("teacher", config.teacher), ("student", config.student))
    }
    return dataclasses.replace(
        config,
        name=f"{config.name}_one_frame",
        batch_size=config.batch_size * config.windows.length,
        windows=Windows(1, 1),
        **longer,
    )


def study() -> Study:
    """Returns the study."""
    # Frames of a clip are alike, so that fewer passes see as much.
    cnn = deng_figure5.cheap(deng2020_small.config(), epochs=4)
    rnn = recurrent(cnn, deng2020_rnn_small.config())
    return Study(
        title="Single frames and sequences",
        arms=arms(cnn, rnn, "CNN-RNN", {n: _paper(v) for n, v in _PAPER.items()}),
        comparisons=comparisons("CNN-RNN"),
        metrics=(*_METRICS, "overall"),
        source="Deng et al. 2020, Table II",
        expectation="sequences help on every task, most of all expressions",
    )


def arms(
    cnn: ExperimentConfig,
    rnn: ExperimentConfig,
    name: str,
    paper: Mapping[str, Mapping[str, float]],
) -> tuple[Arm, ...]:
    """Returns teacher and student of the CNN, of single frames, and of sequences.

    Args:
      cnn: Config of the network whose student gives the features.
      rnn: Config that reads them.
      name: What the recurrent network is called.
      paper: {arm: {metric: what the paper reports}}.
    """
    features = Arm("features", cnn, "student")
    found = [
        *(Arm(f"CNN {each}", cnn, each) for each in SYSTEMS),
        *(
            Arm(f"{name}, one frame, {each}", one_frame(rnn), each, cnn=features)
            for each in SYSTEMS
        ),
        *(Arm(f"{name} {each}", rnn, each, cnn=features) for each in SYSTEMS),
    ]
    return tuple(
        dataclasses.replace(arm, paper=paper.get(arm.name, {})) for arm in found
    )


def comparisons(name: str) -> tuple[Comparison, ...]:
    """Returns those with the features' network and with single frames."""
    return (
        *(Comparison("CNN student", f"{name} {each}") for each in SYSTEMS),
        *(
            Comparison(f"{name}, one frame, {each}", f"{name} {each}")
            for each in SYSTEMS
        ),
    )


def _paper(values: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(_METRICS, values, strict=True))
