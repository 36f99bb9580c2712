"""Small models with random weights, and the files that hold them."""

import dataclasses
import json
import pickle

import numpy as np
import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import layers
from affect_tf.models import pretrained
from affect_tf.models import pretrained_layouts


@dataclasses.dataclass(frozen=True)
class Shallow(backbones.ResNet50):
    """A ResNet-50 of one block a stage: the same names, a quarter of the layers."""

    def _stages(self):
        return (1, 1, 1, 1)


SMALL = Shallow(width=4)


def model_of(backbone=SMALL, normalization=layers.IMAGENET, size=32, logits=2):
    architecture = build.Architecture(
        backbone, image_size=size, normalization=normalization
    )
    return build.build(architecture, {"va": logits})


def backbone_for(layout, kind=Shallow, **changes):
    return kind(**{**vars(layout.backbone), "width": 4, **changes})


def model_for(layout, size=64, kind=Shallow, **changes):
    return model_of(backbone_for(layout, kind, **changes), layout.normalization, size)


def images(size=32, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (2, size, size, 3))
    return {"image": tf.constant(pixels, tf.uint8)}


def features_of(model, size=32):
    inside = tf.keras.Model(model.inputs, model.get_layer("features").output)
    return inside(images(size)).numpy()


def random_weights(model, seed=0):
    """Draws every weight and running statistic, so that none is 0 or 1 by chance."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        if "moving_variance" in weight.name:
            value = generator.uniform(0.5, 2.0, weight.shape)
        elif "kernel" in weight.name:
            fan_in = np.prod(weight.shape[:-1])
            value = generator.normal(0, fan_in**-0.5, weight.shape)
        else:
            value = generator.normal(0.5, 0.3, weight.shape)
        weight.assign(value)
    return model


def as_torch(model, layout="torchvision"):
    """The model's backbone under the names and in the order of axes of PyTorch."""
    spec = pretrained_layouts.LAYOUTS[layout]
    return {
        spec.tensor(layer.name, weight.name.split("/")[-1].split(":")[0]): (
            weight.numpy().transpose(3, 2, 0, 1)
            if len(weight.shape) == 4
            else weight.numpy()
        )
        for layer in pretrained.backbone_layers(model)
        for weight in layer.weights
    }


def write(path, tensors):
    """Writes arrays in the format of the path's suffix."""
    if path.suffix == ".npz":
        np.savez(path, **tensors)
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(tensors, protocol=2))
    else:
        header, body = {}, b""
        for name, value in tensors.items():
            start, body = len(body), body + value.astype("<f4").tobytes()
            header[name] = {
                "dtype": "F32",
                "shape": list(value.shape),
                "data_offsets": [start, len(body)],
            }
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path
