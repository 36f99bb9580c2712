"""Weight files without PyTorch: Keras layouts, arrays, and our own."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import pretrained
from affect_tf.models import pretrained_geometry
from affect_tf.models import pretrained_layouts
from tests.models.weight_files import as_torch
from tests.models.weight_files import features_of
from tests.models.weight_files import images
from tests.models.weight_files import model_for
from tests.models.weight_files import model_of
from tests.models.weight_files import random_weights
from tests.models.weight_files import Shallow
from tests.models.weight_files import write


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
