"""Multitask facial-affect models from data with incomplete labels, in TensorFlow."""

import importlib.util
import os

# TensorFlow 2.16 and later load Keras 3 unless told otherwise before the first
# import; this package speaks the Keras 2 API, which tf-keras keeps alive there.
# TensorFlow 2.15 has Keras 2 itself, and fails when told to look for tf-keras.
if importlib.util.find_spec("tf_keras"):
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# Start-up chatter of the native libraries hides the one line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
