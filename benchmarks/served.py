"""A server of a model, in a process of its own, for as long as a block lasts."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def server(model: str) -> Iterator[int]:
    """Starts `--mode=serve` on a free port, and gives it when the model is ready."""
    command = [sys.executable, "main.py", "--mode=serve", "--port=0"]
    command.append(f"--model={model}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = None
        for line in process.stdout:
            if match := re.search(r"listening on http://127.0.0.1:(\d+)", line):
                port = int(match.group(1))
            if "is ready" in line and port is not None:
                break
        else:
            raise RuntimeError("the server ended before it was ready")
        yield port
    finally:
        process.terminate()
        code = process.wait(40)
    if code:
        raise RuntimeError(f"the server ended with code {code}")
