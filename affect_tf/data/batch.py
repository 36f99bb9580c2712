"""What a model and its objective receive in one step."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Batch(NamedTuple):
    """B rows of faces with whatever labels they have.

    Attributes:
      inputs: {"image": uint8 [B, S, S, 3]}, RGB faces; the model normalises.
      labels: {"expr": int32 [B], "au": float32 [B, U], "va": float32 [B, 2]}, of
        the tasks in the taxonomy; 0 wherever the mask is 0.
      masks: {"expr": float32 [B], "au": float32 [B, U], "va": float32 [B]}; 1 where
        there is a label.
      source: int32 [B], the position of the row's stream in the configured sources
        (0 throughout in evaluation).
      weight: float32 [B], 1 for a sample and 0 for padding.
      key: string [B], the sample's name in its data set; empty for padding.
      subject: string [B], the person shown, as "<source>/<subject>"; empty for
        padding.
    """

    inputs: dict[str, tf.Tensor]
    labels: dict[str, tf.Tensor]
    masks: dict[str, tf.Tensor]
    source: tf.Tensor
    weight: tf.Tensor
    key: tf.Tensor
    subject: tf.Tensor
