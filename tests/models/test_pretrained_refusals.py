"""What `load_backbone` refuses, in whose words, and that it changes nothing then."""

import dataclasses
import pathlib
import pickle

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.models import backbones
from affect_tf.models import layers
from affect_tf.models import pretrained
from affect_tf.models import pretrained_layouts
from tests.models.weight_files import as_torch
from tests.models.weight_files import backbone_for
from tests.models.weight_files import model_for
from tests.models.weight_files import model_of
from tests.models.weight_files import random_weights
from tests.models.weight_files import Shallow
from tests.models.weight_files import write


@pytest.fixture(scope="module")
def untouched():
    """A model for what is refused, which has to leave it as it was."""
    model = model_of()
    before = model.get_weights()
    yield model
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.fixture(scope="module")
def dag_file(tmp_path_factory):
    source = random_weights(model_for(pretrained_layouts.DAG))
    return write(tmp_path_factory.mktemp("dag") / "w.npz", as_torch(source, "dag"))


def test_our_own_model_of_another_geometry_is_refused(tmp_path):
    model_of(Shallow(width=4)).save(tmp_path / "model.keras")
    target = model_of(Shallow(width=4, stride_on_first=True), layers.SCALED)
    with pytest.raises(UserError, match="stride_on_first=False") as caught:
        pretrained.load_backbone(target, tmp_path / "model.keras")
    assert "normalization=layers.IMAGENET" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "normalization", "words"),
    [
        ({"stride_on_first": False}, layers.FERPLUS, "stride_on_first=True"),
        ({"pool": "padded"}, layers.FERPLUS, "pool='ceil'"),
        ({"pool": "none"}, layers.FERPLUS, "pool='ceil'"),
        ({"stem_padding": "same"}, layers.FERPLUS, "stem_padding='symmetric'"),
        ({"stem_stride": 1}, layers.FERPLUS, "stem_stride=2"),
        ({"batch_norm_epsilon": 1e-3}, layers.FERPLUS, "batch_norm_epsilon=1e-05"),
        ({}, layers.VGGFACE2, "normalization=layers.FERPLUS"),
        ({}, layers.SCALED, "normalization=layers.FERPLUS"),
    ],
)
def test_another_geometry_is_refused_with_the_fix(
    changes, normalization, words, dag_file
):
    backbone = backbone_for(pretrained_layouts.DAG, **changes)
    target = model_of(backbone, normalization, size=64)
    before = target.get_weights()
    with pytest.raises(UserError, match="must be built as") as caught:
        pretrained.load_backbone(target, dag_file)
    assert f"Build it with {words}" in str(caught.value)
    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    allowed = words.split("=")[0]
    report = pretrained.load_backbone(target, dag_file, allow=(allowed,))
    assert report.waived == (allowed,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("layer3.0.bn2.running_mean"), "layer3.0.bn2.running_mean"),
        (lambda t: t.update({"conv1.weight": t["conv1.weight"][:2]}), "conv1.weight"),
        (
            lambda t: t.update({"bn1.bias": np.full(4, np.nan)}),
            "'bn1.bias' with NaN or infinity",
        ),
        (lambda t: t.update({"bn1.bias": np.array(["a"] * 4)}), "must hold numbers"),
        (
            lambda t: t.update({"layer3.1.conv1.weight": np.zeros(2)}),
            "'layer3.1.conv1.weight' would go unused",
        ),
        (lambda t: t.pop("layer4.0.conv1.weight"), "names of a known layout"),
    ],
)
def test_a_bad_tensor_is_named_and_nothing_changes(change, words, tmp_path, untouched):
    tensors = as_torch(untouched)
    change(tensors)
    before = untouched.get_weights()
    with pytest.raises(UserError) as caught:
        pretrained.load_backbone(untouched, write(tmp_path / "w.npz", tensors))
    assert words in str(caught.value)
    for old, new in zip(before, untouched.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@dataclasses.dataclass
class Malicious:
    path: pathlib.Path

    def __reduce__(self):
        return (exec, (f"open({str(self.path)!r}, 'w')",))


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_a_pickle_that_would_run_code_is_refused_before_it_runs(
    suffix, tmp_path, untouched
):
    touched, path = tmp_path / "touched", tmp_path / f"w{suffix}"
    tensors = {"layer4.0.conv1.weight": Malicious(touched)}
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(tensors))
    else:
        np.savez(path, **{name: np.array([x]) for name, x in tensors.items()})
    with pytest.raises(UserError, match="must be whole and hold nothing but tensors"):
        pretrained.load_backbone(untouched, path)
    assert not touched.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.npz", None, "must exist"),
        ("absent.keras", None, "must exist"),
        ("w.onnx", b"", "must end in one of"),
        ("w.npz", b"not a zip", "must be whole"),
        ("w.h5", b"not hdf5", "must be whole"),
        ("w.keras", b"not a zip", "that this package built"),
        ("w.safetensors", b"\xff" * 20, "must be whole"),
        ("w.pkl", pickle.dumps([1, 2]), "must be whole"),
        ("w.pkl", pickle.dumps({}), "under names"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(
    name, content, words, tmp_path, untouched
):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="Received: ") as caught:
        pretrained.load_backbone(untouched, tmp_path / name)
    assert words in str(caught.value)


def test_a_misspelt_argument_names_the_closest(tmp_path, untouched):
    path = write(tmp_path / "w.npz", as_torch(untouched))
    with pytest.raises(UserError, match="Did you mean 'torchvision'"):
        pretrained.load_backbone(untouched, path, layout="torch_vision")
    with pytest.raises(UserError, match="Did you mean 'pool'"):
        pretrained.load_backbone(untouched, path, allow=("pol",))
    with pytest.raises(UserError, match="must hold 'conv5_1_1x1_reduce.weight'"):
        pretrained.load_backbone(untouched, path, layout="dag")


def test_published_weights_do_not_fit_another_kind_of_backbone(tmp_path, untouched):
    path = write(tmp_path / "w.npz", as_torch(untouched))
    with pytest.raises(UserError, match="must be loaded into a ResNet"):
        pretrained.load_backbone(model_of(backbones.Tiny()), path)
