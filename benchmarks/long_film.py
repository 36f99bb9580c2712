"""Is a film of 10,000 frames predicted in the memory of one of 2,000?

A film is repeated until it has so many frames. The builder finds its faces, and a
recurrent run predicts every frame, from the pictures: the network in the loop, windows
over each clip of the film. Each step is a process of its own whose peak is measured.

  python -m benchmarks.long_film --film=film.mp4 --config=deng2020_rnn_small \
      --run=runs/deng2020_rnn_small/teacher

Prints the peak resident memory of each step at both lengths, the ratio, and how many
frames were predicted.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import subprocess
import sys
import tempfile

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import av
import numpy as np
from absl import app
from absl import flags

from affect_tf.evaluation.predictions import Predictions
from affect_tf.faces import films

ROOT = pathlib.Path(__file__).resolve().parents[1]

FLAGS = flags.FLAGS
flags.DEFINE_string("film", None, "A film with a face in it.", required=True)
flags.DEFINE_string("config", "deng2020_rnn_small", "The config of the run.")
flags.DEFINE_string("run", None, "A recurrent run.", required=True)
flags.DEFINE_string("taxonomy", "abaw2", "A vocabulary for the records.")
flags.DEFINE_list("frames", ["2000", "10000"], "The two lengths.")


def repeat(source, target, count):
    """Writes a film of `count` frames, over and over those of another."""
    film = films.probe(source)
    # The codec wants even sides.
    height, width = film.height // 2 * 2, film.width // 2 * 2
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        looped = itertools.chain.from_iterable(
            films.frames(source) for _ in itertools.count()
        )
        for frame in itertools.islice(looped, count):
            picture = np.ascontiguousarray(frame.image[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())


def peak(*command):
    """Runs a process; returns its peak resident memory in MB."""
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return usage.ru_maxrss // 1024


def main(argv):
    del argv
    peaks = {}
    for count in map(int, FLAGS.frames):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            repeat(FLAGS.film, folder / "film.mp4", count)
            built = peak(
                "-m",
                "tfrecords_builder",
                "--dataset=video",
                f"--root={folder / 'film.mp4'}",
                f"--taxonomy={FLAGS.taxonomy}",
                f"--out={folder / 'records'}",
            )
            predicted = peak(
                ROOT / "main.py",
                "--mode=evaluate",
                "--split=test",
                f"--config={FLAGS.config}",
                f"--data={folder / 'records'}",
                f"--runs={pathlib.Path(FLAGS.run).resolve()}",
                f"--out={folder / 'out'}",
            )
            rows = Predictions.load(folder / "out" / "predictions.npz")
        peaks[count] = (built, predicted)
        distinct = len(np.unique(rows.frame))
        print(
            f"{count:>6} frames: build {built} MB, prediction {predicted} MB, "
            f"{len(rows)} rows of {distinct} frames",
            flush=True,
        )
    (first, second) = peaks.values()
    for name, small, large in zip(("build", "prediction"), first, second, strict=True):
        print(f"{name}: {large / small:.3f} of the memory")


if __name__ == "__main__":
    app.run(main)
