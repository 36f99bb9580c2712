"""Weight files without PyTorch: Keras layouts, arrays, and what is refused."""

import dataclasses
import json
import pathlib
import pickle

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import layers
from affect_tf.models import pretrained
from affect_tf.models import pretrained_geometry
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


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_arrays_under_torch_names_need_no_torch(suffix, tmp_path):
    source = random_weights(model_of())
    tensors = {**as_torch(source), "fc.weight": np.zeros((5, 128), np.float32)}
    target = model_of(logits=3)
    before = target.get_layer("va").kernel.numpy()
    report = pretrained.load_backbone(target, write(tmp_path / f"w{suffix}", tensors))
    assert (report.layout, report.skipped) == ("torchvision", ("fc.weight",))
    assert set(report.loaded) == set(tensors) - {"fc.weight"}
    np.testing.assert_array_equal(features_of(target), features_of(source))
    np.testing.assert_array_equal(target.get_layer("va").kernel, before)


def test_a_pickle_of_arrays_is_taken_for_a_vggface2_conversion(tmp_path):
    source = random_weights(model_for(pretrained_layouts.CYDONIA))
    path = write(tmp_path / "resnet50_ft_weight.pkl", as_torch(source))
    target = model_for(pretrained_layouts.CYDONIA)
    assert pretrained.load_backbone(target, path).layout == "cydonia"
    np.testing.assert_array_equal(features_of(target, 64), features_of(source, 64))


def test_a_classifier_of_8631_identities_is_a_vggface2_conversion(tmp_path):
    source = random_weights(model_for(pretrained_layouts.CYDONIA))
    tensors = {**as_torch(source), "fc.weight": np.zeros((8631, 1), np.float32)}
    target = model_for(pretrained_layouts.CYDONIA)
    path = write(tmp_path / "w.npz", tensors)
    assert pretrained.load_backbone(target, path).layout == "cydonia"


def test_a_prefix_before_every_name_is_looked_through(tmp_path):
    source = random_weights(model_of())
    tensors = {f"module.{name}": value for name, value in as_torch(source).items()}
    target = model_of()
    pretrained.load_backbone(target, write(tmp_path / "w.npz", tensors))
    np.testing.assert_array_equal(features_of(target), features_of(source))


def test_weights_of_keras_applications_give_the_same_features(tmp_path):
    reference = tf.keras.applications.ResNet50(
        weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3)
    )
    random_weights(reference)
    reference.save_weights(tmp_path / "resnet50_notop.h5")
    layout = pretrained_layouts.APPLICATIONS
    target = model_for(layout, kind=backbones.ResNet50, width=64)
    report = pretrained.load_backbone(target, tmp_path / "resnet50_notop.h5")
    assert (report.layout, report.skipped) == ("applications", ())
    pixels = tf.keras.applications.resnet.preprocess_input(
        images(64)["image"].numpy().astype(np.float32)
    )
    expected = reference(pixels).numpy()
    np.testing.assert_allclose(
        features_of(target, 64), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


def keras_vggface(size, width=8):
    """ResNet-50 of keras-vggface, by its layer names, "same" and "valid" borders."""
    tf_layers = tf.keras.layers

    def conv(x, filters, kernel, name, stride=1):
        x = tf_layers.Conv2D(
            filters, kernel, stride, padding="same", use_bias=False, name=name
        )(x)
        return tf_layers.BatchNormalization(name=f"{name}/bn")(x)

    inputs = x = tf.keras.Input((size, size, 3))
    x = tf.nn.relu(conv(x, width, 7, "conv1/7x7_s2", 2))
    x = tf_layers.MaxPooling2D(3, 2)(x)
    for stage, blocks in enumerate((1, 1, 1, 1), start=2):
        filters = width << (stage - 2)
        for block in range(1, blocks + 1):
            name = f"conv{stage}_{block}_1x1"
            stride = 2 if stage > 2 and block == 1 else 1
            y = tf.nn.relu(conv(x, filters, 1, f"{name}_reduce", stride))
            y = tf.nn.relu(conv(y, filters, 3, f"conv{stage}_{block}_3x3"))
            y = conv(y, 4 * filters, 1, f"{name}_increase")
            if block == 1:
                x = conv(x, 4 * filters, 1, f"{name}_proj", stride)
            x = tf.nn.relu(x + y)
    x = tf_layers.GlobalAveragePooling2D()(x)
    return tf.keras.Model(inputs, [x, tf_layers.Dense(3, name="classifier")(x)])


@pytest.mark.parametrize("size", [64, 75])
def test_weights_of_keras_vggface_give_the_same_features(size, tmp_path):
    reference = random_weights(keras_vggface(size))
    reference.save_weights(tmp_path / "rcmalli.h5")
    layout = pretrained_layouts.KERAS_VGGFACE
    target = model_for(layout, size, width=8)
    report = pretrained.load_backbone(target, tmp_path / "rcmalli.h5")
    assert report.layout == "keras_vggface"
    assert report.skipped == ("classifier/kernel", "classifier/bias")
    pixels = images(size)["image"].numpy()[..., ::-1].astype(np.float32)
    expected = reference(pixels - [91.4953, 103.8827, 131.0912])[0].numpy()
    np.testing.assert_allclose(
        features_of(target, size),
        expected,
        rtol=1e-4,
        atol=1e-4 * np.abs(expected).max(),
    )


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras"])
@pytest.mark.parametrize("backbone", [backbones.Tiny(), Shallow(width=4)], ids=repr)
def test_our_own_files_load_into_a_model_of_other_tasks(suffix, backbone, tmp_path):
    source = random_weights(model_of(backbone))
    path = tmp_path / f"model{suffix}"
    (source.save if suffix == ".keras" else source.save_weights)(path)
    target = model_of(backbone, logits=5)
    before = target.get_layer("va").kernel.numpy()
    report = pretrained.load_backbone(target, path)
    assert report.layout == "own"
    assert str(report).startswith(f"{len(report.loaded)} tensors of layout own")
    np.testing.assert_array_equal(features_of(target), features_of(source))
    np.testing.assert_array_equal(target.get_layer("va").kernel, before)


def test_our_own_model_of_another_picture_size_loads(tmp_path):
    source = random_weights(model_of(size=40))
    source.save(tmp_path / "model.keras")
    target = model_of(size=32)
    pretrained.load_backbone(target, tmp_path / "model.keras")
    kernel = source.get_layer("stem_conv").kernel
    np.testing.assert_array_equal(target.get_layer("stem_conv").kernel, kernel)


def test_our_own_model_of_another_geometry_is_refused(tmp_path):
    model_of(Shallow(width=4)).save(tmp_path / "model.keras")
    target = model_of(Shallow(width=4, stride_on_first=True), layers.SCALED)
    with pytest.raises(UserError, match="stride_on_first=False") as caught:
        pretrained.load_backbone(target, tmp_path / "model.keras")
    assert "normalization=layers.IMAGENET" in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "size"),
    [*((name, 64) for name in pretrained_layouts.LAYOUTS), ("dag", 75)],
)
def test_a_model_built_as_a_layout_says_meets_it(layout, size):
    spec = pretrained_layouts.LAYOUTS[layout]
    model = model_for(spec, size)
    assert pretrained_geometry.facts(model) == spec.expects(model)


def test_every_expectation_is_compared():
    spec = pretrained_layouts.DAG
    model = model_for(spec)
    assert tuple(spec.expects(model)) == pretrained_geometry.EXPECTATIONS
    assert set(pretrained_geometry.facts(model)) == set(spec.expects(model))


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
