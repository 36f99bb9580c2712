"""Names, types and shapes of what the model takes and gives, for both protocols."""

from __future__ import annotations

from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.score_graphs import OUTPUTS
from affect_tf.serving.score_graphs import SPREAD
from affect_tf.serving.score_graphs import VALID

#: (name, type, shape), with -1 for what may be any. Types as the Open Inference
#: Protocol names them.
Tensor = tuple[str, str, tuple[int, ...]]

#: TensorFlow's names of the types.
TENSORFLOW = {
    "BYTES": "DT_STRING",
    "UINT8": "DT_UINT8",
    "FP32": "DT_FLOAT",
    "BOOL": "DT_BOOL",
}

INPUTS: tuple[Tensor, ...] = (
    ("image_bytes", "BYTES", (-1,)),
    ("image", "UINT8", (-1, -1, -1, 3)),
)


def outputs(model: LoadedModel) -> list[Tensor]:
    """Returns the outputs of a model's signatures."""
    taxonomy = model.taxonomy
    widths = {
        "expr": len(taxonomy.expressions),
        "au": len(taxonomy.action_units),
        "va": len(VA_DIMENSIONS),
    }
    found: list[Tensor] = [(VALID, "BOOL", (-1,))]
    for task in taxonomy.tasks:
        shape = (-1, widths[task])
        found.append((OUTPUTS[task], "FP32", shape))
        if model.has_spread:
            found.append((OUTPUTS[task] + SPREAD, "FP32", shape))
    return found
