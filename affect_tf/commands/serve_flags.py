"""The flags of `--mode=serve`. Loads no TensorFlow until they are known to be good."""

from __future__ import annotations

import importlib
import pathlib

import rich.console
from absl import flags

_LIMITS = (
    "max_batch",
    "max_latency_ms",
    "max_bytes",
    "max_pixels",
    "max_instances",
)
#: The modes in which each flag has an effect.
USED_IN = dict.fromkeys(("host", "port", "allowed_hosts", *_LIMITS), ("serve",))

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "host", "127.0.0.1", "Address of the server; default: this machine."
)
flags.DEFINE_integer(
    "port", 8501, "Port of the server; 0: any.", lower_bound=0, upper_bound=65535
)
flags.DEFINE_list(
    "allowed_hosts",
    [],
    "Names under which the server may be asked, as by a proxy, and whose pages may "
    "send pictures. Default: this machine's own where --host is local, elsewhere any.",
)
flags.DEFINE_integer(
    "max_batch", 32, "Pictures in one call of the served model.", lower_bound=1
)
flags.DEFINE_float(
    "max_latency_ms", 5.0, "How long a picture waits for others.", lower_bound=0
)
flags.DEFINE_integer("max_bytes", 2**25, "Bytes of a request.", lower_bound=1)
flags.DEFINE_integer("max_pixels", 2**25, "Pixels of a picture.", lower_bound=1)
flags.DEFINE_integer("max_instances", 256, "Pictures of a request.", lower_bound=1)


def serve(model: pathlib.Path, console: rich.console.Console) -> None:
    """Serves a model as the flags say.

    Args:
      model: Folder of versions, or one version.
      console: Where lines about the server go.

    Raises:
      UserError: If a flag or the model does not serve.
    """
    settings = importlib.import_module("affect_tf.serving.server.settings")
    limits = settings.Settings(
        **{name: FLAGS[name].value for name in _LIMITS},
        allowed_hosts=tuple(FLAGS.allowed_hosts),
    )
    mode = importlib.import_module("affect_tf.commands.serve")
    mode.serve(model, FLAGS.host, FLAGS.port, limits, console)
