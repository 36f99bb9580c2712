"""Do students beat their teacher? Several seeds, equal training budgets.

For each seed one teacher and three students of it, trained by the command line, then
scored on the validation split: the teacher, each student alone, and the ensemble of the
three. Prints mean and standard deviation over seeds, and the students' gain over their
own teacher, paired by seed. Finished runs are kept: a study may be stopped and go on.

  python -m benchmarks.teacher_student --data=data/faces --workdir=runs/study
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import rich.console
import rich.table
from absl import app
from absl import flags

MAIN = pathlib.Path(__file__).resolve().parents[1] / "main.py"
SEED_STEP = 10
METRICS = {
    "expression accuracy": ("expr", "accuracy"),
    "expression macro F1": ("expr", "f1"),
    "mean AU F1": ("au", "f1"),
    "valence CCC": ("va", "valence_ccc"),
    "arousal CCC": ("va", "arousal_ccc"),
    "overall": ("overall",),
}

FLAGS = flags.FLAGS
flags.DEFINE_string("data", None, "Folder of TFRecords.", required=True)
flags.DEFINE_string("workdir", "runs/study", "Folder for the runs.")
flags.DEFINE_string("config", "deng2020_small", "The experiment.")
flags.DEFINE_integer("seeds", 3, "Teachers to train.")
flags.DEFINE_integer("students", 3, "Students of each teacher.")
flags.DEFINE_multi_string("set", [], "Change a field of the config.")


def call(seed, **arguments):
    """Runs the command line for one seed; its output goes to a log beside the runs."""
    folder = pathlib.Path(FLAGS.workdir) / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    given = {
        "config": FLAGS.config,
        "data": FLAGS.data,
        "workdir": folder,
        "num_students": FLAGS.students,
        **arguments,
    }
    command = [sys.executable, str(MAIN), f"--set=seed={seed}"]
    command += [f"--{name}={value}" for name, value in given.items()]
    command += [f"--set={assignment}" for assignment in FLAGS.set]
    with (folder / "log.txt").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)


def scores(seed, runs):
    """Returns the metrics of runs, averaged as an ensemble."""
    folder = pathlib.Path(FLAGS.workdir) / str(seed) / "scores"
    target = folder / f"{'+'.join(runs)}.json"
    if not target.exists():
        call(seed, mode="evaluate", runs=",".join(runs), json=target, out=folder)
    document = json.loads(target.read_text())["scores"]
    values = []
    for path in METRICS.values():
        value = document
        for key in path:
            value = value[key]
        values.append(value)
    return values


def main(argv):
    del argv
    students = [f"student-{number}" for number in range(FLAGS.students)]
    found = {"teacher": [], "student": [], "ensemble": []}
    for number in range(FLAGS.seeds):
        seed = number * SEED_STEP
        for mode in ("teacher", "student"):
            call(seed, mode=mode)
        found["teacher"].append(scores(seed, ["teacher"]))
        alone = [scores(seed, [name]) for name in students]
        found["student"].append(np.mean(alone, axis=0))
        found["ensemble"].append(scores(seed, students))
        print(f"seed {seed} done", flush=True)
    systems = {name: np.array(values) for name, values in found.items()}
    table = rich.table.Table(box=None)
    table.add_column("validation")
    gains = ("student - teacher", "ensemble - teacher")
    for name in (*systems, *gains):
        table.add_column(name, justify="right")
    systems[gains[0]] = systems["student"] - systems["teacher"]
    systems[gains[1]] = systems["ensemble"] - systems["teacher"]
    for column, metric in enumerate(METRICS):
        cells = [
            f"{values[:, column].mean():.3f} ± {values[:, column].std(ddof=1):.3f}"
            for values in systems.values()
        ]
        table.add_row(metric, *cells)
    rich.console.Console(width=120).print(table)
    print(
        f"{FLAGS.seeds} seeds; a student's number is the mean of the {FLAGS.students} "
        "students of its teacher; ± is the standard deviation over seeds"
    )


if __name__ == "__main__":
    app.run(main)
