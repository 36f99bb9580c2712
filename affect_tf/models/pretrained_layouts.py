"""How published ResNet weights name their tensors, and what they expect.

The tensors of one network go by five sets of names. The names also tell, mostly,
which geometry and which pixels the numbers were trained with; where they do not
(torchvision's and the VGGFace2 pickles' are the same) `detect` says how it decides.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy
from affect_tf.models import backbones
from affect_tf.models import layers
from affect_tf.models import pretrained_geometry

#: Classes of VGGFace2: a classifier of this many rows was trained on it.
VGGFACE2_IDENTITIES = 8631

_LAYER = re.compile(
    r"stage(?P<stage>\d+)_block(?P<block>\d+)_"
    r"(?P<part>shortcut_)?(?P<kind>conv|norm)(?P<index>\d?)"
)

_TORCH_VARIABLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """One way to name the tensors of a ResNet, and what goes with it.

    Attributes:
      name: What `load_backbone(layout=...)` takes.
      origin: Whose files look like this, for people.
      stem: Names of the first convolution and of its normalisation.
      stages: Pattern of every tensor beyond the stem that belongs to the network.
      anchor: A tensor that every such file has, of its last stage.
      torch: Whether kernels are [out, in, rows, columns].
      backbone: The geometry that the weights were trained in.
      normalization: The pixels that they were trained on.
    """

    name: str
    origin: str
    stem: tuple[str, str]
    stages: str
    anchor: str
    torch: bool
    backbone: backbones.ResNet50
    normalization: layers.Normalization

    def tensor(self, layer: str, variable: str) -> str:
        """Returns the file's name for a variable of one of our layers."""
        theirs = self._layer(layer)
        if self.torch:
            return f"{theirs}.{_TORCH_VARIABLES[variable]}"
        return f"{theirs}/{variable}"

    def belongs(self, tensor: str) -> bool:
        """Returns whether a tensor is part of the network, not of its classifier."""
        separator = "." if self.torch else "/"
        return bool(re.match(self.stages, tensor)) or any(
            tensor.startswith(f"{name}{separator}") for name in self.stem
        )

    def expects(self, model: tf.keras.Model) -> dict[str, Any]:
        """Returns what the weights expect of this model, as `facts` states it."""
        return pretrained_geometry.expected(model, self.backbone, self.normalization)

    def _layer(self, layer: str) -> str:
        if layer in ("stem_conv", "stem_norm"):
            return self.stem[layer == "stem_norm"]
        match = _LAYER.fullmatch(layer)
        if match is None:
            raise UserError(
                f"Layout {self.name!r} must be loaded into a ResNet. "
                f"Received: a model with the layer {layer!r}. "
                "Build with backbones.ResNet50(...)."
            )
        stage, block = int(match["stage"]), int(match["block"])
        index = 0 if match["part"] else int(match["index"])
        return self._block(stage, block, index, match["kind"] == "norm")

    def _block(self, stage: int, block: int, index: int, norm: bool) -> str:
        if self.name in ("torchvision", "cydonia"):
            block_name = f"layer{stage}.{block - 1}"
            if index == 0:
                return f"{block_name}.downsample.{int(norm)}"
            return f"{block_name}.{'bn' if norm else 'conv'}{index}"
        if self.name == "applications":
            kind = "bn" if norm else "conv"
            return f"conv{stage + 1}_block{block}_{index}_{kind}"
        part = ("1x1_proj", "1x1_reduce", "3x3", "1x1_increase")[index]
        separator = "_" if self.torch else "/"
        return f"conv{stage + 1}_{block}_{part}" + (f"{separator}bn" if norm else "")


_CAFFE = backbones.ResNet50(stride_on_first=True, pool="ceil")

TORCHVISION = Layout(
    name="torchvision",
    origin="torchvision and whatever was trained from it",
    stem=("conv1", "bn1"),
    stages=r"layer\d+\.",
    anchor="layer4.0.conv1.weight",
    torch=True,
    backbone=backbones.ResNet50(),
    normalization=layers.IMAGENET,
)
CYDONIA = dataclasses.replace(
    TORCHVISION,
    name="cydonia",
    origin="the VGGFace2 pickles of VGGFace2-pytorch",
    backbone=_CAFFE,
    normalization=layers.VGGFACE2,
)
DAG = Layout(
    name="dag",
    origin="the FER+ and VGGFace2 dumps of mcnPyTorch (resnet50_*_dag.pth)",
    stem=("conv1_7x7_s2", "conv1_7x7_s2_bn"),
    stages=r"conv\d+_\d+_",
    anchor="conv5_1_1x1_reduce.weight",
    torch=True,
    backbone=_CAFFE,
    normalization=layers.FERPLUS,
)
KERAS_VGGFACE = Layout(
    name="keras_vggface",
    origin="keras-vggface (rcmalli_vggface_tf_*resnet50.h5)",
    stem=("conv1/7x7_s2", "conv1/7x7_s2/bn"),
    stages=r"conv\d+_\d+_",
    anchor="conv5_1_1x1_reduce/kernel",
    torch=False,
    backbone=backbones.ResNet50(
        stride_on_first=True,
        pool="valid",
        stem_padding="same",
        batch_norm_epsilon=1e-3,
    ),
    normalization=layers.VGGFACE2,
)
APPLICATIONS = Layout(
    name="applications",
    origin="tf.keras.applications.ResNet50",
    stem=("conv1_conv", "conv1_bn"),
    stages=r"conv\d+_block\d+_",
    anchor="conv5_block1_1_conv/kernel",
    torch=False,
    backbone=backbones.ResNet50(stride_on_first=True, batch_norm_epsilon=1.001e-5),
    normalization=layers.IMAGENET_BGR,
)

LAYOUTS = {
    layout.name: layout
    for layout in (TORCHVISION, CYDONIA, DAG, KERAS_VGGFACE, APPLICATIONS)
}


def named(name: str) -> Layout:
    """Returns a layout by its name.

    Raises:
      UserError: If there is none; the message names the closest.
    """
    if name not in LAYOUTS:
        raise UserError(
            "A layout must be 'auto', 'own' or one of the known ones. "
            f"Received: layout={name!r}. "
            f"{taxonomy.closest(name, ('auto', 'own', *LAYOUTS))}"
        )
    return LAYOUTS[name]


def detect(tensors: Mapping[str, np.ndarray], is_pickle: bool) -> Layout | None:
    """Returns the layout of a file's names, or None where none fits.

    torchvision and VGGFace2-pytorch share their names, but not their geometry. A
    file is of the latter if its classifier has the 8,631 rows of VGGFace2 or if it
    is a pickle of arrays, which is how those weights are published.

    Args:
      tensors: The file's arrays by name.
      is_pickle: Whether the file is a pickle of arrays.
    """
    for layout in (TORCHVISION, DAG, KERAS_VGGFACE, APPLICATIONS):
        start = prefix(layout, tensors)
        if start is None:
            continue
        if layout is TORCHVISION:
            classifier = tensors.get(f"{start}fc.weight")
            if is_pickle or (
                classifier is not None and len(classifier) == VGGFACE2_IDENTITIES
            ):
                return CYDONIA
        return layout
    return None


def prefix(layout: Layout, tensors: Mapping[str, np.ndarray]) -> str | None:
    """Returns what stands before every name ("module."), or None: another layout."""
    for name in tensors:
        start = name.removesuffix(layout.anchor)
        if start != name and (not start or start[-1] in "./"):
            return start
    return None
