"""What of a model no tensor's shape reveals: strides, borders, pixels.

Read from the layers themselves, so that a model loaded from a file answers too.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import layers

#: What is compared, by the names of the fields that set it.
EXPECTATIONS = (
    "normalization",
    "stem_stride",
    "stem_padding",
    "pool",
    "stride_on_first",
    "batch_norm_epsilon",
)

_PRESETS = {
    layers.SCALED: "layers.SCALED",
    layers.IMAGENET: "layers.IMAGENET",
    layers.IMAGENET_BGR: "layers.IMAGENET_BGR",
    layers.VGGFACE2: "layers.VGGFACE2",
    layers.FERPLUS: "layers.FERPLUS",
}


def facts(model: tf.keras.Model) -> dict[str, Any]:
    """Returns how a model of `build` was built, by the names of `EXPECTATIONS`.

    Borders are (before, after) rows of padding; `pool` is None without pooling. What
    a backbone lacks (strides of blocks in ResNet-18, a stem in `Tiny`) is left out.
    """
    found: dict[str, Any] = {
        "normalization": model.get_layer("normalize").normalization
    }
    by_name = {layer.name: layer for layer in model.layers}
    if "stem_conv" not in by_name:
        return found
    found["stem_stride"] = by_name["stem_conv"].strides[0]
    found["stem_padding"] = _rows(by_name, "stem_pad") or _inner_rows(model)
    found["pool"] = None
    if "stem_pool" in by_name:
        found["pool"] = _rows(by_name, "stem_pool_pad") or (0, 0)
    if "stage2_block1_conv3" in by_name:
        found["stride_on_first"] = by_name["stage2_block1_conv1"].strides[0] == 2
    found["batch_norm_epsilon"] = by_name["stem_norm"].epsilon
    return found


def expected(
    model: tf.keras.Model,
    backbone: backbones.ResNet50,
    normalization: layers.Normalization,
) -> dict[str, Any]:
    """Returns what `facts` would be, had the model been built from these parts."""
    size = _size(model)
    kernel = model.get_layer("stem_conv").kernel_size[0]
    rows = (kernel // 2, kernel // 2)
    if backbone.stem_padding == "same":
        rows = backbones.same_padding(kernel, backbone.stem_stride, size)
    after_stem = (size + sum(rows) - kernel) // backbone.stem_stride + 1
    wanted = {
        "normalization": normalization,
        "stem_stride": backbone.stem_stride,
        "stem_padding": rows,
        "pool": backbones.pool_padding(backbone.pool, after_stem),
        "stride_on_first": backbone.stride_on_first,
        "batch_norm_epsilon": backbone.batch_norm_epsilon,
    }
    if "stride_on_first" not in facts(model):
        del wanted["stride_on_first"]
    return wanted


def shown(name: str, value: Any) -> str:
    """Returns a fact in the words that a configuration would use."""
    if name == "normalization":
        return _PRESETS.get(value, repr(value))
    if name == "pool":
        words = {None: "'none'", (1, 1): "'padded'", (0, 1): "'ceil'"}
        return words.get(value, "'valid' (or 'ceil', for this size)")
    if name == "stem_padding":
        before, after = value
        return "'symmetric'" if before == after else "'same'"
    return repr(value)


def _rows(by_name: dict[str, Any], name: str) -> tuple[int, int] | None:
    return tuple(by_name[name].padding[0]) if name in by_name else None


def _inner_rows(model: tf.keras.Model) -> tuple[int, int]:
    conv = model.get_layer("stem_conv")
    if conv.padding == "valid":
        return (0, 0)
    return backbones.same_padding(conv.kernel_size[0], conv.strides[0], _size(model))


def _size(model: tf.keras.Model) -> int:
    return model.get_layer("normalize").output.shape[1]
