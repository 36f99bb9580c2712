"""Reading back what a run left."""

from affect_tf.commands import run_folder


def weights(folder):
    return run_folder.trained_model(folder).get_weights()
