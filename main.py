"""Command line of affect_tf: one mode of one experiment.

  python main.py --mode=teacher     render the sample faces once, train a teacher
  python main.py --mode=student     train a student of it, on labels and soft labels
  python main.py --mode=evaluate    score what was trained, with intervals and plots
  python main.py --mode=export      write a SavedModel for serving
  python main.py --mode=doctor      tell what this machine and these data can do

Your own faces, after `python -m tfrecords_builder --dataset=csv ...`:

  python main.py --mode=teacher --config=deng2020_small --data=data/faces
"""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
import sys
from typing import Any

import rich.console
from absl import app
from absl import flags
from absl import logging

import configs
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import closest

_MODULES = {
    "teacher": "train",
    "student": "train",
    "evaluate": "evaluate",
    "export": "export",
    "doctor": "doctor",
}
CONFIGS = tuple(module.name for module in pkgutil.iter_modules(configs.__path__))

_TRAINING_STOPPED = (
    "Stopped. What was trained is saved. The same command goes on, without --overwrite."
)
_STOPPED = {"teacher": _TRAINING_STOPPED, "student": _TRAINING_STOPPED}

FLAGS = flags.FLAGS
flags.DEFINE_enum("mode", "teacher", list(_MODULES), "What to do.")
flags.DEFINE_string("config", "sample", f"Experiment: {', '.join(CONFIGS)}.")
flags.DEFINE_string(
    "data", None, "Folder of TFRecords; only --config=sample makes its own."
)
flags.DEFINE_string("workdir", "runs", "Folder under which runs are kept.")
flags.DEFINE_multi_string(
    "set", [], "Change a field of the config: key.path=value; may be repeated."
)
flags.DEFINE_integer(
    "num_students", None, "Students to train, as one ensemble.", lower_bound=1
)
flags.DEFINE_bool("overwrite", False, "Train anew what the folder already holds.")
flags.DEFINE_list(
    "runs",
    [],
    "Runs to evaluate or export, as one ensemble: folders, or names such as teacher. "
    "Default: all students, or else the teacher.",
)
flags.DEFINE_string("split", "validation", "Split to evaluate on.")
flags.DEFINE_string("json", None, "Also write the scores to this file.")
flags.DEFINE_string("out", None, "Folder for plots (evaluate) or the model (export).")


def main(argv: list[str]) -> int:
    """Runs one mode; returns the exit code."""
    logging.set_verbosity(logging.WARNING)
    console = rich.console.Console()
    try:
        if len(argv) > 1:
            raise UserError(
                f"Flags must begin with --. Received: {argv[1]!r}. See --help.", 2
            )
        _run(console)
    except UserError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return error.exit_code
    except OSError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(_STOPPED.get(FLAGS.mode, "Stopped."))
        return 130
    return 0


def _run(console: rich.console.Console) -> None:
    """Dispatches; TensorFlow takes seconds to load, so it waits for good flags."""
    config, data = _load_config(console)
    workdir = pathlib.Path(FLAGS.workdir)
    mode = importlib.import_module(f"affect_tf.commands.{_MODULES[FLAGS.mode]}")
    if FLAGS.mode == "doctor":
        mode.examine(config, data, workdir, console)
        return
    session_lib = importlib.import_module("affect_tf.commands.session")
    session = session_lib.open_session(config, data, workdir, console)
    if FLAGS.mode == "teacher":
        mode.teacher(session, FLAGS.overwrite)
    elif FLAGS.mode == "student":
        mode.student(session, FLAGS.overwrite)
    elif FLAGS.mode == "evaluate":
        mode.evaluate(session, FLAGS.runs, FLAGS.split, FLAGS.json, FLAGS.out)
    else:
        mode.export(session, FLAGS.runs, FLAGS.out)


def _load_config(console: rich.console.Console) -> tuple[Any, pathlib.Path | None]:
    """Returns the config with the overrides of the command line, and its data."""
    if FLAGS.config not in CONFIGS:
        raise UserError(
            f"--config must name an experiment. Received: --config={FLAGS.config}. "
            f"{closest(FLAGS.config, CONFIGS)}",
            exit_code=2,
        )
    module = importlib.import_module(f"configs.{FLAGS.config}")
    override = importlib.import_module("affect_tf.config_text").override
    assignments = list(FLAGS.set)
    if FLAGS.num_students is not None:
        assignments.append(f"num_students={FLAGS.num_students}")
    config = module.config()
    try:
        for assignment in assignments:
            config = override(config, assignment)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    if FLAGS.data is not None:
        return config, pathlib.Path(FLAGS.data)
    if FLAGS.mode == "doctor" and not hasattr(module, "prepare"):
        return config, None
    if not hasattr(module, "prepare"):
        raise UserError(
            "--data must name a folder of TFRecords. "
            f"Received: none, for --config={FLAGS.config}. Build one with "
            "'python -m tfrecords_builder', or try --config=sample.",
            exit_code=2,
        )
    return config, module.prepare(console)


if __name__ == "__main__":
    app.run(lambda argv: sys.exit(main(argv)))
