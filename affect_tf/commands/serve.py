"""`--mode=serve`: answers over HTTP until it is told to stop."""

from __future__ import annotations

import pathlib

import rich.console

from affect_tf.errors import UserError
from affect_tf.serving.server import running
from affect_tf.serving.server.settings import Settings

#: What listens to this machine alone.
_LOCAL = ("localhost", "127.0.0.1", "::1")


def serve(
    model: pathlib.Path,
    host: str,
    port: int,
    settings: Settings,
    console: rich.console.Console,
) -> None:
    """Serves a model.

    Args:
      model: Folder of versions, which is watched for newer ones, or one version.
      host: Address to listen on.
      port: Port; 0 for any that is free.
      settings: Limits.
      console: Where lines about the server go; never what a request holds.

    Raises:
      UserError: If there is no model, it cannot be loaded, or the port is taken.
    """
    if not model.is_dir():
        raise UserError(
            "--model must be a folder that --mode=export wrote. "
            f"Received: --model={model}. Run --mode=export first, or correct the path.",
            exit_code=2,
        )

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if host not in _LOCAL:
        say(
            f"note: {host} lets other machines send pictures. There is no password and "
            "no encryption: put a proxy with both before it."
        )
    running.serve(model, host, port, settings, say)
