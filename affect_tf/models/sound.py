"""The network that hears: a raw wave in, one vector out, without any spectrogram.

Layers are named `sound_{conv,norm,relu,pool}{1-8}`. Geometry is that of the published
weights: zeros are added on both sides alike, since "same" puts the odd one elsewhere
where a kernel is even.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import tensorflow as tf

#: Steps of int16 in one unit of the scale that SoundNet was trained on, +-256.
STEPS_PER_UNIT = 128.0


@dataclasses.dataclass(frozen=True)
class _Convolution:
    """One layer: a kernel with its stride and padding, then a pooling, or 1."""

    factor: int
    kernel: int
    padding: int
    pool: int = 1
    stride: int = 2


#: conv1 to conv7, whose `factor` is their number of filters in widths of the net.
LAYERS = (
    _Convolution(1, 64, 32, pool=8),
    _Convolution(2, 32, 16, pool=8),
    _Convolution(4, 16, 8),
    _Convolution(8, 8, 4),
    _Convolution(16, 4, 2, pool=4),
    _Convolution(32, 4, 2),
    _Convolution(64, 4, 2),
)

#: conv8, whose filters are the outputs.
LAST = _Convolution(0, 8, 0)


@dataclasses.dataclass(frozen=True)
class SoundNet8:
    """SoundNet's eight convolutions in time, up to the logits of 1000 objects.

    Ten seconds at 22,050 Hz (220,500 samples) give exactly one vector. Of a longer
    sound the vectors are averaged; the shortest has 209,374 samples.

    Attributes:
      channels: Of the sound, 1 or 2. Published weights have 1, Jeong et al. name 2.
      batch_norm_epsilon: Added to every variance; 1e-5 with published weights.
      width: Filters of the first convolution; all others but the last have a multiple
        of it. 16 is SoundNet, 2 or 4 trains on a laptop.
      outputs: Numbers of the vector; 1000 is SoundNet.
      batch_norm_momentum: Share that a running statistic keeps.

    Raises:
      ValueError: On a value outside these.

    Source: Aytar et al. 2016, SoundNet, Figure 2 and the released code; its second
      output (scenes) is left out, as by Jeong et al. 2022.
    """

    channels: int = 1
    batch_norm_epsilon: float = 1e-5
    width: int = 16
    outputs: int = 1000
    batch_norm_momentum: float = 0.9

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        for field in ("channels", "width", "outputs"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"SoundNet8.{field} must be a whole number from 1 on. "
                    f"Received: {field}={value!r}. "
                    "SoundNet has 1 channel, width 16 and 1000 outputs."
                )
        if self.channels > 2:
            raise ValueError(
                "SoundNet8.channels must be 1 or 2. "
                f"Received: channels={self.channels}. Records hold mono or stereo."
            )
        if not 0 < self.batch_norm_epsilon < math.inf:
            raise ValueError(
                "SoundNet8.batch_norm_epsilon must be positive. "
                f"Received: batch_norm_epsilon={self.batch_norm_epsilon!r}. "
                "Published weights expect 1e-5."
            )
        if not 0 <= self.batch_norm_momentum < 1:
            raise ValueError(
                "SoundNet8.batch_norm_momentum must lie in [0, 1). "
                f"Received: batch_norm_momentum={self.batch_norm_momentum!r}. "
                "It is the share that the running mean keeps: PyTorch's 0.1 is 0.9."
            )

    @property
    def shortest(self) -> int:
        """Samples of the shortest sound that gives a vector."""
        samples = 1
        for layer in (LAST, *reversed(LAYERS)):
            samples *= layer.pool
            samples = (samples - 1) * layer.stride + layer.kernel - 2 * layer.padding
        return samples

    def lengths(self, samples: int) -> tuple[int, ...]:
        """Returns how many positions each convolution, pooled, gives; 0 is none."""
        found = [samples]
        for layer in (*LAYERS, LAST):
            room = found[-1] + 2 * layer.padding - layer.kernel
            count = room // layer.stride + 1 if room >= 0 and found[-1] else 0
            found.append(count // layer.pool)
        return tuple(found[1:])

    def __call__(self, sound: tf.Tensor) -> tf.Tensor:
        """Builds the layers.

        Args:
          sound: float32 [B, N, C] in [-256, 256]; see `ScaleSound`.

        Returns:
          float32 [B, outputs] under any policy, linear.

        Raises:
          ValueError: On another number of channels, or where N is too short.
        """
        samples, channels = sound.shape[1:]
        if channels != self.channels:
            raise ValueError(
                "SoundNet8 must be given sound of its number of channels. "
                f"Received: channels={channels} for {self!r}. "
                "Build the records, or the network, with the other's."
            )
        if samples is not None and samples < self.shortest:
            raise ValueError(
                f"SoundNet8 must be given at least {self.shortest} samples. "
                f"Received: samples={samples}. Take 10 seconds at 22,050 Hz: 220,500."
            )
        values = sound
        for number, layer in enumerate(LAYERS, 1):
            values = self._hidden(values, number, layer)
        # Its kernel and the mean are float32: every later layer stands on this vector.
        values = tf.keras.layers.Conv1D(
            self.outputs,
            LAST.kernel,
            strides=LAST.stride,
            dtype="float32",
            name="sound_conv8",
        )(values)
        return tf.keras.layers.GlobalAveragePooling1D(
            dtype="float32", name="sound_vector"
        )(values)

    def _hidden(self, values: tf.Tensor, number: int, layer: _Convolution) -> tf.Tensor:
        values = tf.keras.layers.ZeroPadding1D(
            layer.padding, name=f"sound_pad{number}"
        )(values)
        # A bias before a normalisation does nothing, but published files have it.
        values = tf.keras.layers.Conv1D(
            layer.factor * self.width,
            layer.kernel,
            strides=layer.stride,
            kernel_initializer=tf.keras.initializers.HeNormal(),
            name=f"sound_conv{number}",
        )(values)
        values = tf.keras.layers.BatchNormalization(
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            name=f"sound_norm{number}",
        )(values)
        values = tf.keras.layers.ReLU(name=f"sound_relu{number}")(values)
        if layer.pool == 1:
            return values
        return tf.keras.layers.MaxPooling1D(layer.pool, name=f"sound_pool{number}")(
            values
        )


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class ScaleSound(tf.keras.layers.Layer):
    """Takes int16 PCM [B, N, C] to float32 in [-256, 256), whatever the policy.

    Of `[sound, heard]`, with heard int32 [B], only the last `heard` samples of a row
    are taken; before them is silence, whatever stands there.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Any) -> tf.Tensor:  # noqa: D102
        if not isinstance(inputs, (list, tuple)):
            return tf.cast(inputs, tf.float32) / STEPS_PER_UNIT
        sound, heard = inputs
        samples = tf.shape(sound)[1]
        place = tf.range(samples)[tf.newaxis]
        there = place >= samples - tf.cast(heard, tf.int32)[:, tf.newaxis]
        kept = tf.where(there[..., tf.newaxis], sound, tf.zeros_like(sound))
        return tf.cast(kept, tf.float32) / STEPS_PER_UNIT


@tf.keras.utils.register_keras_serializable(package="affect_tf")
class HasSound(tf.keras.layers.Layer):
    """Takes the number of samples heard, int32 [B], to bool [B]: any at all."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def call(self, heard: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return heard > 0
