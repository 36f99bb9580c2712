"""Do shared features tell less of the set a sample is from with a discriminator?

A fresh classifier learns to tell the sets of single tasks from the frozen features that
all tasks share (the layer "shared" of a `FaceAndSound`), on half of the people, and is
asked of the other half. A discriminator that works behind its reversed gradient leaves
it less to go by. The sets must differ in more than their labels, as those of `--places`
do: see the study `jeong_table1`, whose runs lie in folders by config and seed.

  python -m benchmarks.source_probe --data=FEAT --runs=RUN[,RUN...]

Prints, for each run, delta and the share of right answers beside chance, on features of
the run and on the towers' own vectors, which are its inputs.
"""

from __future__ import annotations

import pathlib

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
import rich.console
import tensorflow as tf
from absl import app
from absl import flags
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.commands import session as session_lib
from affect_tf.data.augment import Augmentation

FLAGS = flags.FLAGS
flags.DEFINE_string("data", None, "Folder of the features.", required=True)
flags.DEFINE_list("runs", None, "Folders of trained runs.", required=True)
flags.DEFINE_integer("samples", 3000, "Samples of each set.")

_STILL = Augmentation(translation=0.0, horizontal_flip=False)


def shared_features(run, data):
    """Returns the features, the towers' vectors, sets and people of samples."""
    config = run_folder.stored_config(run)
    session = session_lib.open_session(
        config, data, pathlib.Path("unused"), rich.console.Console(quiet=True)
    )
    model = run_models.trained_model(run, data=session.faces.manifest)
    layer = model.get_layer("shared").output
    shared = tf.function(tf.keras.Model(model.input, layer))
    sets = [source for source in config.sources if len(source.tasks) == 1]
    rows = 50 * len(sets)
    batches = session.faces.training(sets, rows, _STILL, seed=1)
    found = []
    for batch in batches.take(FLAGS.samples // 50):
        seen = [
            value.numpy().reshape(rows, -1)
            for name, value in sorted(batch.inputs.items())
            if name.endswith("_embedding")
        ]
        found.append(
            (
                shared(batch.inputs).numpy(),
                np.concatenate(seen, axis=1),
                batch.source.numpy(),
                batch.subject.numpy(),
            )
        )
    return [np.concatenate(part) for part in zip(*found, strict=True)]


def accuracy(features, sets, people):
    """Returns the share of right answers on people that the classifier never saw."""
    names = np.unique(people)
    seen = np.isin(people, names[::2])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    classifier.fit(features[seen], sets[seen])
    return classifier.score(features[~seen], sets[~seen])


def main(argv):
    del argv
    data = pathlib.Path(FLAGS.data)
    for name in FLAGS.runs:
        run = pathlib.Path(name)
        shared, towers, sets, people = shared_features(run, data)
        adversarial = run_folder.stored_config(run).adversarial
        delta = "none" if adversarial is None else adversarial.weight
        print(
            f"{run}: delta {delta}, shared {accuracy(shared, sets, people):.3f}, "
            f"towers {accuracy(towers, sets, people):.3f}, chance "
            f"{1 / len(np.unique(sets)):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
