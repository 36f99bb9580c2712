"""Reading back what a run left."""

from affect_tf.commands import run_models


def weights(folder):
    return run_models.trained_model(folder).get_weights()
