"""Reads the tensors of a weight file, by name, without running code from it.

Whatever the format, the result is a flat dictionary of NumPy arrays under the
names of the file. Nothing is downloaded, and no pickle gets to call anything but
the constructors of arrays.
"""

from __future__ import annotations

import json
import pathlib
import pickle
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import BinaryIO

import numpy as np

from affect_tf.errors import UserError

#: Keys under which training scripts put the tensors beside their other state.
NESTS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")

#: What a pickled array needs, by the names that NumPy 1 and 2 give it.
_ARRAY_GLOBALS = frozenset(
    {
        ("collections", "OrderedDict"),
        ("_codecs", "encode"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
    }
)

_SAFETENSORS_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays, and refuses every other constructor."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns one of the allowed constructors."""
        if (module, name) not in _ARRAY_GLOBALS:
            raise pickle.UnpicklingError(f"{module}.{name} is not an array")
        if module.startswith("numpy._core") and not hasattr(np, "_core"):
            module = module.replace("numpy._core", "numpy.core")
        if module.startswith("numpy.core") and np.lib.NumpyVersion(
            np.__version__
        ) >= np.lib.NumpyVersion("2.0.0"):
            module = module.replace("numpy.core", "numpy._core")
        return super().find_class(module, name)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a weight file by their names in it.

    Keras tensors are named `layer/variable` ("conv1_conv/kernel"), those of other
    frameworks as in the file ("layer1.0.conv1.weight").

    Args:
      path: A .pth, .pt, .bin or .tar of PyTorch (needs torch), a .pkl of arrays, a
        .npz, a .safetensors, or a .h5 of Keras.

    Returns:
      Arrays as stored: neither transposed nor cast.

    Raises:
      UserError: If the file is absent, unreadable, of another kind, or holds no
        tensor, or if reading it would run code from it.
    """
    if not path.is_file():
        raise UserError(
            "A weight file must exist. "
            f"Received: path={str(path)!r}. "
            "Download it yourself: the toolkit never does."
        )
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"A weight file must end in one of {', '.join(_READERS)}. "
            f"Received: path={str(path)!r}. Rename it, or save it as .npz."
        )
    try:
        tensors = reader(path)
    except UserError:
        raise
    except Exception as error:  # Every reader fails in its own way on a bad file.
        raise UserError(
            "A weight file must be whole and hold nothing but tensors. "
            f"Received: path={str(path)!r} ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no message'}). "
            "Fetch it again, or save its tensors with numpy.savez as .npz."
        ) from error
    if not tensors:
        raise UserError(
            "A weight file must hold tensors under names. "
            f"Received: path={str(path)!r}, which has none. "
            "Save the state dict, not the module."
        )
    return tensors


def read_npy(path: pathlib.Path) -> dict[str, Any]:
    """Returns the dictionary that a .npy holds, whatever lies in its entries.

    Raises:
      UserError: If the file is absent or unreadable, holds anything but a dictionary,
        or if reading it would run code from it.
    """
    try:
        with path.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            header(stream)
            # NumPy saves a dictionary as a pickled array of one object.
            holder = _ArrayUnpickler(stream, encoding="latin1").load()
        entries = holder.item()
        if not isinstance(entries, Mapping):
            raise ValueError("it is not a dictionary")
    except Exception as error:  # A bad pickle fails in many ways.
        raise UserError(
            "A .npy of weights must be there, and hold a dictionary of arrays. "
            f"Received: path={str(path)!r} ({type(error).__name__}: {error}). "
            "Fetch it again: the toolkit downloads nothing."
        ) from error
    return dict(entries)


def _read_torch(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise UserError(
            "A PyTorch file must be read by PyTorch. "
            f"Received: path={str(path)!r} without torch installed. Install torch, "
            "or convert the file where torch is: numpy.savez('weights.npz', **{name: "
            "tensor.numpy() for name, tensor in state_dict.items()})."
        ) from error
    state = torch.load(path, map_location="cpu", weights_only=True)
    return _flatten(state, lambda tensor: tensor.detach().float().numpy())


def _read_pickle(path: pathlib.Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream:
        first = stream.read(2)
    if first == b"PK":  # torch.save writes a zip archive, whatever its name.
        return _read_torch(path)
    with path.open("rb") as stream:
        # The published pickles come from Python 2, whose strings are latin1 here.
        state = _ArrayUnpickler(stream, encoding="latin1").load()
    if isinstance(state, int):  # The number that PyTorch's old format starts with.
        return _read_torch(path)
    return _flatten(state, np.asarray)


def _flatten(
    state: Any, to_numpy: Callable[[Any], np.ndarray]
) -> dict[str, np.ndarray]:
    if not isinstance(state, Mapping):
        raise ValueError("it is not a dictionary of tensors")
    for nest in NESTS:
        if isinstance(state.get(nest), Mapping):
            return _flatten(state[nest], to_numpy)
    return {
        str(name): to_numpy(value)
        for name, value in state.items()
        if hasattr(value, "shape") and hasattr(value, "dtype")
    }


def _read_npz(path: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _read_safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream:
        header = json.loads(stream.read(_header_length(stream, path)))
        body = stream.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        if not 0 <= start <= end <= len(body):
            raise ValueError(f"{name} reaches past the end of the file")
        raw = body[start:end]
        if entry["dtype"] == "BF16":  # The upper half of a float32.
            wide = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
            flat = wide.view(np.float32)
        else:
            dtype = np.dtype(_SAFETENSORS_DTYPES[entry["dtype"]]).newbyteorder("<")
            flat = np.frombuffer(raw, dtype)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def _header_length(stream: BinaryIO, path: pathlib.Path) -> int:
    length = int.from_bytes(stream.read(8), "little")
    if length > path.stat().st_size:
        raise ValueError("its header reaches past the end of the file")
    return length


def _read_h5(path: pathlib.Path) -> dict[str, np.ndarray]:
    import h5py  # TensorFlow brings it; only this format needs it.

    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        if "layer_names" in root.attrs:
            return _read_named_h5(root)
        tensors: dict[str, np.ndarray] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and "/vars/" in name:
                # Keras 2 separates with either slash, by its version.
                tensors[name.replace("\\", "/")] = np.asarray(item)

        root.visititems(visit)
        return tensors


def _read_named_h5(root: Any) -> dict[str, np.ndarray]:
    tensors = {}
    for layer in _texts(root.attrs["layer_names"]):
        names = _texts(root[layer].attrs["weight_names"])
        variables = [name.split("/")[-1].split(":")[0] for name in names]
        # A model inside a model repeats "kernel"; its own names tell them apart.
        nested = len(set(variables)) != len(variables)
        for name, variable in zip(names, variables, strict=True):
            key = name.split(":")[0] if nested else f"{layer}/{variable}"
            tensors[key] = np.asarray(root[layer][name])
    return tensors


def _texts(values: Any) -> list[str]:
    return [
        value.decode() if isinstance(value, bytes) else str(value) for value in values
    ]


_READERS: dict[str, Callable[[pathlib.Path], dict[str, np.ndarray]]] = {
    ".pth": _read_torch,
    ".pt": _read_torch,
    ".bin": _read_torch,
    ".tar": _read_torch,
    ".pkl": _read_pickle,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".h5": _read_h5,
    ".hdf5": _read_h5,
}
