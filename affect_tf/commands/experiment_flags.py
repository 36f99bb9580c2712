"""The flags that several modes of an experiment share. Loads no TensorFlow itself."""

from __future__ import annotations

import importlib
from typing import Any

from absl import flags

from affect_tf.errors import UserError

#: The modes that have a config and data.
_MODES = ("teacher", "student", "evaluate", "export", "doctor", "features", "study")
#: The modes in which each flag has an effect.
USED_IN = {
    **dict.fromkeys(("data", "set"), _MODES),
    # A teacher keeps it with its config, of which the students are trained.
    "num_students": ("teacher", "student", "study"),
    "overwrite": ("teacher", "student", "features", "study"),
    "runs": ("evaluate", "export", "features"),
    "out": ("evaluate", "export", "features", "predict"),
}
#: What --set may change of a run that is trained: all else is the run's own.
_SET_IN = {
    "evaluate": ("cnn", "windows.evaluation_stride"),
    "export": ("cnn", "windows.evaluation_stride"),
}

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "data", None, "Folder of TFRecords; only --config=sample makes its own."
)
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
    "Runs to evaluate or export, as one ensemble, or the one to take features from: "
    "folders, or names such as teacher. Default: all students, or else the teacher; "
    "for features, the best of them.",
)
flags.DEFINE_string(
    "out",
    None,
    "Folder for plots (evaluate), the model (export) or features; the table (predict), "
    ".csv, .parquet or .jsonl.",
)


def check_set(mode: str) -> None:
    """Refuses a change of the config that a mode cannot make.

    Args:
      mode: The mode that runs.

    Raises:
      UserError: For a --set of what a trained run fixes, or of a study's seeds.
    """
    for assignment in FLAGS.set if mode in _SET_IN else ():
        path, may = assignment.partition("=")[0], _SET_IN[mode]
        if path not in may:
            raise UserError(
                f"--set must change what --mode={mode} does not take from the "
                f"run: {' or '.join(may) or 'nothing'}. Received: --set {assignment}. "
                "Leave it out; a run keeps the config that it was trained with.",
                exit_code=2,
            )
    if mode == "study" and any(s.startswith("seed=") for s in FLAGS.set):
        raise UserError(
            "The seeds of a study must be its own. Received: --set seed. "
            "Use --seeds for how many there are.",
            exit_code=2,
        )


def overridden(config: Any) -> Any:
    """Returns a config with the changes of the command line.

    Args:
      config: An `ExperimentConfig`.

    Raises:
      UserError: For a change that is none of the config.
    """
    assignments = list(FLAGS.set)
    if FLAGS.num_students is not None:
        assignments.append(f"num_students={FLAGS.num_students}")
    if not assignments:
        return config
    override = importlib.import_module("affect_tf.config_text").override
    parts = importlib.import_module("affect_tf.commands.run_folder").CONFIG_MODULES
    try:
        for assignment in assignments:
            config = override(config, assignment, parts)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    return config
