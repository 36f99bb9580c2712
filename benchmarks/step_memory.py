"""Does a step of Jeong et al. at batch 256 fit into 16 GiB?

Both towers are trained along, on 6 faces of 112x112 and 10 s of sound a sample, the
batch going through them in pieces. The batch is random numbers: what a step takes does
not depend on them.

  python -m benchmarks.step_memory --pieces=16

Prints the seconds of the second step and the peak resident memory of the process.
"""

from __future__ import annotations

import dataclasses
import resource
import time

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
import tensorflow as tf
from absl import app
from absl import flags

from affect_tf.commands import new_models
from affect_tf.data.batch import Batch
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.training import assembly
from affect_tf.training import precision
from configs import jeong2022

FLAGS = flags.FLAGS
flags.DEFINE_integer("pieces", 16, "Parts of the batch.")
flags.DEFINE_integer("batch_size", 256, "Samples.")


def random_batch(config):
    """Returns a batch of one set, labelled for valence and arousal."""
    past, size = config.windows, config.architecture.image_size
    rows = config.batch_size
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (rows, past.frames, size, size, 3), np.uint8)
    shape = (rows, past.num_samples, past.channels)
    sound = random.integers(-3000, 3000, shape, np.int16)
    masks = {"expr": [0.0], "au": [[0.0] * 12], "va": [1.0]}
    labels = {
        "expr": tf.zeros([rows], tf.int32),
        "au": tf.zeros([rows, 12]),
        "va": tf.constant(random.uniform(-1, 1, (rows, 2)), tf.float32),
    }
    nobody = tf.fill([rows], "")
    return Batch(
        inputs={
            "image": tf.constant(faces),
            "present": tf.ones([rows, past.frames], tf.bool),
            "sound": tf.constant(sound),
            "heard": tf.fill([rows], past.num_samples),
        },
        labels=labels,
        masks={task: tf.constant(mask * rows) for task, mask in masks.items()},
        source=tf.zeros([rows], tf.int32),
        weight=tf.ones([rows]),
        key=nobody,
        subject=nobody,
        frame=tf.zeros([rows], tf.int64),
        row=tf.zeros([rows], tf.int64),
    )


def main(argv):
    del argv
    config = dataclasses.replace(
        jeong2022.config(),
        train_cnn=True,
        pieces=FLAGS.pieces,
        batch_size=FLAGS.batch_size,
    ).for_data(ABAW3, {})
    policy = precision.choose(config.precision).policy
    model = new_models.new_model(config, policy, 0, {})
    trainer = assembly.build(model, config, config.teacher, 1000)
    batch = random_batch(config)
    trainer.train_step(batch)
    began = time.perf_counter()
    trainer.train_step(batch).numpy()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"batch {FLAGS.batch_size} in {FLAGS.pieces} pieces, {policy}: step in "
        f"{seconds:.0f} s, peak {peak:.1f} GiB"
    )


if __name__ == "__main__":
    app.run(main)
