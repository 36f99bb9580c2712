"""The flags of `--mode=evaluate`. Loads no TensorFlow until they are known as good."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from affect_tf.commands.session import Session

FLAGS = flags.FLAGS
flags.DEFINE_string("split", "validation", "Split to evaluate on.")
flags.DEFINE_string("json", None, "Also write the scores to this file.")

#: The modes in which each flag has an effect.
USED_IN = dict.fromkeys(("split", "json"), ("evaluate",))


def evaluate(session: Session) -> None:
    """Evaluates runs as the flags say.

    Args:
      session: The data, and where to look for runs.

    Raises:
      UserError: If a flag names no run or split.
    """
    mode = importlib.import_module("affect_tf.commands.evaluate")
    mode.evaluate(session, FLAGS.runs, FLAGS.split, FLAGS.json, FLAGS.out)
