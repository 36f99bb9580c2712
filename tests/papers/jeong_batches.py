"""Rows of the four sets of Jeong et al. 2022 as batches, and linear models of them."""

import dataclasses

import numpy as np
import tensorflow as tf

from affect_tf.data.batch import Batch
from affect_tf.data.records import Rows
from affect_tf.labels.taxonomy import ABAW3

WIDTHS = {"expr": 8, "au": 12, "va": 2}
SOURCES = 3


@dataclasses.dataclass(frozen=True)
class Descent:
    """Plain gradient descent at a rate of its own, whatever the schedule."""

    rate: float = 1.0

    def build(self, learning_rate):
        del learning_rate
        return tf.keras.optimizers.SGD(self.rate)


def rows_of(random, sets):
    """One row of each set; every frame has all labels, whatever its set."""
    return [
        {
            "set": name,
            "expr": int(random.integers(len(ABAW3.expressions))),
            "au": random.integers(0, 2, len(ABAW3.action_units)).tolist(),
            "va": random.uniform(-1, 1, 2).tolist(),
        }
        for name in sets
    ]


def batch_of(rows, inputs, sources, hidden_units=()):
    """The batch as the pipeline gives it: with what each set's source lets through.

    Args:
      rows: From `rows_of`.
      inputs: Of the model, or the features of a linear one, [B, D].
      sources: The config's.
      hidden_units: Units without annotation.
    """
    names = [source.name for source in sources]
    units = [float(unit not in hidden_units) for unit in range(WIDTHS["au"])]
    there = {"expr": [1.0], "au": [units], "va": [1.0]}
    one = Rows(**dict.fromkeys(Rows._fields))._replace(
        masks={task: tf.constant(mask) for task, mask in there.items()}
    )
    numbers = [names.index(row["set"]) for row in rows]
    masks = [sources[number].masked(one).masks for number in numbers]
    if not isinstance(inputs, dict):
        inputs = {"x": tf.constant(inputs, tf.float32)}
    text, zeros = tf.fill([len(rows)], "face"), tf.zeros(len(rows), tf.int64)
    return Batch(
        inputs=inputs,
        labels={
            "expr": tf.constant([row["expr"] for row in rows], tf.int32),
            "au": tf.constant([row["au"] for row in rows], tf.float32),
            "va": tf.constant([row["va"] for row in rows], tf.float32),
        },
        masks={task: tf.concat([mask[task] for mask in masks], 0) for task in WIDTHS},
        source=tf.constant(numbers, tf.int32),
        weight=tf.ones(len(rows)),
        key=text,
        subject=text,
        frame=zeros,
        row=zeros,
    )


def linear_case(random, num_rows, discriminates):
    """Features [B, 2], and a kernel [2, K] of each output."""
    features = random.normal(size=(num_rows, 2))
    widths = {**WIDTHS, "discriminator": SOURCES} if discriminates else WIDTHS
    return features, {
        name: random.normal(size=(2, width)) for name, width in widths.items()
    }


def linear(kernels):
    """A model of one layer an output, without bias, and nothing else."""
    x = tf.keras.Input((2,), name="x")
    layers = {
        name: tf.keras.layers.Dense(kernel.shape[1], use_bias=False, name=name)
        for name, kernel in kernels.items()
    }
    model = tf.keras.Model({"x": x}, {name: each(x) for name, each in layers.items()})
    for name, layer in layers.items():
        layer.kernel.assign(np.float32(kernels[name]))
    return model
