"""Reading back what a run left."""

import tensorflow as tf


def weights(folder):
    """The best weights of a run by the order of their names, without its model."""
    best = tf.train.latest_checkpoint(folder / "checkpoints" / "best")
    stored = tf.train.load_checkpoint(best)
    names = sorted(stored.get_variable_to_shape_map())
    found = [stored.get_tensor(name) for name in names if name.startswith("model/")]
    assert found
    return found


def first_kernel(folder):
    """The weights of the convolution that sees the three colours."""
    (kernel,) = [w for w in weights(folder) if w.ndim == 4 and w.shape[2] == 3]
    return kernel
