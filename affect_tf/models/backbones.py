"""Convolutional backbones: frozen descriptions that build their own layers.

A backbone is called with normalised pictures and returns a feature map; `build`
pools it. Geometry is PyTorch's wherever a published weight file may be loaded:
padding is explicit and symmetric, since "same" puts the odd row elsewhere.

Layers are named `stem_*` and `stage{1-4}_block{n}_{conv,norm,relu}{k}`, with
`shortcut_conv` and `shortcut_norm` where a block changes the shape.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from affect_tf.labels import taxonomy

STEMS = ("3x3", "7x7")

#: "padded" is torchvision's maximum pooling (one row of padding on every side),
#: "ceil" that of Caffe and its conversions (an odd last row is kept), "valid"
#: drops an odd last row, and "none" leaves the pooling out.
POOLS = ("padded", "ceil", "valid", "none")


def pool_padding(pool: str, size: int) -> tuple[int, int]:
    """Returns the rows of padding (before, after) of a 3x3 pooling of stride 2."""
    if pool == "padded":
        return (1, 1)
    if pool == "ceil":
        # One row is missing from the last window where (size - 3) is odd.
        return (0, (size - 3) % 2)
    return (0, 0)


def same_padding(kernel: int, stride: int, size: int) -> tuple[int, int]:
    """Returns the rows of padding (before, after) that TensorFlow's "same" adds."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return (total // 2, total - total // 2)


def _check_choice(owner: object, field: str, allowed: tuple[object, ...]) -> None:
    value = getattr(owner, field)
    if value not in allowed:
        names = tuple(str(choice) for choice in allowed)
        raise ValueError(
            f"{type(owner).__name__}.{field} must be one of its choices. "
            f"Received: {field}={value!r}. {taxonomy.closest(str(value), names)}"
        )


def _check_bool(owner: object, field: str) -> None:
    value = getattr(owner, field)
    if not isinstance(value, bool):
        raise ValueError(
            f"{type(owner).__name__}.{field} must be True or False. "
            f"Received: {field}={value!r}. Write one of the two."
        )


@dataclasses.dataclass(frozen=True)
class _Residual:
    """Fields that both residual networks share; see `ResNet18` and `ResNet50`."""

    width: int = 64
    stem: str = "7x7"
    stem_stride: int = 2
    stem_padding: str = "symmetric"
    pool: str = "padded"
    batch_norm_epsilon: float = 1e-5
    batch_norm_momentum: float = 0.9
    zero_init_last: bool = False

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        owner = type(self).__name__
        if isinstance(self.width, bool) or int(self.width) != self.width:
            raise ValueError(
                f"{owner}.width must be a whole number. "
                f"Received: width={self.width!r}. Write a number such as 32 or 64."
            )
        for field in ("width", "batch_norm_epsilon"):
            value = getattr(self, field)
            if not value > 0:
                raise ValueError(
                    f"{owner}.{field} must be positive. "
                    f"Received: {field}={value!r}. Raise it above 0."
                )
        if not 0 <= self.batch_norm_momentum < 1:
            raise ValueError(
                f"{owner}.batch_norm_momentum must lie in [0, 1). "
                f"Received: batch_norm_momentum={self.batch_norm_momentum!r}. "
                "It is the share that the running mean keeps: PyTorch's 0.1 is 0.9."
            )
        _check_choice(self, "stem", STEMS)
        _check_choice(self, "stem_stride", (1, 2))
        _check_choice(self, "stem_padding", ("symmetric", "same"))
        _check_choice(self, "pool", POOLS)
        _check_bool(self, "zero_init_last")

    def _conv(
        self,
        inputs: tf.Tensor,
        filters: int,
        kernel: int,
        stride: int,
        name: str,
        padding: tuple[int, int] | None = None,
    ) -> tf.Tensor:
        """A convolution with PyTorch's padding; `{}` in `name` takes the layer's."""
        rows = padding or (kernel // 2, kernel // 2)
        # With stride 1, "same" is symmetric too, and pads inside the kernel.
        inside = stride == 1 or rows == (0, 0)
        if not inside:
            pad = tf.keras.layers.ZeroPadding2D((rows, rows), name=name.format("pad"))
            inputs = pad(inputs)
        return tf.keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="same" if inside else "valid",
            use_bias=False,
            # A new one for each layer: an unseeded initializer repeats itself.
            kernel_initializer=tf.keras.initializers.VarianceScaling(
                2.0, mode="fan_out", distribution="untruncated_normal"
            ),
            name=name.format("conv"),
        )(inputs)

    def _norm(self, inputs: tf.Tensor, name: str, last: bool = False) -> tf.Tensor:
        zero = last and self.zero_init_last
        return tf.keras.layers.BatchNormalization(
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            gamma_initializer="zeros" if zero else "ones",
            name=name,
        )(inputs)

    def _stem(self, images: tf.Tensor) -> tf.Tensor:
        kernel = int(self.stem[0])
        size = images.shape[1]
        padding = None
        if self.stem_padding == "same":
            padding = same_padding(kernel, self.stem_stride, size)
        features = self._conv(
            images, self.width, kernel, self.stem_stride, "stem_{}", padding
        )
        features = self._norm(features, "stem_norm")
        features = tf.keras.layers.ReLU(name="stem_relu")(features)
        if self.pool == "none":
            return features
        rows = pool_padding(self.pool, features.shape[1])
        if rows != (0, 0):
            # Zeros stand for minus infinity: nothing below zero leaves the ReLU.
            features = tf.keras.layers.ZeroPadding2D(
                (rows, rows), name="stem_pool_pad"
            )(features)
        return tf.keras.layers.MaxPooling2D(3, 2, name="stem_pool")(features)

    def _shortcut(
        self, inputs: tf.Tensor, filters: int, stride: int, name: str
    ) -> tf.Tensor:
        if stride == 1 and inputs.shape[-1] == filters:
            return inputs
        shortcut = self._conv(inputs, filters, 1, stride, f"{name}_shortcut_{{}}")
        return self._norm(shortcut, f"{name}_shortcut_norm")

    def _block(
        self, inputs: tf.Tensor, width: int, stride: int, name: str
    ) -> tf.Tensor:
        raise NotImplementedError

    def _stages(self) -> tuple[int, ...]:
        raise NotImplementedError

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Builds the layers on [B, S, S, 3], normalised; returns the feature map."""
        features = self._stem(images)
        for stage, blocks in enumerate(self._stages()):
            for block in range(blocks):
                features = self._block(
                    features,
                    self.width << stage,
                    2 if stage and not block else 1,
                    f"stage{stage + 1}_block{block + 1}",
                )
        return features

    def _sum(self, branch: tf.Tensor, shortcut: tf.Tensor, name: str) -> tf.Tensor:
        total = tf.keras.layers.Add(name=f"{name}_add")([branch, shortcut])
        return tf.keras.layers.ReLU(name=f"{name}_relu")(total)


@dataclasses.dataclass(frozen=True)
class ResNet18(_Residual):
    """ResNet-18; `ResNet18(width=32, stem="3x3")` trains on a laptop.

    Returns [B, h, w, 8 * width]; a picture of side S gives h = S / 32, and twice
    that without pooling or with a stem of stride 1.

    Attributes:
      width: Channels of the first stage; they double in each later one.
      stem: Kernel of the first convolution, "7x7" (torchvision) or "3x3".
      stem_stride: Its stride, 1 or 2.
      stem_padding: "symmetric" (PyTorch) or "same" (TensorFlow).
      pool: What follows the stem, one of `POOLS`.
      batch_norm_epsilon: Added to every variance.
      batch_norm_momentum: Share that a running statistic keeps; PyTorch's 0.1 is
        0.9 here.
      zero_init_last: Whether each block starts as the identity.

    Raises:
      ValueError: On a value outside these.

    Source: He et al. 2016, Deep Residual Learning for Image Recognition.
    """

    def _stages(self) -> tuple[int, ...]:
        return (2, 2, 2, 2)

    def _block(
        self, inputs: tf.Tensor, width: int, stride: int, name: str
    ) -> tf.Tensor:
        branch = self._conv(inputs, width, 3, stride, f"{name}_{{}}1")
        branch = self._norm(branch, f"{name}_norm1")
        branch = tf.keras.layers.ReLU(name=f"{name}_relu1")(branch)
        branch = self._conv(branch, width, 3, 1, f"{name}_{{}}2")
        branch = self._norm(branch, f"{name}_norm2", last=True)
        return self._sum(branch, self._shortcut(inputs, width, stride, name), name)


@dataclasses.dataclass(frozen=True)
class ResNet50(_Residual):
    """ResNet-50, the backbone of the four papers.

    Returns [B, h, w, 32 * width]: 2048 channels, 4 x 4 for pictures of 112 x 112.

    Attributes:
      width: Channels of the first stage's 3x3 convolutions; its other fields, to
        `zero_init_last`, are those of `ResNet18`.
      stride_on_first: Whether a block halves the picture in its first 1x1
        convolution (Caffe, VGGFace2 and FER+ weights) or in its 3x3
        (torchvision). No shape tells the two apart, only the results do.

    Raises:
      ValueError: On a value outside these.

    Source: He et al. 2016, Deep Residual Learning for Image Recognition.
    """

    stride_on_first: bool = False

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        super().__post_init__()
        _check_bool(self, "stride_on_first")

    def _stages(self) -> tuple[int, ...]:
        return (3, 4, 6, 3)

    def _block(
        self, inputs: tf.Tensor, width: int, stride: int, name: str
    ) -> tf.Tensor:
        first, second = (stride, 1) if self.stride_on_first else (1, stride)
        branch = self._conv(inputs, width, 1, first, f"{name}_{{}}1")
        branch = self._norm(branch, f"{name}_norm1")
        branch = tf.keras.layers.ReLU(name=f"{name}_relu1")(branch)
        branch = self._conv(branch, width, 3, second, f"{name}_{{}}2")
        branch = self._norm(branch, f"{name}_norm2")
        branch = tf.keras.layers.ReLU(name=f"{name}_relu2")(branch)
        branch = self._conv(branch, 4 * width, 1, 1, f"{name}_{{}}3")
        branch = self._norm(branch, f"{name}_norm3", last=True)
        shortcut = self._shortcut(inputs, 4 * width, stride, name)
        return self._sum(branch, shortcut, name)


@dataclasses.dataclass(frozen=True)
class Tiny:
    """Two small convolutions, for tests: 1,464 parameters, [B, S/4, S/4, 16]."""

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Builds the layers on [B, S, S, 3], normalised; returns the feature map."""
        features = images
        for number, filters in enumerate((8, 16), start=1):
            features = tf.keras.layers.Conv2D(
                filters,
                3,
                strides=2,
                padding="same",
                use_bias=False,
                name=f"tiny_conv{number}",
            )(features)
            features = tf.keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, name=f"tiny_norm{number}"
            )(features)
            features = tf.keras.layers.ReLU(name=f"tiny_relu{number}")(features)
        return features
