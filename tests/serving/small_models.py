"""Models and pictures that are small enough to export in a moment."""

import numpy as np
import tensorflow as tf

from affect_tf.labels import taxonomy
from affect_tf.objective import tasks

SIZE = 16
TAXONOMY = taxonomy.Taxonomy("small", ("neutral", "anger", "fear"), ("AU1", "AU12"))
TASKS = (tasks.Expression(), tasks.ActionUnits(), tasks.ValenceArousal(num_bins=4))


def model(seed, described=TAXONOMY, heads=TASKS):
    """A convolution, batch normalisation that has seen data, and linear heads."""
    tf.keras.utils.set_random_seed(seed)
    image = tf.keras.Input([SIZE, SIZE, 3], dtype=tf.uint8, name="image")
    x = tf.keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    x = tf.keras.layers.Conv2D(8, 3, 2)(x)
    x = tf.keras.layers.BatchNormalization(momentum=0.5)(x)
    x = tf.keras.layers.GlobalAveragePooling2D()(tf.keras.layers.ReLU()(x))
    x = tf.keras.layers.Dropout(0.5)(x)
    outputs = {
        task.name: tf.keras.layers.Dense(
            task.num_logits(described),
            dtype="float32",
            name=task.name,
            kernel_initializer=tf.keras.initializers.RandomNormal(stddev=3.0),
        )(x)
        for task in heads
    }
    built = tf.keras.Model({"image": image}, outputs)
    built({"image": faces(8, seed=100 + seed)}, training=True)
    return built


def faces(count, size=SIZE, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, [count, size, size, 3], np.uint8)


def pngs(count, size=SIZE, seed=0):
    return [tf.io.encode_png(face).numpy() for face in faces(count, size, seed)]
