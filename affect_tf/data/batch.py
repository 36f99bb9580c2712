"""What a model and its objective receive in one step."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Batch(NamedTuple):
    """B rows of faces with whatever labels they have.

    A batch of W windows of T frames has B = W * T rows, window by window; one of frames
    with their past has a row for each. The inputs alone keep time as an axis.

    Attributes:
      inputs: {"image": uint8 [B, S, S, 3]}, RGB faces; the model normalises. Or, of
        feature records, name -> float32 [B, D]. In windows {"image": uint8
        [W, T, S, S, 3], "present": bool [W, T]}, or name -> float32 [W, T, D] and
        "present", which is False for padding. With their past {"image": uint8
        [B, F, S, S, 3], "present": bool [B, F]}, in the order of time, and
        {"sound": int16 [B, N, C], "heard": int32 [B]}, how many samples at its end are
        of the film; or {"face_embedding": float32 [B, F, D], "present": ...} and
        {"sound_embedding": float32 [B, D]}.
      labels: {"expr": int32 [B], "au": float32 [B, U], "va": float32 [B, 2]}, of
        the tasks in the taxonomy; 0 wherever the mask is 0.
      masks: {"expr": float32 [B], "au": float32 [B, U], "va": float32 [B]}; 1 where
        there is a label.
      source: int32 [B], the position of the row's stream in the configured sources
        (0 throughout in evaluation).
      weight: float32 [B], 1 for a face and 0 for padding.
      key: string [B], the sample's name in its data set; empty for padding.
      subject: string [B], the person shown, as "<source>/<subject>"; empty for
        padding.
      frame: int64 [B], number of the frame in its film; 0 in stills and for padding.
      row: int64 [B]. In evaluation the position of the frame in its split, which is
        the same in every window that shows it, and -1 for padding; 0 in training.
    """

    inputs: dict[str, tf.Tensor]
    labels: dict[str, tf.Tensor]
    masks: dict[str, tf.Tensor]
    source: tf.Tensor
    weight: tf.Tensor
    key: tf.Tensor
    subject: tf.Tensor
    frame: tf.Tensor
    row: tf.Tensor
