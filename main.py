"""Command line of affect_tf: one mode of one experiment.

  python main.py --mode=teacher     render the sample faces once, train a teacher
  python main.py --mode=student     train a student of it, on labels and soft labels
  python main.py --mode=evaluate    score what was trained, with intervals and plots
  python main.py --mode=export      write a SavedModel for serving
  python main.py --mode=doctor      tell what this machine and these data can do
  python main.py --mode=features    write what a trained network sees in each frame
  python main.py --mode=study       train and compare several systems over several seeds
  python main.py --mode=predict     a table of the faces in photographs and films
  python main.py --mode=serve       answer over HTTP, with a page to try the model

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
import configs.studies
from affect_tf.commands import evaluate_flags
from affect_tf.commands import experiment_flags
from affect_tf.commands import export_flags
from affect_tf.commands import flag_rules
from affect_tf.commands import predict_flags
from affect_tf.commands import printed
from affect_tf.commands import serve_flags
from affect_tf.commands import study_flags
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import closest

_MODULES = {
    "teacher": "train",
    "student": "train",
    "evaluate": "evaluate",
    "export": "export",
    "doctor": "doctor",
    "features": "features",
    "study": "study",
    "predict": "predict",
    "serve": "serve",
}
CONFIGS = tuple(m.name for m in pkgutil.iter_modules(configs.__path__) if not m.ispkg)
STUDIES = tuple(m.name for m in pkgutil.iter_modules(configs.studies.__path__))

_TRAINING_STOPPED = (
    "Stopped. What was trained is saved. The same command goes on, without --overwrite."
)
_STOPPED = {
    "teacher": _TRAINING_STOPPED,
    "student": _TRAINING_STOPPED,
    "features": "Stopped. The same command goes on after the last whole shard.",
    "study": "Stopped. The same command goes on, without --overwrite.",
}

FLAGS = flags.FLAGS
flags.DEFINE_enum("mode", "teacher", list(_MODULES), "What to do.")
flags.DEFINE_string("config", "sample", f"Experiment: {', '.join(CONFIGS)}.")
flags.DEFINE_string("workdir", "runs", "Folder under which runs are kept.")
flags.DEFINE_string("study", None, f"Study to run: {', '.join(STUDIES)}.")
flags.DEFINE_string(
    "model", None, "Folder of a SavedModel. Default: the export of --config."
)

#: The modes in which a flag has an effect, where it has none in some.
_USED_IN = {
    "config": [mode for mode in _MODULES if mode != "study"],
    "study": ["study"],
    "model": ["predict", "serve"],
    **experiment_flags.USED_IN,
    **evaluate_flags.USED_IN,
    **export_flags.USED_IN,
    **study_flags.USED_IN,
    **predict_flags.USED_IN,
    **serve_flags.USED_IN,
}
#: What names files and folders.
_PATHS = (
    "data",
    "input",
    "json",
    "model",
    "out",
    "overlay",
    "report",
    "runs",
    "workdir",
)
# Beside those above, what --help shows; --helpfull shows those of all modes.
for _module in (
    *(experiment_flags, evaluate_flags, export_flags, study_flags),
    *(predict_flags, serve_flags),
):
    flags.adopt_module_key_flags(_module)


def main(argv: list[str]) -> int:
    """Runs one mode; returns the exit code."""
    logging.set_verbosity(logging.WARNING)
    console = rich.console.Console()
    try:
        if len(argv) > 1:
            raise UserError(
                f"Flags must begin with --. Received: {argv[1]!r}. See --help.", 2
            )
        flag_rules.expand_home(_PATHS)
        flag_rules.check_used(_USED_IN, FLAGS.mode)
        experiment_flags.check_set(FLAGS.mode)
        _run(console)
    except UserError as error:
        printed.say(console, f"error: {error}", "red")
        return error.exit_code
    except OSError as error:
        printed.say(console, f"error: {error}", "red")
        return 1
    except KeyboardInterrupt:
        console.print(_STOPPED.get(FLAGS.mode, "Stopped."))
        return 130
    return 0


def _run(console: rich.console.Console) -> None:
    """Dispatches; TensorFlow takes seconds to load, so it waits for good flags."""
    if FLAGS.mode == "study":
        _run_study(console)
        return
    if FLAGS.mode in ("predict", "serve"):
        _run_model(console)
        return
    config, data = _load_config(console)
    workdir = pathlib.Path(FLAGS.workdir)
    mode = importlib.import_module(f"affect_tf.commands.{_MODULES[FLAGS.mode]}")
    if FLAGS.mode == "doctor":
        mode.examine(config, data, workdir, console)
        return
    session_lib = importlib.import_module("affect_tf.commands.session")
    trains = FLAGS.mode in ("teacher", "student")
    session = session_lib.open_session(config, data, workdir, console, trains)
    if FLAGS.mode == "teacher":
        mode.teacher(session, FLAGS.overwrite)
    elif FLAGS.mode == "student":
        mode.student(session, FLAGS.overwrite)
    elif FLAGS.mode == "features":
        mode.features(session, FLAGS.runs, FLAGS.out, FLAGS.overwrite, FLAGS.set)
    elif FLAGS.mode == "evaluate":
        evaluate_flags.evaluate(session)
    else:
        export_flags.export(session)


def _run_study(console: rich.console.Console) -> None:
    """Runs the study that --study names, on --data or on what it makes for itself."""
    module = _named("configs.studies", "study", STUDIES)
    try:
        study = module.study().map_configs(experiment_flags.overridden)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    data = _data(module, console)
    workdir = pathlib.Path(FLAGS.workdir)
    study_flags.run(study, FLAGS.study, data, workdir, console)


def _run_model(console: rich.console.Console) -> None:
    """Runs the model that --model names, or the export of --config."""
    if FLAGS.model is None:
        name = _named("configs", "config", CONFIGS).config().name
        model = pathlib.Path(FLAGS.workdir) / name / "export"
    else:
        flag_rules.check_alone("model", ("config", "workdir"))
        model = pathlib.Path(FLAGS.model)
    if FLAGS.mode == "predict":
        options = predict_flags.options(model)
        importlib.import_module("affect_tf.commands.predict").predict(options, console)
    else:
        serve_flags.serve(model, console)


def _load_config(console: rich.console.Console) -> tuple[Any, pathlib.Path | None]:
    """Returns the config with the overrides of the command line, and its data."""
    module = _named("configs", "config", CONFIGS)
    config = experiment_flags.overridden(module.config())
    if FLAGS.mode == "doctor" and FLAGS.data is None and not hasattr(module, "prepare"):
        return config, None
    return config, _data(module, console)


def _named(package: str, flag: str, known: tuple[str, ...]) -> Any:
    """Returns the module of a package that a flag names."""
    name = FLAGS[flag].value or ""
    if name not in known:
        raise UserError(
            f"--{flag} must name one that there is. Received: --{flag}={name}. "
            f"{closest(name, known)}",
            exit_code=2,
        )
    return importlib.import_module(f"{package}.{name}")


def _data(module: Any, console: rich.console.Console) -> pathlib.Path:
    """Returns the data folder of the flags, or that which a config makes itself."""
    if FLAGS.data is not None:
        return pathlib.Path(FLAGS.data)
    if not hasattr(module, "prepare"):
        raise UserError(
            "--data must name a folder of TFRecords. "
            f"Received: none, for {module.__name__}. Build one with "
            "'python -m tfrecords_builder', or try the sample.",
            exit_code=2,
        )
    return module.prepare(console)


if __name__ == "__main__":
    app.run(lambda argv: sys.exit(main(argv)), flags_parser=flag_rules.parsed)
