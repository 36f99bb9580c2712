"""Builds the multitask model: uint8 faces in, one tensor of logits a task out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping

import tensorflow as tf

from affect_tf.models import layers
from affect_tf.models.temporal import Temporal

#: A backbone: normalised pictures [B, S, S, 3] to a feature map or a vector.
Backbone = Callable[[tf.Tensor], tf.Tensor]

#: A head: features [B, D], the task's name and its number of logits K to [B, K].
Head = Callable[[tf.Tensor, str, int], tf.Tensor]

#: Names that layers of every model already carry.
RESERVED_NAMES = ("image", "normalize", "features")


@dataclasses.dataclass(frozen=True)
class MlpHead:
    """Normalisation, a hidden layer, ReLU, normalisation and linear logits.

    The layer `{task}_embedding` gives the [B, width] vector before the logits,
    which is what the sequence models of the papers read.

    Attributes:
      width: Units of the hidden layer.
      dropout: Share of the embedding that training drops before the logits.
      batch_norm: Whether the features and the hidden layer are normalised.
      batch_norm_epsilon: Added to every variance.
      batch_norm_momentum: Share that a running statistic keeps.

    Raises:
      ValueError: On a width below 1 or a dropout outside [0, 1).

    Source: Deng et al. 2020, the released code's `Head` (no dropout); Vu et al.
    2021 drop 0.5; Thinh et al. 2021 take `MlpHead(512, 0.5, batch_norm=False)`.
    """

    width: int = 128
    dropout: float = 0.0
    batch_norm: bool = True
    batch_norm_epsilon: float = 1e-5
    batch_norm_momentum: float = 0.9

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        if self.width < 1:
            raise ValueError(
                "MlpHead.width must be at least 1. "
                f"Received: width={self.width!r}. Deng et al. take 128."
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                "MlpHead.dropout must lie in [0, 1). "
                f"Received: dropout={self.dropout!r}. Write 0.0 for none."
            )

    def __call__(self, features: tf.Tensor, task: str, num_logits: int) -> tf.Tensor:
        """Builds the layers on float32 [B, D]; returns float32 [B, num_logits]."""
        hidden = features
        if self.batch_norm:
            hidden = self._norm(f"{task}_input_norm")(hidden)
        hidden = tf.keras.layers.Dense(
            self.width,
            kernel_initializer=tf.keras.initializers.HeNormal(),
            dtype="float32",
            name=f"{task}_hidden",
        )(hidden)
        relu = f"{task}_relu" if self.batch_norm else f"{task}_embedding"
        hidden = tf.keras.layers.ReLU(dtype="float32", name=relu)(hidden)
        if self.batch_norm:
            hidden = self._norm(f"{task}_embedding")(hidden)
        if self.dropout:
            hidden = tf.keras.layers.Dropout(
                self.dropout, dtype="float32", name=f"{task}_dropout"
            )(hidden)
        return tf.keras.layers.Dense(num_logits, dtype="float32", name=task)(hidden)

    def _norm(self, name: str) -> tf.keras.layers.Layer:
        return tf.keras.layers.BatchNormalization(
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype="float32",
            name=name,
        )


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Everything that decides the layers of a model, but for the tasks.

    Attributes:
      backbone: `backbones.ResNet50(...)`, `ResNet18(...)`, or any callable from
        normalised pictures to a feature map [B, h, w, D] or vector [B, D].
      head: Builds the layers of one task; see `MlpHead`.
      image_size: Side of the square input pictures, at least 32.
      normalization: What the backbone expects of its pixels. Pretrained weights
        fix it: `pretrained.LAYOUTS` says which.
      temporal: What follows the frames' vectors over time, `BidirectionalGru(...)` or
        `fusion.FaceAndSound(...)`; None where every frame stands alone.

    Raises:
      ValueError: On an image size below 32 or a part of the wrong kind.
    """

    backbone: Backbone
    head: Head = MlpHead()
    image_size: int = 112
    normalization: layers.Normalization = layers.SCALED
    temporal: Temporal | None = None

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        for field in ("backbone", "head"):
            part = getattr(self, field)
            if isinstance(part, type) or not callable(part):
                raise ValueError(
                    f"Architecture.{field} must be an object that builds layers. "
                    f"Received: {field}={part!r}. Write for instance "
                    f"{'ResNet50()' if field == 'backbone' else 'MlpHead()'}."
                )
        if self.temporal is not None and (
            isinstance(self.temporal, type) or not isinstance(self.temporal, Temporal)
        ):
            raise ValueError(
                "Architecture.temporal must be an object that builds layers, or None. "
                f"Received: temporal={self.temporal!r}. "
                "Write for instance BidirectionalGru()."
            )
        if not isinstance(self.normalization, layers.Normalization):
            raise ValueError(
                "Architecture.normalization must be a Normalization. "
                f"Received: normalization={self.normalization!r}. "
                "Write for instance layers.SCALED or layers.IMAGENET."
            )
        if isinstance(self.image_size, bool) or not isinstance(self.image_size, int):
            raise ValueError(
                "Architecture.image_size must be a whole number. "
                f"Received: image_size={self.image_size!r}. The papers take 112."
            )
        if self.image_size < 32:
            raise ValueError(
                "Architecture.image_size must be at least 32. "
                f"Received: image_size={self.image_size}. The papers take 112."
            )


def build(
    architecture: Architecture, num_logits: Mapping[str, int], name: str = "affect"
) -> tf.keras.Model:
    """Builds the functional model of an architecture's faces for some tasks.

    Frames are faces here, one by one: `architecture.temporal` builds what stands on
    the layers `{task}_embedding`, or "features", where the architecture models time.

    Weights are drawn from the global seed (`tf.keras.utils.set_random_seed`), and
    compute follows the global precision policy, but for what follows the layer
    `features` (the pooled [B, D] vector), which is float32 under any policy.

    Args:
      architecture: The layers.
      num_logits: Logits of each task by its name, in the order of the outputs.
      name: The model's name.

    Returns:
      A model from `{"image": uint8 [B, S, S, 3]}`, RGB, to `{task: float32
      [B, K]}`, linear logits; the layer that gives them carries the task's name.

    Raises:
      ValueError: Without a task, on a number of logits below 1, or on a task
        whose name a layer already has.
    """
    layers.check_tasks(num_logits, RESERVED_NAMES)
    size = architecture.image_size
    image = tf.keras.Input((size, size, 3), dtype="uint8", name="image")
    normalization = architecture.normalization
    pixels = layers.Normalize(
        normalization.mean, normalization.std, normalization.channels, name="normalize"
    )(image)
    features = architecture.backbone(pixels)
    if len(features.shape) == 4:
        # The mean over positions is taken in float32: half precision would round
        # the vector that every head, and every extracted feature, stands on.
        pool = tf.keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")
        features = pool(features)
    else:
        features = tf.keras.layers.Activation(
            "linear", dtype="float32", name="features"
        )(features)
    logits = {
        task: architecture.head(features, task, count)
        for task, count in num_logits.items()
    }
    return tf.keras.Model(inputs={"image": image}, outputs=logits, name=name)
