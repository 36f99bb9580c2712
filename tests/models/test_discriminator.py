"""What a discriminator behind batch normalisation can tell of batches of one set."""

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import math

import numpy as np
import tensorflow as tf

from affect_tf.models import adversary
from affect_tf.models import fusion
from affect_tf.models.sound import SoundNet8

SETS, ROWS, STEPS = 3, 48, 120
PART = fusion.FaceAndSound(
    face=False,
    sound=SoundNet8(width=1, outputs=6),
    widths=(12,),
    dropout=0.0,
    task_widths=(4,),
    discriminator_widths=(8,),
)


def last_loss(mixed):
    """Trains a discriminator, and nothing below it, on sets that lie apart.

    Args:
      mixed: Whether each batch is of all sets, or of one in turn.

    Returns:
      Its cross entropy in training, over the last steps.
    """
    tf.keras.utils.set_random_seed(0)
    model = PART.sequence({fusion.SOUND: 6}, {"va": 2}, num_sources=SETS)
    model.get_layer("reversal").strength.assign(0.0)
    centres = np.eye(SETS, 6, dtype=np.float32) * 3
    random = np.random.default_rng(0)
    optimizer = tf.keras.optimizers.Adam(1e-2)

    @tf.function
    def step(vectors, source):
        with tf.GradientTape() as tape:
            outputs = model({fusion.SOUND: vectors}, training=True)
            logits = outputs[adversary.DISCRIMINATOR]
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(source, logits)
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        told = zip(gradients, model.trainable_variables, strict=True)
        optimizer.apply_gradients((g, v) for g, v in told if g is not None)
        return loss

    losses = []
    for number in range(STEPS):
        source = np.arange(ROWS) % SETS if mixed else np.full(ROWS, number % SETS)
        vectors = centres[source] + random.normal(size=(ROWS, 6)).astype(np.float32)
        losses.append(float(step(tf.constant(vectors), tf.constant(source))))
    return float(np.mean(losses[-12:]))


def test_sets_are_told_apart_in_mixed_batches_and_not_in_batches_of_one():
    """Normalised by its own mean, a batch of one set looks like that of another."""
    assert last_loss(mixed=True) < 0.3
    assert last_loss(mixed=False) > 0.9 * math.log(SETS)
