"""The flags of `--mode=study`. Loads no TensorFlow until they are known to be good."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import rich.console
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_integer(
    "seeds", None, "Seeds of a study; default: what it says.", lower_bound=1
)

#: The modes in which each flag has an effect.
USED_IN = {"seeds": ("study",)}


def run(
    study: Any,
    name: str,
    data: pathlib.Path,
    workdir: pathlib.Path,
    console: rich.console.Console,
) -> None:
    """Runs a study as the flags say.

    Args:
      study: A `studies.definition.Study`, with the changes of the command line.
      name: What it is called.
      data: Folder of TFRecords.
      workdir: Folder under which runs are kept.
      console: Where a person reads.

    Raises:
      UserError: If the study does not fit the data, or what the folder holds.
    """
    mode = importlib.import_module("affect_tf.commands.study")
    mode.run_study(
        study, name, data, workdir, console, FLAGS.seeds, FLAGS.overwrite, FLAGS.set
    )
