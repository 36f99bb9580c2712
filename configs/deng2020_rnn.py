r"""Deng, Chen, Shi 2020: Multitask Emotion Recognition, Incomplete Labels (CNN-RNN).

One bidirectional GRU a task over 32 frames, on the embeddings of a trained network of
`deng2020` that is not trained any more, extracted once:

  python main.py --config=deng2020 --data=DIR --mode=features --runs=student-0 \
      --out=FEAT
  python main.py --config=deng2020_rnn --data=FEAT --mode=teacher
  python main.py --config=deng2020_rnn --data=FEAT --mode=student

The same two steps, losses and rates as the CNN's, on Aff-Wild2 alone, since the other
data sets have no films (section IV). The paper's other lengths are
`--set "windows=Windows(16, 8)"` and `--set "windows=Windows(8, 4)"`.

End to end, on the pictures themselves: `--data=DIR --set cnn=RUN`, and for a network
that is trained along `--set train_cnn=True`; with a `batch_size` that fits the memory,
since a window is 32 pictures.

Readings. Stride and batch are not in the paper: half a window, as in the released code,
and 20 windows of each set, as many as faces for the CNN. The code trains this teacher
for 3 epochs; section IV gives 8 for teachers. In evaluation the code's windows do not
overlap (`--set windows.evaluation_stride=32`); here overlapping ones are averaged. The
code computes features anew in each epoch, from shifted faces; they are extracted once
here, from faces as they are, so that `augmentation` has an effect only end to end.
"""

import dataclasses

from affect_tf.config import ExperimentConfig
from affect_tf.data.windows import Windows
from affect_tf.models.temporal import BidirectionalGru
from configs import deng2020

SOURCES = tuple(
    dataclasses.replace(source, origins=("affwild2*",)) for source in deng2020.SOURCES
)


def config() -> ExperimentConfig:
    """Returns the paper's experiment."""
    cnn = deng2020.config()
    return dataclasses.replace(
        cnn,
        name="deng2020_rnn",
        architecture=dataclasses.replace(
            cnn.architecture, temporal=BidirectionalGru(units=64)
        ),
        sources=SOURCES,
        windows=Windows(length=32, stride=16),
    )
