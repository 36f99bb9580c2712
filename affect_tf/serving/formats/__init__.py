"""Other formats of an exported model: the network alone, on faces that are decoded.

    <version>/assets.extra/formats/model.tflite           float32
                                   model_float16.tflite   weights of 16 bits
                                   model_int8.tflite      convolutions in 8 bits
                                   model.onnx             float32
                                   labels.json            names, thresholds, input
                                   comparison.json        each against the SavedModel

They lie inside the version, in the folder that the SavedModel format keeps for what it
does not load itself: a version and its formats appear together or not at all, and a
server that watches the folder of versions sees nothing new.

Input `faces`: uint8 [B, S, S, 3], RGB, aligned, S the model's own. Decoding and
resizing stay outside: no format here has the decoders of a SavedModel. Outputs: the
scores of the SavedModel by the same names, without `valid`.
"""

from __future__ import annotations

#: Where the files lie, under the folder of a version.
FOLDER = "assets.extra/formats"
#: {format: its file}.
FILES = {
    "tflite": "model.tflite",
    "tflite_float16": "model_float16.tflite",
    "tflite_int8": "model_int8.tflite",
    "onnx": "model.onnx",
}
#: The format that every export has; not one of `FILES`.
SAVED_MODEL = "saved_model"
#: Name of the input.
INPUT = "faces"
