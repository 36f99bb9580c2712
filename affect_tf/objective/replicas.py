"""Sums over every replica of a distributed step."""

from __future__ import annotations

import tensorflow as tf


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns `value` summed over the replicas; itself where there is only one.

    The gradient of the sum is the sum of the replicas' gradients, so a loss that
    depends on other replicas' rows is exact once the optimizer has added up what
    the replicas computed. It must run in the replica's own function, outside
    `tf.cond` and loops, which is where TensorFlow allows replicas to meet.

    Args:
      value: Tensor of one shape in every replica.

    Returns:
      A tensor of the same shape and dtype, equal in every replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
