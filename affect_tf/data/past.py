"""Samples that end at a frame: past frames, and past sound."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.cut import Cut
from affect_tf.data.sample import microseconds

#: Microseconds between the clips of a batch: above those that a film can last, and so
#: little that 2,000 clips fit in an int64.
_APART = 2**51
#: Stored bytes of a second of sound, in faces of about 4 kB.
_FACES_A_SECOND = 11


@dataclasses.dataclass(frozen=True)
class Past:
    """Each frame with the frames and the sound before it, and nothing after it.

    A frame is looked for at its own time and `spacing`, 2 `spacing`, ... seconds
    before, by the times of the film and not by the numbers of its frames, so that a
    film of 25 frames a second shows as much of the past as one of 30. Where no frame
    of the record lies within `tolerance` of such a time, as at the start of a film,
    there is none: it is marked absent.

    Attributes:
      frames: n_img, the frames of a sample, of which the last is the one that is
        predicted; 0 where faces are not looked at.
      spacing: Seconds between them.
      tolerance: Seconds by which a frame may miss its place; below spacing / 2.
      sound: t_aud, seconds of sound that end at the frame; 0 for none.
      stride: In training every so many frames of a clip are predicted; neighbours
        differ little. In evaluation all of them are.
      rate: Samples a second of the sound, Hz.
      channels: 1 or 2.

    Raises:
      ValueError: If a value is outside its range, or neither is looked at.

    Source: Jeong et al. 2022, section III and V-A: t_img = 2, t_aud = 10, at 30 frames
    a second "s = 6"; the released code takes 6 frames, 10 apart (offsets -50 ... 0),
    one channel, and leaves out frames with less than 10 seconds before them.
    """

    frames: int = 6
    spacing: float = 1 / 3
    tolerance: float = 0.025
    sound: float = 10.0
    stride: int = 1
    rate: int = 22_050
    channels: int = 1

    def __post_init__(self) -> None:
        """Checks the types and the ranges."""
        for name, least in (("frames", 0), ("stride", 1), ("rate", 1), ("channels", 1)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or value < least:
                raise ValueError(
                    f"Past.{name} must be a whole number from {least} on. "
                    f"Received: {name}={value!r}. Round it, or raise it."
                )
        for name in ("spacing", "tolerance", "sound"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(
                    f"Past.{name} must be seconds, 0 or more. "
                    f"Received: {name}={value!r}. Correct it."
                )
        if self.frames > 1 and not 0 <= 2 * self.tolerance < self.spacing:
            raise ValueError(
                "Past.tolerance must be below half the spacing, or one frame could "
                f"stand for two. Received: tolerance={self.tolerance}, "
                f"spacing={self.spacing}. Lower it."
            )
        if self.channels > 2:
            raise ValueError(
                "Past.channels must be 1 or 2. "
                f"Received: channels={self.channels}. Records hold no more."
            )
        if not self.frames and not self.num_samples:
            raise ValueError(
                "Past must look at frames or listen to sound. "
                f"Received: frames=0, sound={self.sound}. Give at least one of them."
            )

    @property
    def num_samples(self) -> int:
        """Samples of a window of sound: 220,500 for 10 seconds at 22,050 Hz."""
        return round(self.sound * self.rate)

    @property
    def length(self) -> int:
        """Faces that a sample shows, at least 1."""
        return max(1, self.frames)

    @property
    def held(self) -> int:
        """Faces that take as much memory as a sample."""
        sound = self.num_samples * self.channels / 22_050
        return max(1, self.frames + math.ceil(_FACES_A_SECOND * sound))

    def cut(self, rows: records.Rows, training: bool) -> Cut:
        """Returns a sample for every frame, or for every `stride`-th of a record.

        Args:
          rows: Of whole records, whose times rise.
          training: Whether `stride` holds.
        """
        taught = tf.range(tf.size(rows.time, tf.int64))
        if training and self.stride > 1:
            begins = tf.math.segment_min(taught, rows.sample)
            place = taught - tf.gather(begins, rows.sample)
            taught = tf.boolean_mask(taught, place % self.stride == 0)
        if not self.frames:
            # Not an axis of no frames, which tf.data does not take apart.
            return Cut(taught, tf.ones_like(taught, tf.bool), taught)
        shown, present = self.shown(rows.time, rows.sample, taught)
        return Cut(shown, present, taught)

    def shown(
        self, time: tf.Tensor, clip: tf.Tensor, target: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the past frames of some frames.

        Args:
          time: int64 [R]. Microseconds of each row in its film, rising in a clip.
          clip: int64 [R]. Which clip each row belongs to, never falling.
          target: int64 [N]. The rows that are predicted.

        Returns:
          int64 [N, frames], the rows in the order of time, where absent ones are the
          target itself; and bool [N, frames], which of them are there.
        """
        keys = time + clip * _APART
        spacing, tolerance = (
            microseconds(seconds) for seconds in (self.spacing, self.tolerance)
        )
        before = tf.range(self.frames - 1, -1, -1, dtype=tf.int64) * spacing
        wanted = tf.gather(keys, target)[:, tf.newaxis] - before
        flat = tf.reshape(wanted, [-1])
        # The first at or after the time, and the last before it.
        after = tf.searchsorted(keys, flat, out_type=tf.int64)
        last = tf.maximum(tf.size(keys, tf.int64) - 1, 0)
        pair = tf.stack([tf.maximum(after - 1, 0), tf.minimum(after, last)])
        miss = tf.abs(tf.gather(keys, pair) - flat)
        # The earlier one where both are as near.
        nearest = tf.where(miss[0] <= miss[1], pair[0], pair[1])
        present = tf.reshape(tf.reduce_min(miss, axis=0) <= tolerance, tf.shape(wanted))
        nearest = tf.reshape(nearest, tf.shape(wanted))
        return tf.where(present, nearest, target[:, tf.newaxis]), present
