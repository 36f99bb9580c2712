"""Random changes of training faces, drawn from a counter so that runs can resume."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random translation, horizontal flip, brightness and contrast of each face.

    Action units and expressions are labelled without regard to side, so a flipped
    face keeps its labels.

    Attributes:
      translation: Largest shift in either direction, as a share of the image's
        side, in [0, 0.5]; the border is repeated. Deng 2020's code crops 112 of 134
        pixels, which is a shift of up to 0.1.
      horizontal_flip: Whether half of the faces are mirrored.
      brightness: Largest change of brightness as a share of 255, in [0, 1].
      contrast: Largest relative change of contrast, in [0, 1).

    Raises:
      ValueError: If a value is outside its range.
    """

    translation: float = 0.1
    horizontal_flip: bool = True
    brightness: float = 0.0
    contrast: float = 0.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name, top in (("translation", 0.5), ("brightness", 1), ("contrast", 0.99)):
            value = getattr(self, name)
            if not 0 <= value <= top:
                raise ValueError(
                    f"Augmentation.{name} must lie in [0, {top}]. "
                    f"Received: {name}={value}. Use 0 to switch it off."
                )

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns changed copies.

        The same seed gives the same result, eagerly or in a pipeline.

        Args:
          images: uint8 [B, S, S, 3]; or [B, T, S, S, 3], windows, whose T frames all
            get the one change that is drawn for their window.
          seed: int64 [2].
        """
        seeds = tf.random.split(tf.cast(seed, tf.int32), 3)
        shape = tf.shape(images)
        frames = shape[1] if len(images.shape) == 5 else tf.constant(1)
        flat = tf.reshape(images, [-1, *images.shape[-3:]])
        if self.translation or self.horizontal_flip:
            flat = self._shift_and_flip(flat, frames, seeds[0], seeds[1])
        if self.brightness or self.contrast:
            flat = self._light(flat, frames, seeds[2])
        return tf.ensure_shape(tf.reshape(flat, shape), images.shape)

    def _shift_and_flip(
        self,
        images: tf.Tensor,
        frames: tf.Tensor,
        shift_seed: tf.Tensor,
        flip_seed: tf.Tensor,
    ) -> tf.Tensor:
        # A shift and a mirror are both a choice of source rows and columns, so two
        # gathers on uint8 do the work of a projective transform at a tenth of it.
        batch, size = tf.shape(images)[0] // frames, images.shape[1]
        reach = round(self.translation * size)
        shift = tf.random.stateless_uniform(
            [2, batch, 1], shift_seed, -reach, reach + 1, tf.int32
        )
        position = tf.range(size)[tf.newaxis]
        rows = tf.clip_by_value(position + shift[0], 0, size - 1)
        columns = tf.clip_by_value(position + shift[1], 0, size - 1)
        if self.horizontal_flip:
            mirrored = tf.random.stateless_uniform([batch, 1], flip_seed) < 0.5
            columns = tf.where(mirrored, size - 1 - columns, columns)
        rows, columns = tf.repeat(rows, frames, 0), tf.repeat(columns, frames, 0)
        images = tf.gather(images, rows, axis=1, batch_dims=1)
        return tf.gather(images, columns, axis=2, batch_dims=1)

    def _light(
        self, images: tf.Tensor, frames: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        batch = tf.shape(images)[0] // frames
        change = tf.random.stateless_uniform([2, batch, 1, 1, 1], seed, -1.0, 1.0)
        change = tf.repeat(change, frames, 1)
        pixels = tf.cast(images, tf.float32)
        # Each frame's own: what pads a window must not reach its other frames.
        mean = tf.reduce_mean(pixels, axis=[1, 2, 3], keepdims=True)
        pixels = (pixels - mean) * (1 + self.contrast * change[0]) + mean
        pixels += 255 * self.brightness * change[1]
        return tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
