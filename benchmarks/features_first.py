"""What is gained by running a frozen network once, and is anything lost?

A recurrent model is trained twice on the same clips, one after the other: from features
that were extracted once, and from the pictures with the frozen network in the loop. An
epoch of each is timed as a whole, reading included, after two steps that are not.
Then one model, trained on features, predicts the validation split both ways.

  python main.py --mode=teacher --config=deng2020 --data=data/clips
  python -m benchmarks.features_first --data=data/clips --cnn=runs/deng2020/teacher

Prints the seconds of an epoch of each kind and their ratio, the seconds of the
extraction, and the largest differences between scores and between metrics.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
import time

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
import rich.console
from absl import app
from absl import flags

from affect_tf.commands import evaluate
from affect_tf.commands import features
from affect_tf.commands import new_models
from affect_tf.commands import run_folder
from affect_tf.commands import session as session_lib
from affect_tf.commands import train
from affect_tf.training import assembly
from affect_tf.training import precision
from configs import deng2020_rnn

FLAGS = flags.FLAGS
flags.DEFINE_string("data", None, "Folder of clips.", required=True)
flags.DEFINE_string("cnn", None, "A trained run on single pictures.", required=True)
flags.DEFINE_integer("epochs", 2, "Epochs of the model that predicts both ways.")


def recurrent(cnn):
    """Returns the recurrent config on top of the network of a run."""
    below = run_folder.stored_config(cnn)
    config = deng2020_rnn.config()
    return dataclasses.replace(
        config,
        tasks=below.tasks,
        taxonomy=below.taxonomy,
        sources=below.sources,
        architecture=dataclasses.replace(
            below.architecture, temporal=config.architecture.temporal
        ),
        teacher=dataclasses.replace(config.teacher, epochs=FLAGS.epochs),
    )


def stepper(session):
    """Returns a function that does one training step, and the steps of an epoch."""
    config, faces = session.config, session.faces
    policy = precision.choose(config.precision).policy
    model = new_models.new_model(config, policy, 0, faces.manifest.features)
    steps = faces.steps_per_epoch(config.sources, config.batch_size, config.batching)
    trainer = assembly.build(model, config, config.teacher, steps)
    batches = iter(
        faces.training(
            config.sources,
            config.batch_size,
            config.augmentation,
            seed=0,
            batching=config.batching,
        )
    )
    return lambda: trainer.train_step(next(batches)).numpy(), steps


def measure(sessions):
    """Prints the seconds of an epoch of each kind, and their ratio."""
    epochs = {}
    for name, session in sessions.items():
        step, steps = stepper(session)
        step()
        step()
        began = time.perf_counter()
        for _ in range(steps):
            step()
        epochs[name] = time.perf_counter() - began
        print(f"{name:>9}: an epoch of {steps} steps in {epochs[name]:.2f} s")
    print(f"pictures / features: {epochs['pictures'] / epochs['features']:.1f}")


def compare(sessions):
    """Trains on features and prints how far the two ways of predicting differ."""
    train.train_teacher(sessions["features"])
    run = sessions["features"].run("teacher")
    scored = {
        name: evaluate.score(session, [run], "validation")
        for name, session in sessions.items()
    }
    stored, seen = scored["features"].predictions, scored["pictures"].predictions
    for task, values in stored.scores.items():
        largest = np.abs(values - seen.scores[task]).max()
        print(f"largest difference between {task} scores: {largest:.2e}")
    pair = [scored[name].scores.headline() for name in ("features", "pictures")]
    largest = max(abs(pair[0][name] - pair[1][name]) for name in pair[0])
    print(f"largest difference between metrics: {largest:.2e}")


def main(argv):
    del argv
    console = rich.console.Console()
    data, cnn = pathlib.Path(FLAGS.data), pathlib.Path(FLAGS.cnn)
    config = recurrent(cnn)
    with tempfile.TemporaryDirectory() as folder:
        target, workdir = pathlib.Path(folder) / "features", pathlib.Path(folder)
        below = run_folder.stored_config(cnn)
        clips = session_lib.open_session(below, data, workdir, console)
        began = time.perf_counter()
        frames = features.extract(clips, cnn, target)
        print(f"extraction: {frames} frames in {time.perf_counter() - began:.1f} s")
        on_pictures = dataclasses.replace(config, cnn=str(cnn))
        sessions = {
            "features": session_lib.open_session(config, target, workdir, console),
            "pictures": session_lib.open_session(on_pictures, data, workdir, console),
        }
        measure(sessions)
        compare(sessions)


if __name__ == "__main__":
    app.run(main)
