"""TensorFlow Lite: in float32, with weights of 16 bits, and with 8-bit integers.

The integers are for the convolutions, the sums between them and the dense layers, which
are nearly all of the work. What turns logits into scores stays float: 256 steps are too
few for the logarithm of a small probability, and for the mean over bins of valence.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.serving.formats import INPUT
from affect_tf.serving.graphs.served_models import ServedModels

#: Operations that stay float in an int8 model. Normalisation is among them (MUL, SUB).
_FLOAT_OPERATIONS = [
    *("CONCATENATION", "PACK", "RESHAPE", "SLICE", "SPLIT", "STRIDED_SLICE"),
    *("TRANSPOSE", "UNPACK", "DIV", "EXP", "LOG", "LOGISTIC", "MAXIMUM", "MEAN", "MUL"),
    *("RSQRT", "SOFTMAX", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "SUM", "TANH"),
]
_SIGNATURE = "serving_default"


def convert(
    served: ServedModels, kind: str, representative: Iterable[np.ndarray] = ()
) -> bytes:
    """Returns the model as a TensorFlow Lite file.

    Args:
      served: The graphs of an export.
      kind: "tflite", "tflite_float16" or "tflite_int8".
      representative: Batches of real aligned faces, uint8 [B, S, S, 3], by which int8
        learns the range of every layer; a few hundred faces are enough. Not used by
        the other kinds.

    Raises:
      ValueError: If int8 is given no faces.
      UserError: If TensorFlow cannot convert the network.
    """
    faces = [batch for batch in representative if len(batch)]
    if kind == "tflite_int8" and not faces:
        raise ValueError(
            "An int8 model must be fitted to real faces. Received: none. "
            "Pass a few hundred training faces as representative."
        )
    network = served.network()
    holder = tf.Module()
    holder.weights, holder.network = served.weights, network
    with tempfile.TemporaryDirectory() as folder, _quiet() as said:
        signatures = {_SIGNATURE: network.get_concrete_function()}
        tf.saved_model.save(holder, folder, signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if kind == "tflite_float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            if kind == "tflite_int8":
                return _in_integers(converter, faces)
            return converter.convert()
        except Exception as error:  # Its own kind has no public name.
            reason = (str(error).strip() or said() or "no reason").splitlines()[-1]
            raise UserError(
                f"A network must be convertible to be exported as {kind}. "
                f"Received: {reason[:300]}. Leave this --format out."
            ) from error


def _in_integers(
    converter: tf.lite.TFLiteConverter, batches: list[np.ndarray]
) -> bytes:
    def faces() -> Iterator[dict[str, np.ndarray]]:
        # One by one: the ranges are then of single faces, whatever the batch is later.
        for batch in batches:
            for face in batch:
                yield {INPUT: face[np.newaxis]}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = faces
    # The converter alone turns every operation that it can into integers. The public
    # way to except some is the debugger of quantisation, of which nothing else is used.
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_ops=_FLOAT_OPERATIONS
    )
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=faces, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()


class Runner:
    """A converted model, ready to be called."""

    def __init__(self, content: bytes) -> None:
        """Loads a file's content into the LiteRT interpreter."""
        from ai_edge_litert.interpreter import Interpreter

        with _quiet():
            threads = os.cpu_count() or 1
            interpreter = Interpreter(model_content=content, num_threads=threads)
            self._run = interpreter.get_signature_runner(_SIGNATURE)

    def __call__(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Returns {output: float32 [B, K]} of faces, uint8 [B, S, S, 3]."""
        with _quiet():
            return dict(self._run(**{INPUT: faces}))


@contextlib.contextmanager
def _quiet() -> Iterator[Callable[[], str]]:
    """Keeps what the C++ below writes to stderr away from the screen.

    Gives a function that returns it: some errors explain themselves nowhere else.
    """
    try:
        saved = os.dup(2)
    except OSError:  # No such stream, as in a service.
        yield str
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(kept.fileno(), 2)

        def said() -> str:
            kept.seek(0)
            return kept.read().decode(errors="replace").strip()

        try:
            yield said
        finally:
            os.dup2(saved, 2)
            os.close(saved)
