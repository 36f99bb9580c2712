"""Does memory grow with the data set? Peak resident memory at N and at 10 N samples.

Copies of rendered faces fill one folder of N and one of 10 N records; a process of its
own reads each through the whole training pipeline (shuffling, decoding, augmenting).

  python -m benchmarks.memory --samples=20000

Prints both peaks and their ratio; N must exceed the shuffle buffers (8192 records a
source by default), or the smaller folder does not fill them.
"""

from __future__ import annotations

import pathlib
import resource
import subprocess
import sys
import tempfile

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import tensorflow as tf
from absl import app
from absl import flags

from affect_tf.commands import session as session_lib
from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.labels.taxonomy import ABAW1
from configs import deng2020
from tfrecords_builder.readers import synthetic

FLAGS = flags.FLAGS
flags.DEFINE_integer("samples", 20000, "Records of the smaller folder.")
flags.DEFINE_integer("batches", 600, "Batches that are read.")
flags.DEFINE_string("read", None, "Only read this folder and print the peak in MB.")


def write(folder, count):
    """Writes `count` records of 200 different faces, over 32 shards."""
    table = synthetic.annotations(num_train=200, num_validation=10)
    pictures = [table.pictures.read(key) for key in table.table["key"][:200]]
    units = dict.fromkeys(ABAW1.action_units, 0)
    shards = []
    for number in range(32):
        path = folder / f"train-{number}.tfrecord"
        rows = range(number, count, 32)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows:
                frame = Frame(pictures[row % 200], "neutral", units, 0.0, 0.0)
                sample = Sample(f"{row}", (frame,), "copies", f"{row}")
                writer.write(records.encode(sample, ABAW1))
        tasks = ("expr", "au", "va")
        size = path.stat().st_size
        shards.append(
            Shard(path.name, "train", "copies", tasks, len(rows), len(rows), size, "")
        )
    counts = {"train": {"by_task": dict.fromkeys(tasks, count)}}
    Manifest(ABAW1, tuple(shards), counts, 0, {"min": 1, "max": 1}, 112).save(folder)


def read(folder):
    session = session_lib.open_session(
        deng2020.config(), pathlib.Path(folder), pathlib.Path("runs"), None
    )
    config = session.config
    batches = session.faces.training(
        config.sources, config.batch_size, config.augmentation, seed=0
    )
    for _ in batches.take(FLAGS.batches):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main(argv):
    del argv
    if FLAGS.read:
        read(FLAGS.read)
        return
    peaks = []
    for count in (FLAGS.samples, 10 * FLAGS.samples):
        with tempfile.TemporaryDirectory() as folder:
            write(pathlib.Path(folder), count)
            command = [sys.executable, "-m", "benchmarks.memory", f"--read={folder}"]
            command.append(f"--batches={FLAGS.batches}")
            result = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks.append(int(result.stdout.split()[-1]))
            print(f"{count:>8} records: peak of {peaks[-1]} MB", flush=True)
    print(f"ratio: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    app.run(main)
