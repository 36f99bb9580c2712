"""Normalisation, the first layer of every model; the check of the last ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

CHANNEL_ORDERS = ("rgb", "bgr")


@dataclasses.dataclass(frozen=True)
class Normalization:
    """What a backbone expects of its pixels: `(pixel - mean) / std`.

    Attributes:
      mean: Three numbers in pixel units, 0 to 255, in the order of `channels`.
      std: Three positive numbers in pixel units, in the order of `channels`.
      channels: "rgb" or "bgr": the order in which the backbone sees channels.
        Pictures are RGB everywhere else in the toolkit.

    Raises:
      ValueError: Where a length, a number or the order is not one of these.
    """

    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    channels: str = "rgb"

    def __post_init__(self) -> None:
        """Makes the numbers plain floats, so that equal ones compare equal."""
        for field in ("mean", "std"):
            values = getattr(self, field)
            if not isinstance(values, (list, tuple)) or len(values) != 3:
                raise ValueError(
                    f"Normalization.{field} must hold three numbers, one a channel. "
                    f"Received: {field}={values!r}. Write one number for each of "
                    f"{', '.join(self.channels)}."
                )
            object.__setattr__(self, field, tuple(float(value) for value in values))
        if self.channels not in CHANNEL_ORDERS:
            raise ValueError(
                "Normalization.channels must be 'rgb' or 'bgr'. "
                f"Received: channels={self.channels!r}. Write one of the two."
            )
        if not all(math.isfinite(value) and value > 0 for value in self.std):
            raise ValueError(
                "Normalization.std must be positive and finite. "
                f"Received: std={self.std}. Write 1.0 where nothing is divided."
            )
        if not all(math.isfinite(value) for value in self.mean):
            raise ValueError(
                "Normalization.mean must be finite. "
                f"Received: mean={self.mean}. Write 0.0 where nothing is subtracted."
            )


#: Pixels to [-1, 1]: for models that learn from nothing.
SCALED = Normalization()

#: torchvision: RGB in [0, 1], less 0.485 0.456 0.406, by 0.229 0.224 0.225.
IMAGENET = Normalization(
    mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), channels="rgb"
)

#: tf.keras.applications' ResNet50: BGR, less the mean of ImageNet.
IMAGENET_BGR = Normalization(
    mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0), channels="bgr"
)

#: The VGGFace2 weights that came by way of Caffe: BGR, less the mean of the faces.
VGGFACE2 = Normalization(
    mean=(91.4953, 103.8827, 131.0912), std=(1.0, 1.0, 1.0), channels="bgr"
)

#: The "dag" weights, VGGFace2 and FER+ alike: the same numbers, in RGB.
FERPLUS = Normalization(
    mean=(131.0912, 103.8827, 91.4953), std=(1.0, 1.0, 1.0), channels="rgb"
)


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class Normalize(tf.keras.layers.Layer):
    """Turns RGB pixels [B, H, W, 3], 0 to 255, into what the backbone expects.

    The arithmetic is float32 under any policy, since half precision cannot tell
    neighbouring pixels of a bright picture apart; only the result takes the
    policy's compute dtype.

    Args:
      mean: Three numbers in pixel units, in the order of `channels`.
      std: Three positive numbers in pixel units, in the order of `channels`.
      channels: "rgb" or "bgr".
      **kwargs: As of any layer.

    Raises:
      ValueError: As `Normalization`.
    """

    def __init__(
        self,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        channels: str = "rgb",
        **kwargs: Any,
    ) -> None:
        # Autocasting would halve the precision of float pictures before `call`.
        super().__init__(autocast=False, trainable=False, **kwargs)
        self.normalization = Normalization(tuple(mean), tuple(std), channels)

    def call(self, images: tf.Tensor) -> tf.Tensor:  # noqa: D102
        pixels = tf.cast(images, tf.float32)
        if self.normalization.channels == "bgr":
            pixels = tf.reverse(pixels, axis=[-1])
        mean = tf.constant(self.normalization.mean, tf.float32)
        std = tf.constant(self.normalization.std, tf.float32)
        return tf.cast((pixels - mean) / std, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:  # noqa: D102
        return input_shape

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        config = super().get_config()
        config.pop("trainable", None)
        fields = dataclasses.asdict(self.normalization)
        return {**config, **fields}


def check_tasks(num_logits: Mapping[str, int], reserved: Iterable[str] = ()) -> None:
    """Refuses tasks that a model cannot be built for.

    Args:
      num_logits: {task: K}.
      reserved: Names that layers of the model already carry. A task's name becomes
        that of a layer, too.

    Raises:
      ValueError: Without a task, for a task without a logit, or for one whose name is
        reserved or no identifier.
    """
    if not num_logits:
        raise ValueError(
            "A model must have at least one task. "
            f"Received: num_logits={dict(num_logits)}. "
            "Take the tasks from the taxonomy."
        )
    reserved = tuple(reserved)
    for task, count in num_logits.items():
        if count < 1:
            raise ValueError(
                "A task must have at least one logit. "
                f"Received: num_logits[{task!r}]={count}. "
                "Leave the task out where the taxonomy has no label for it."
            )
        if task in reserved or not task.isidentifier():
            raise ValueError(
                "A task's name must be an identifier that no other layer has. "
                f"Received: {task!r}. Taken: {', '.join(reserved) or 'none'}."
            )
