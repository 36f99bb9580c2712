"""The network of the fourth paper's faces: grouped convolutions and attention.

Layers are named as in `backbones`, with `stage{1-4}_block{n}_channel_{mean,hidden,
gate}`, `..._spatial_gate` and `..._attended` for the attention of a block.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import tensorflow as tf

from affect_tf.models import backbones

#: Channels of a block for one unit of the hidden layer of its channel attention.
REDUCTION = 4


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class GroupedConvolution(tf.keras.layers.Layer):
    """A 3x3 convolution of C channels in groups that do not see each other.

    Stride 1, "same", C filters, no bias. Keras' own `Conv2D(groups=...)` is compiled by
    XLA on its own; here it is the plain operation, and one convolution a group only
    where TensorFlow has no gradient of that (a CPU without oneDNN). Measured on two
    cores, 8 pictures, a training step at 28 x 28 x 128 with 32 groups: 11 ms (TF 2.15)
    and 6 ms (2.21) against 30 and 47 ms of 32 convolutions and 52 and 27 ms of one
    convolution with a block-diagonal kernel; at 7 x 7 x 512 2 and 4 against 17 and 11.

    Args:
      groups: Divides the channels.
      **kwargs: As of any layer.

    Raises:
      ValueError: If it does not.
    """

    def __init__(self, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, input_shape: Any) -> None:  # noqa: D102
        channels = input_shape[-1]
        if channels % self.groups:
            raise ValueError(
                "GroupedConvolution.groups must divide the channels. "
                f"Received: groups={self.groups} for {channels} channels. "
                "Choose another number of groups, or of channels."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(3, 3, channels // self.groups, channels),
            initializer=tf.keras.initializers.HeNormal(),
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:  # noqa: D102
        if _gradients_exist():
            return tf.nn.conv2d(inputs, self.kernel, strides=1, padding="SAME")
        pairs = zip(
            tf.split(inputs, self.groups, axis=-1),
            tf.split(self.kernel, self.groups, axis=-1),
            strict=True,
        )
        return tf.concat([tf.nn.conv2d(x, w, 1, "SAME") for x, w in pairs], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:  # noqa: D102
        return input_shape

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "groups": self.groups}


@functools.cache
def _gradients_exist() -> bool:
    """Whether this machine has both gradients of a grouped convolution; tried once."""
    with tf.init_scope():  # Which pauses tapes: the operations are called by name.
        values, kernel = tf.ones((1, 8, 8, 64)), tf.ones((3, 3, 2, 64))
        same = {"strides": [1, 1, 1, 1], "padding": "SAME"}
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=values.shape, filter=kernel, out_backprop=values, **same
            )
            tf.raw_ops.Conv2DBackpropFilter(
                input=values, filter_sizes=kernel.shape, out_backprop=values, **same
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


@dataclasses.dataclass(frozen=True)
class AttentionResNeXt34(backbones.ResNet18):
    """Jeong et al.'s "ResNeXt and SENet": 34 layers, grouped, with attention.

    A block is a 3x3 convolution, normalisation, ReLU, a grouped 3x3 convolution,
    normalisation, the shortcut, ReLU; its result x goes on as x times the sum of two
    gates, one a channel and one a position: sigmoid(W ReLU(V mean(x))), with a quarter
    of the channels in between, and sigmoid(conv3x3(x)).

    Returns [B, h, w, 8 * width]; the mean over positions is the paper's 512 numbers.

    Attributes:
      stem_padding: "same" (the released code) or "symmetric"; here that of every
        convolution with a stride.
      pool: "ceil" is the released code's "same" for even sizes.
      groups: Of each block's second convolution; divides `width`. The other fields are
        those of `ResNet18`; a small one is `AttentionResNeXt34(width=16, groups=8)`.

    Raises:
      ValueError: On a value outside these.

    Source: Jeong et al. 2022, section III, whose released code has these layers, not
      the SE-ResNeXt of other libraries (32 x 4d bottlenecks). It reads pictures of 224
      by 255 ("normalization" of `build.Architecture`). Its convolutions have biases,
      which do nothing in front of a normalisation and are left out.
    """

    stem_padding: str = "same"
    pool: str = "ceil"
    groups: int = 32

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        super().__post_init__()
        whole = isinstance(self.groups, int) and not isinstance(self.groups, bool)
        if not whole or self.groups < 1 or self.width % self.groups:
            raise ValueError(
                "AttentionResNeXt34.groups must be a whole number that divides width. "
                f"Received: groups={self.groups!r} with width={self.width}. "
                "Jeong et al. take 32 with 64."
            )
        if self.width % REDUCTION:
            raise ValueError(
                f"AttentionResNeXt34.width must be a multiple of {REDUCTION}. "
                f"Received: width={self.width}. Jeong et al. take 64."
            )

    def _stages(self) -> tuple[int, ...]:
        return (3, 4, 6, 3)

    def _block(
        self, inputs: tf.Tensor, width: int, stride: int, name: str
    ) -> tf.Tensor:
        padding = None
        if self.stem_padding == "same":
            padding = backbones.same_padding(3, stride, inputs.shape[1])
        branch = self._conv(inputs, width, 3, stride, f"{name}_{{}}1", padding)
        branch = self._norm(branch, f"{name}_norm1")
        branch = tf.keras.layers.ReLU(name=f"{name}_relu1")(branch)
        branch = GroupedConvolution(self.groups, name=f"{name}_conv2")(branch)
        branch = self._norm(branch, f"{name}_norm2", last=True)
        shortcut = self._shortcut(inputs, width, stride, name)
        return self._attended(self._sum(branch, shortcut, name), width, name)

    def _attended(self, values: tf.Tensor, width: int, name: str) -> tf.Tensor:
        # In float32, as every mean over positions.
        channels = tf.keras.layers.GlobalAveragePooling2D(
            keepdims=True, dtype="float32", name=f"{name}_channel_mean"
        )(values)
        channels = tf.keras.layers.Dense(
            width // REDUCTION, activation="relu", name=f"{name}_channel_hidden"
        )(channels)
        channels = tf.keras.layers.Dense(
            width, activation="sigmoid", name=f"{name}_channel_gate"
        )(channels)
        positions = tf.keras.layers.Conv2D(
            1, 3, padding="same", activation="sigmoid", name=f"{name}_spatial_gate"
        )(values)
        # x a + x b as x (a + b): one product less on the whole map.
        gate = tf.keras.layers.Add(name=f"{name}_gate")([channels, positions])
        return tf.keras.layers.Multiply(name=f"{name}_attended")([values, gate])
