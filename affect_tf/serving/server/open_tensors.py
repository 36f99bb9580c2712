"""Tensors of the Open Inference Protocol: pictures in, scores out; JSON or binary."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import chain

import numpy as np

from affect_tf.serving.server import scoring
from affect_tf.serving.server import signatures
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.refusals import shown
from affect_tf.serving.server.scoring import Picture
from affect_tf.serving.server.settings import Settings

_KINDS = {name: kind for name, kind, _ in signatures.INPUTS}


def flag(holder: Mapping[str, object], name: str, default: bool = False) -> bool:
    """Returns a boolean of an object's "parameters"."""
    parameters = holder.get("parameters")
    value = parameters.get(name, default) if isinstance(parameters, dict) else default
    if not isinstance(value, bool):
        raise Refusal(400, f"{name} must be true or false, not {shown(value)}.")
    return value


def pictures(inputs: object, binary: bytes, settings: Settings) -> list[Picture]:
    """Returns the pictures of a request.

    Args:
      inputs: As it came: a list of one tensor.
      binary: What stood behind the JSON; b"" where nothing did.
      settings: Their limit of instances holds.

    Raises:
      Refusal: 400 or 413, if the tensor as a whole is not as it must be. A picture that
        alone is wrong is `Unreadable` in the list.
    """
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise Refusal(400, f"inputs must be a list of one tensor, not {shown(inputs)}.")
    tensor = inputs[0]
    name = tensor.get("name") if isinstance(tensor, dict) else None
    if not isinstance(name, str) or name not in _KINDS:
        raise Refusal(
            400,
            f"An input must be one of {', '.join(_KINDS)}. Received: {shown(name)}.",
        )
    if tensor.get("datatype") != _KINDS[name]:
        raise Refusal(
            400,
            f"{name} must have datatype {_KINDS[name]}. "
            f"Received: {shown(tensor.get('datatype'))}.",
        )
    shape = _shape(tensor.get("shape"), name)
    scoring.check_count(shape[0], settings)
    raw = _raw(tensor, binary)
    if name == "image_bytes":
        if raw is None:
            return _base64(tensor.get("data"), tensor["shape"])
        return _elements(raw, shape[0])
    if raw is None:
        pixels = _numbers(tensor.get("data"), shape)
    elif len(raw) != math.prod(shape):
        raise Refusal(
            400, f"shape {shape} needs {math.prod(shape)} bytes. Received: {len(raw)}."
        )
    else:
        pixels = np.frombuffer(raw, np.uint8).reshape(shape)
    return list(pixels)


def output(
    name: str, values: np.ndarray, is_binary: bool
) -> tuple[dict[str, object], bytes]:
    """Returns a tensor of the answer, and what of it stands behind the JSON.

    Args:
      name: Its name.
      values: Float32, bool, or strings as objects; [B] or [B, K].
      is_binary: Whether the values stand behind the JSON.
    """
    kind = {"f": "FP32", "b": "BOOL", "O": "BYTES"}[values.dtype.kind]
    tensor = {"name": name, "datatype": kind, "shape": list(values.shape)}
    if not is_binary:
        return {**tensor, "data": values.ravel().tolist()}, b""
    if kind == "BYTES":
        texts = [text.encode() for text in values.ravel()]
        raw = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return {**tensor, "parameters": {"binary_data_size": len(raw)}}, raw


def _shape(shape: object, name: str) -> tuple[int, ...]:
    form = "[B]" if name == "image_bytes" else "[B, H, W, 3]"
    length = 1 if name == "image_bytes" else 4
    # bool is an int to Python, and true is no size.
    whole = isinstance(shape, list) and all(type(side) is int for side in shape)
    if whole and name == "image_bytes" and len(shape) == 2 and shape[1] == 1:
        shape = shape[:1]
    if not whole or len(shape) != length or not all(0 <= s < 2**31 for s in shape):
        raise Refusal(400, f"The shape of {name} must be {form}, not {shown(shape)}.")
    if length == 4 and (shape[3] != 3 or 0 in shape[1:]):
        raise Refusal(400, f"The shape of {name} must be {form}, not {shape}.")
    return tuple(shape)


def _raw(tensor: dict[str, object], binary: bytes) -> bytes | None:
    """Returns the bytes of a binary tensor; None for one in JSON."""
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None and not binary:
        return None
    if type(size) is not int or size != len(binary) or "data" in tensor:
        raise Refusal(
            400,
            "binary_data_size must be the length of what stands behind the JSON, "
            f"{len(binary)} bytes, and data must be left out. Received: {shown(size)}.",
        )
    return binary


def _base64(data: object, shape: Sequence[int]) -> list[Picture]:
    data = _flat(data, shape)
    if not isinstance(data, list) or len(data) != shape[0]:
        raise Refusal(
            400,
            f"data must be a list of {shape[0]} strings, as shape says. "
            f"Received: {shown(data)}.",
        )
    return [scoring.from_base64(each) for each in data]


def _elements(raw: bytes, count: int) -> list[Picture]:
    found: list[Picture] = []
    position = 0
    while position + 4 <= len(raw) and len(found) < count:
        (length,) = struct.unpack_from("<I", raw, position)
        position += 4
        if position + length > len(raw):
            break
        found.append(raw[position : position + length])
        position += length
    if len(found) != count or position != len(raw):
        raise Refusal(
            400,
            f"The binary data must hold {count} elements, each with its length before "
            f"it in 4 bytes, little-endian. Received: {len(raw)} bytes, which end "
            f"otherwise after {len(found)}.",
        )
    return found


def _flat(data: object, shape: Sequence[int]) -> object:
    """Returns nested data as one list; others as they are.

    Raises:
      Refusal: 400 if they are nested otherwise than the shape: in which order their
        values were meant could only be guessed.
    """
    if not (isinstance(data, list) and any(isinstance(each, list) for each in data)):
        return data
    rows: list[object] = [data]
    for side in shape:
        if not all(isinstance(row, list) and len(row) == side for row in rows):
            raise Refusal(
                400, f"data must be flat, or nested as shape {list(shape)} says."
            )
        rows = list(chain.from_iterable(rows))
    return rows


def _numbers(data: object, shape: tuple[int, ...]) -> np.ndarray:
    data = _flat(data, shape)
    if not isinstance(data, list) or set(map(type, data)) - {int}:
        raise Refusal(400, "data must be a list of whole numbers from 0 to 255.")
    if len(data) != math.prod(shape):
        raise Refusal(
            400,
            f"shape {list(shape)} needs {math.prod(shape)} numbers. "
            f"Received: {len(data)}.",
        )
    if min(data) < 0 or max(data) > 255:
        raise Refusal(400, "data must be a list of whole numbers from 0 to 255.")
    return np.array(data, np.uint8).reshape(shape)
