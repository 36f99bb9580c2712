"""From the sound of a record to what is heard up to a frame."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.past import Past
from affect_tf.data.sample import sound_end


class Listener(Protocol):
    """Gives what is heard at some rows of some records.

    Attributes:
      faces: How many faces take the memory of what is heard at one row.
    """

    @property
    def faces(self) -> int:
        """How many faces take the memory of what is heard at one row."""

    def __call__(self, time: tf.Tensor, clip: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the inputs of a batch for N rows; see `Batch`.

        Args:
          time: int64 [N]. Microseconds of each row in its film.
          clip: int64 [N]. The record that it is of.
        """


class Deaf:
    """Hears nothing: no input is of sound."""

    faces = 0

    def __call__(self, time: tf.Tensor, clip: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns nothing."""
        return {}


class Recordings:
    """The sound of some records, cut so that it ends at a frame."""

    def __init__(self, sounds: records.Sounds, past: Past) -> None:
        """Reads the sound of whole records once, however many frames listen to it.

        Args:
          sounds: Of these records.
          past: How much is heard, at which rate and by how many channels.
        """
        stored = tf.cast(tf.strings.length(sounds.pcm), tf.int64)
        pcm = tf.io.decode_raw(
            tf.strings.reduce_join(sounds.pcm), tf.int16, little_endian=True
        )
        self._past = past
        # All of them as one array, so that no window copies a whole film.
        self._pcm = tf.reshape(pcm, [-1, past.channels])
        self._count = stored // (2 * past.channels)
        self._begin = tf.cumsum(self._count, exclusive=True)
        self._start = sounds.start

    @property
    def faces(self) -> int:
        """How many faces take the memory of one window of sound."""
        return self._past.held - self._past.frames

    def __call__(self, time: tf.Tensor, clip: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the windows of sound that end at some frames.

        Sample n of a film is the one at n / rate seconds; the last of a window is the
        last that is whole before the frame's time. Nothing at or after it is read.

        Args:
          time: int64 [N]. Microseconds of each frame in its film.
          clip: int64 [N]. The record that it is of, among those that were given.

        Returns:
          "sound": int16 [N, num_samples, channels], silence where there is none; and
          "heard": int32 [N], how many samples at its end are of the film: 0 without a
          sound track, fewer than all near the start of what is stored.
        """
        size, channels = self._past.num_samples, self._past.channels
        begin, count = tf.gather(self._begin, clip), tf.gather(self._count, clip)
        end = sound_end(time, self._past.rate) - tf.gather(self._start, clip)

        def window(place: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            begin, count, end = place
            first = tf.clip_by_value(end - size, 0, count)
            last = tf.clip_by_value(end, first, count)
            # A track may end before its film: what follows is silence, too.
            after = tf.clip_by_value(end - count, 0, size)
            before = size - after - (last - first)
            found = self._pcm[begin + first : begin + last]
            found = tf.pad(found, [[before, after], [0, 0]])
            return tf.ensure_shape(found, [size, channels])

        sound = tf.map_fn(
            window,
            (begin, count, end),
            fn_output_signature=tf.TensorSpec([size, channels], tf.int16),
        )
        heard = tf.where(count > 0, tf.clip_by_value(end, 0, size), 0)
        return {"sound": sound, "heard": tf.cast(heard, tf.int32)}
