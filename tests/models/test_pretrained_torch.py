"""Our backbones against PyTorch's own arithmetic, through the files it writes."""

import collections
import pickle
import sys

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import layers
from affect_tf.models import pretrained
from affect_tf.models import pretrained_layouts
from tests.models.weight_files import Shallow

torch = pytest.importorskip("torch")
nn = torch.nn


class Block(nn.Module):
    """A basic or bottleneck block; PyTorch's padding, stride where it is told."""

    def __init__(self, inputs, width, stride, bottleneck, stride_on_first):
        super().__init__()
        first, second = (stride, 1) if stride_on_first else (1, stride)
        shapes = [(width, 3, stride), (width, 3, 1)]
        if bottleneck:
            shapes = [(width, 1, first), (width, 3, second), (4 * width, 1, 1)]
        outputs, self.count, previous = shapes[-1][0], len(shapes), inputs
        for k, (filters, kernel, step) in enumerate(shapes, start=1):
            conv = nn.Conv2d(previous, filters, kernel, step, kernel // 2, bias=False)
            setattr(self, f"conv{k}", conv)
            setattr(self, f"bn{k}", nn.BatchNorm2d(filters))
            previous = filters
        self.downsample = None
        if stride > 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for k in range(1, self.count + 1):
            y = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(y))
            y = torch.relu(y) if k < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """torchvision's names; its geometry, or Caffe's where `caffe` says so."""

    def __init__(self, blocks, width, caffe=False, bottleneck=True):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        pool = {"padding": 0, "ceil_mode": True} if caffe else {"padding": 1}
        self.maxpool = nn.MaxPool2d(3, 2, **pool)
        inputs = width
        for stage, count in enumerate(blocks):
            made = []
            for block in range(count):
                stride = 2 if stage and not block else 1
                made.append(Block(inputs, width << stage, stride, bottleneck, caffe))
                inputs = (width << stage) * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.fc = nn.Linear(inputs, 5)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x.mean((2, 3))


def random_resnet(blocks=(3, 4, 6, 3), width=8, seed=0, **fields):
    torch.manual_seed(seed)
    network = ResNet(blocks, width, **fields)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0.2, 0.3)
    return network.eval()


def dag_state(network):
    """The same tensors under the names of the "dag" dumps."""
    parts = ("", "1x1_reduce", "3x3", "1x1_increase")
    renamed = collections.OrderedDict()
    for name, tensor in network.state_dict().items():
        words = name.split(".")
        if words[0] == "fc":
            new = f"classifier.{words[-1]}"
        elif not words[0].startswith("layer"):
            new = f"conv1_7x7_s2{'_bn' if words[0] == 'bn1' else ''}.{words[-1]}"
        else:
            stage, block = int(words[0][-1]) + 1, int(words[1]) + 1
            shortcut = words[2] == "downsample"
            norm = words[3] == "1" if shortcut else words[2].startswith("bn")
            part = "1x1_proj" if shortcut else parts[int(words[2][-1])]
            new = f"conv{stage}_{block}_{part}{'_bn' if norm else ''}.{words[-1]}"
        renamed[new] = tensor
    return renamed


def model_for(layout, size, kind=backbones.ResNet50):
    spec = pretrained_layouts.LAYOUTS[layout]
    fields = {k: v for k, v in vars(spec.backbone).items() if hasattr(kind(), k)}
    architecture = build.Architecture(
        kind(**{**fields, "width": 8}),
        image_size=size,
        normalization=spec.normalization,
    )
    return build.build(architecture, {"va": 2})


def check_equal(model, network, normalization, size):
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3))
    inside = tf.keras.Model(model.inputs, model.get_layer("features").output)
    found = inside({"image": tf.constant(pixels, tf.uint8)}).numpy()
    ordered = pixels[..., ::-1] if normalization.channels == "bgr" else pixels
    scaled = (ordered - np.array(normalization.mean)) / np.array(normalization.std)
    with torch.no_grad():
        expected = network(torch.tensor(scaled.transpose(0, 3, 1, 2)).float()).numpy()
    assert np.abs(expected).max() > 0.1
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [75, 112])
def test_torchvision_weights_give_the_features_of_pytorch(size, tmp_path):
    network = random_resnet()
    torch.save({"epoch": 3, "state_dict": network.state_dict()}, tmp_path / "w.pth.tar")
    model = model_for("torchvision", size)
    report = pretrained.load_backbone(model, tmp_path / "w.pth.tar")
    assert report.layout == "torchvision"
    assert {"fc.weight", "fc.bias", "bn1.num_batches_tracked"} <= set(report.skipped)
    check_equal(model, network, layers.IMAGENET, size)


def test_resnet18_weights_give_the_features_of_pytorch(tmp_path):
    network = random_resnet((2, 2, 2, 2), bottleneck=False)
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    model = model_for("torchvision", 64, backbones.ResNet18)
    pretrained.load_backbone(model, tmp_path / "resnet18.pth")
    check_equal(model, network, layers.IMAGENET, 64)


@pytest.mark.parametrize("size", [75, 112])
def test_dag_weights_give_the_features_of_pytorch(size, tmp_path):
    network = random_resnet(caffe=True)
    # The published files are of 2018, in the format from before the zip archive.
    torch.save(
        dag_state(network), tmp_path / "w.pth", _use_new_zipfile_serialization=False
    )
    model = model_for("dag", size)
    report = pretrained.load_backbone(model, tmp_path / "w.pth")
    assert report.layout == "dag"
    assert {"classifier.weight", "classifier.bias"} <= set(report.skipped)
    check_equal(model, network, layers.FERPLUS, size)


def test_vggface2_pickles_give_the_features_of_pytorch(tmp_path):
    network = random_resnet((1, 1, 1, 1), caffe=True)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    arrays = {k: v for k, v in arrays.items() if "num_batches" not in k}
    (tmp_path / "resnet50_ft_weight.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    model = model_for("cydonia", 64, Shallow)
    report = pretrained.load_backbone(model, tmp_path / "resnet50_ft_weight.pkl")
    assert report.layout == "cydonia"
    check_equal(model, network, layers.VGGFACE2, 64)


def test_the_stride_changes_the_features_but_no_shape(tmp_path):
    network = random_resnet((1, 1, 1, 1), caffe=True)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = model_for("torchvision", 64, Shallow)
    pretrained.load_backbone(model, tmp_path / "w.pth")
    with pytest.raises(AssertionError):
        check_equal(model, network, layers.IMAGENET, 64)


def test_a_torch_file_without_torch_says_how_to_convert_it(tmp_path, monkeypatch):
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "w.pth")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match="Install torch, or convert") as caught:
        pretrained.load_backbone(model_for("dag", 64, Shallow), tmp_path / "w.pth")
    assert "numpy.savez" in str(caught.value)


def test_a_torch_file_that_would_run_code_is_refused(tmp_path):
    torch.save(random_resnet((1, 1, 1, 1)), tmp_path / "module.pth")
    with pytest.raises(UserError, match="hold nothing but tensors"):
        pretrained.load_backbone(model_for("dag", 64, Shallow), tmp_path / "module.pth")
