"""The same pictures through every way there is: are their scores the same?

Aligned faces go through the SavedModel by TensorFlow alone, through Python
(`Predictor`), the command line, and both protocols of a server, in batches of 1 and 32.

  python -m benchmarks.equal_scores --model=runs/mine/export --faces=FOLDER --count=200

Prints the largest difference of any score from the SavedModel in batches of 1, for each
way, and ends with 1 if one is above 1e-5.
"""

from __future__ import annotations

import base64
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
import pandas as pd
import tensorflow as tf
from absl import app
from absl import flags

from affect_tf.serving import Predictor
from affect_tf.serving import version_folder
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction.table import Columns
from affect_tf.serving.score_graphs import VALID
from benchmarks import served

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Folder of exported versions.", required=True)
flags.DEFINE_string("faces", None, "Folder of aligned JPEG and PNG.", required=True)
flags.DEFINE_integer("count", 200, "How many of them.")

_BATCHES = (1, 32)
_TOLERANCE = 1e-5


def in_batches(call, pictures, size):
    """Returns {output: [N, K]} of calls that take so many pictures each."""
    parts = [call(pictures[i : i + size]) for i in range(0, len(pictures), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def by_tensorflow(model):
    newest = version_folder.newest(pathlib.Path(model))
    serve = tf.saved_model.load(str(newest)).signatures["serving_default"]
    return lambda rows: {
        name: value.numpy() for name, value in serve(image_bytes=rows).items()
    }


def by_v1(port):
    def call(rows):
        given = {"instances": [{"b64": base64.b64encode(r).decode()} for r in rows]}
        answers = posted(port, "/v1/models/affect:predict", given)["predictions"]
        return {name: np.array([a[name] for a in answers]) for name in answers[0]}

    return call


def by_v2(port):
    def call(rows):
        data = [base64.b64encode(row).decode() for row in rows]
        tensor = {"name": "image_bytes", "datatype": "BYTES"}
        tensor |= {"shape": [len(rows)], "data": data}
        answer = posted(port, "/v2/models/affect/infer", {"inputs": [tensor]})
        return {
            output["name"]: np.array(output["data"]).reshape(output["shape"])
            for output in answer["outputs"]
        }

    return call


def posted(port, path, value):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", path, json.dumps(value))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}: {body[:300]!r}")
    return json.loads(body)


def by_command(paths, size, folder):
    """Returns the table that the command line writes."""
    out = pathlib.Path(folder) / f"batch{size}.parquet"
    command = [sys.executable, "main.py", "--mode=predict", "--aligned"]
    command += [f"--model={FLAGS.model}", f"--batch={size}", f"--out={out}"]
    command += [f"--input={path}" for path in paths]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return pd.read_parquet(out)


def of_table(table, columns):
    """Returns the scores of a table as the outputs of a model."""
    return {
        output: table[names].to_numpy(np.float64)
        for output, names in columns.outputs.items()
    }


def main(argv):
    del argv
    found = sorted(pathlib.Path(FLAGS.faces).rglob("*"))
    kinds = (".jpg", ".jpeg", ".png")
    paths = [path for path in found if path.suffix.lower() in kinds][: FLAGS.count]
    pictures = [path.read_bytes() for path in paths]
    reference = in_batches(by_tensorflow(FLAGS.model), pictures, 1)
    if not reference[VALID].all():
        raise SystemExit("every picture must be one that the model reads")
    loaded = LoadedModel(FLAGS.model)
    columns = Columns(loaded.taxonomy, loaded.has_spread, loaded.thresholds)
    ways = {}
    with served.server(FLAGS.model) as port, tempfile.TemporaryDirectory() as folder:
        calls = {
            "SavedModel": by_tensorflow(FLAGS.model),
            "server, v1": by_v1(port),
            "server, v2": by_v2(port),
        }
        for size in _BATCHES:
            for name, call in calls.items():
                ways[name, size] = in_batches(call, pictures, size)
            predictor = Predictor(FLAGS.model, detector="none", batch_size=size)
            table = predictor.predict([str(path) for path in paths])
            ways["Python", size] = of_table(table, columns)
            table = by_command(paths, size, folder)
            ways["command line", size] = of_table(table, columns)
    worst = 0.0
    for (name, size), scores in ways.items():
        differences = [
            np.abs(scores[output] - reference[output].astype(np.float64)).max()
            for output in columns.outputs
        ]
        worst = max(worst, *differences)
        print(
            f"{name:13} batches of {size:2}: largest difference {max(differences):.1e}"
        )
    print(f"{len(paths)} pictures, {len(columns.outputs)} outputs")
    if worst > _TOLERANCE:
        raise SystemExit(1)


if __name__ == "__main__":
    app.run(main)
