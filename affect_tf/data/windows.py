"""Windows of successive frames, cut out of clips when they are read."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.cut import Cut


@dataclasses.dataclass(frozen=True)
class Windows:
    """How clips are cut into windows of `length` frames.

    Where the numbers of successive frames step by more than `max_gap`, or do not rise,
    a new stretch begins; no window reaches over that. A stretch of up to `length`
    frames is one window, padded at its end. A longer one is cut at 0, stride,
    2 stride, ..., and where its tail is left over by one more window, which ends at
    the last frame. So every frame is in at least one window.

    Attributes:
      length: T, the frames of a window. Deng 2020: 32, 16 or 8; Vu 2021: 32.
      stride: Frames from the start of a window to that of the next, in training; at
        most `length`, so that every frame is in a window.
      evaluation_stride: The same in evaluation; None takes `stride`. Frames that
        several windows show get the mean of their scores.
      max_gap: Largest step between the numbers of successive frames inside a window;
        1 means that no frame is missing.

    Raises:
      ValueError: If a value is no whole number, or outside its range.
    """

    length: int = 32
    stride: int = 16
    evaluation_stride: int | None = None
    max_gap: int = 1

    def __post_init__(self) -> None:
        """Checks the types and the ranges."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole and (value is not None or field.default is not None):
                raise ValueError(
                    f"Windows.{field.name} must be a whole number of frames. "
                    f"Received: {field.name}={value!r}. Round it."
                )
        for name in ("length", "max_gap"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"Windows.{name} must be at least 1. "
                    f"Received: {name}={getattr(self, name)}. Raise it."
                )
        for name in ("stride", "evaluation_stride"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= self.length:
                raise ValueError(
                    f"Windows.{name} must lie in [1, length], or frames would be in "
                    f"no window. Received: {name}={value}, length={self.length}. "
                    "Lower it, or make the windows longer."
                )

    @property
    def stride_in_evaluation(self) -> int:
        """Frames from the start of a window to that of the next, in evaluation."""
        return self.stride if self.evaluation_stride is None else self.evaluation_stride

    @property
    def held(self) -> int:
        """Faces that take as much memory as a window."""
        return self.length

    def cut(self, rows: records.Rows, training: bool) -> Cut:
        """Returns the windows of whole records; each frame of one is taught."""
        stride = self.stride if training else self.stride_in_evaluation
        index, present = self.windows_of(rows.frame, stride, rows.sample)
        return Cut(index, present, index)

    def windows_of(
        self, frame: tf.Tensor, stride: int, clip: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cuts clips.

        Args:
          frame: int64 [R]. Number of each frame in its film; R may be 0.
          stride: `stride`, or `stride_in_evaluation`.
          clip: int64 [R]. Which clip each frame belongs to, in any numbering in which
            neighbouring clips differ; None where all are of one.

        Returns:
          int64 [W, T], the rows of each window in order; padding repeats the last
          one. And bool [W, T], which of them are no padding.
        """
        count = tf.size(frame, tf.int64)
        step = frame[1:] - frame[:-1]
        begins = (step < 1) | (step > self.max_gap)
        if clip is not None:
            begins |= clip[1:] != clip[:-1]
        # The first frame is of stretch 0; where there is none, so is nothing.
        stretch = tf.cumsum(tf.cast(begins, tf.int64))
        stretch = tf.concat([tf.zeros([tf.minimum(count, 1)], tf.int64), stretch], 0)
        frames = tf.math.segment_sum(tf.ones_like(stretch), stretch)
        begin = tf.cumsum(frames, exclusive=True)
        beyond = tf.maximum(frames - self.length, 0)
        windows = 1 + (beyond + stride - 1) // stride
        of = tf.repeat(tf.range(tf.size(frames)), windows)
        number = tf.range(tf.size(of, tf.int64)) - tf.gather(
            tf.cumsum(windows, exclusive=True), of
        )
        first = tf.minimum(number * stride, tf.gather(beyond, of))
        place = first[:, None] + tf.range(self.length, dtype=tf.int64)
        last = tf.gather(frames, of)[:, None] - 1
        index = tf.gather(begin, of)[:, None] + tf.minimum(place, last)
        return index, place <= last
