"""ONNX, for onnxruntime and everything else that reads it.

The packages are optional: requirements-onnx.txt names the versions that work together.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from affect_tf.errors import UserError
from affect_tf.serving.graphs.served_models import ServedModels

#: Understood by every onnxruntime since 1.14.
OPSET = 17
#: Key of the labels among the file's own metadata.
METADATA = "affect_tf"

_PACKAGES = ("onnx", "tf2onnx", "onnxruntime")


def check_installed() -> None:
    """Raises UserError, which says what to install, where a package is missing."""
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        # One whose version does not fit TensorFlow's fails in its own ways.
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"--format=onnx must have the packages {', '.join(_PACKAGES)}. "
                f"Received: {name}, which does not load ({error}). "
                "Run 'pip install -r requirements-onnx.txt'.",
                exit_code=2,
            ) from error


def convert(served: ServedModels, labels: Mapping[str, Any]) -> bytes:
    """Returns the model as an ONNX file.

    Args:
      served: The graphs of an export.
      labels: What labels.json holds; it travels in the file as well, as JSON under
        the key `METADATA`.

    Raises:
      UserError: If the packages are not there, or cannot convert the network.
    """
    check_installed()
    import onnx
    import tf2onnx

    # It tells of each of its passes, and of each operation that it does not know.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    network = served.network()
    text = json.dumps(labels, ensure_ascii=False, allow_nan=False)
    try:
        proto, _ = tf2onnx.convert.from_function(
            network, input_signature=network.input_signature, opset=OPSET
        )
        onnx.helper.set_model_props(proto, {METADATA: text})
        onnx.checker.check_model(proto)
        content = proto.SerializeToString()
        Runner(content)
    except Exception as error:  # Three packages, each with kinds of its own.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            "A network must be convertible to be exported as onnx. "
            f"Received: {reason[:300]}. Leave this --format out."
        ) from error
    return content


class Runner:
    """A converted model, ready to be called."""

    def __init__(self, content: bytes) -> None:
        """Loads a file's content into onnxruntime, on the CPU."""
        import onnxruntime

        self._session = onnxruntime.InferenceSession(
            content, providers=["CPUExecutionProvider"]
        )
        (entry,) = self._session.get_inputs()
        self._input = entry.name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Returns {output: float32 [B, K]} of faces, uint8 [B, S, S, 3]."""
        values = self._session.run(self._outputs, {self._input: faces})
        return dict(zip(self._outputs, values, strict=True))
