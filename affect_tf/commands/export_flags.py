"""The flags of `--mode=export`. Loads no TensorFlow until they are known to be good."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from affect_tf.commands.session import Session

FLAGS = flags.FLAGS
flags.DEFINE_multi_enum(
    "format",
    ["saved_model"],
    ["saved_model", "tflite", "tflite_float16", "tflite_int8", "onnx"],
    "Format of an export; may be repeated. The SavedModel is always written, and each "
    "of the others is compared with it.",
)

#: The modes in which each flag has an effect.
USED_IN = {"format": ("export",)}


def export(session: Session) -> None:
    """Exports runs as the flags say.

    Args:
      session: The data, and where to look for runs.

    Raises:
      UserError: If a flag names no run, or the runs are no ensemble.
    """
    mode = importlib.import_module("affect_tf.commands.export")
    mode.export(session, FLAGS.runs, FLAGS.out, FLAGS.format)
