"""Recurrent layers without the fused kernel, whose graphs are built much faster.

Keras writes two graphs and their gradients for each GRU or LSTM that a GPU could run in
one kernel, which is most of what it takes to build and to export a small model. Both
compute the same. Tests of the layers themselves, and some of exports, want what users
get; all others only want some model of time.
"""

import contextlib
import functools

import tensorflow as tf

#: Keras' own name of whether a layer has the fused kernel as well.
_FUSES = "_could_use_gpu_kernel"
_LAYERS = (tf.keras.layers.GRU, tf.keras.layers.LSTM)
_wanted = {"fused": False}


def install():
    """Leaves the fused kernel out of the layers that are made from now on."""
    for layer in _LAYERS:
        layer.__init__ = _plain(layer.__init__)


@contextlib.contextmanager
def fused():
    """Makes the layers of this block as users get them."""
    before, _wanted["fused"] = _wanted["fused"], True
    try:
        yield
    finally:
        _wanted["fused"] = before


def _plain(make):
    @functools.wraps(make)
    def made(layer, *args, **kwargs):
        make(layer, *args, **kwargs)
        if not hasattr(layer, _FUSES):
            raise RuntimeError(f"{type(layer).__name__} must tell {_FUSES}.")
        if not _wanted["fused"]:
            setattr(layer, _FUSES, False)

    return made
