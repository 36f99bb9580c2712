import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import build
from affect_tf.models import pretrained
from affect_tf.models import resnext


@dataclasses.dataclass(frozen=True)
class Shallow(resnext.AttentionResNeXt34):
    """One block a stage: the same names, a quarter of the layers."""

    def _stages(self):
        return (1, 1, 1, 1)


SMALL = Shallow(width=8, groups=4)


def network(backbone=SMALL, size=32):
    return build.build(build.Architecture(backbone, image_size=size), {"va": 2})


def pictures(size=32):
    random = np.random.default_rng(0)
    return {"image": random.integers(0, 256, (2, size, size, 3)).astype(np.uint8)}


def test_the_papers_network_has_its_count_of_parameters():
    expected = 7 * 7 * 3 * 64 + 4 * 64
    before = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for _ in range(blocks):
            expected += 9 * before * width + 4 * width
            expected += 9 * (width // 32) * width + 4 * width
            hidden = width // 4
            expected += width * hidden + hidden + hidden * width + width
            expected += 9 * width + 1
            if before != width:
                expected += before * width + 4 * width
            before = width
    model = network(resnext.AttentionResNeXt34(), 224)
    below = tf.keras.Model(model.input, model.get_layer("features").output)
    assert below.output_shape == (None, 512)
    assert model.get_layer("stage4_block3_attended").output.shape[1:3] == (7, 7)
    assert below.count_params() == expected == 11_005_568


@pytest.mark.parametrize("native", [True, False])
def test_groups_see_their_own_channels_only(native, monkeypatch):
    monkeypatch.setattr(resnext, "_gradients_exist", lambda: native)
    layer = resnext.GroupedConvolution(4)
    values = np.random.default_rng(0).normal(size=(2, 5, 6, 12)).astype(np.float32)
    weights = np.random.default_rng(1).normal(size=values.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        found = layer(values)
        loss = tf.reduce_sum(found * weights)
    gradient = tape.gradient(loss, layer.kernel)
    assert layer.kernel.shape == (3, 3, 3, 12)
    with tf.GradientTape() as tape:
        pieces = [
            tf.nn.conv2d(values[..., at : at + 3], kernel, 1, "SAME")
            for at, kernel in zip(
                range(0, 12, 3), tf.split(layer.kernel, 4, axis=-1), strict=True
            )
        ]
        expected = tf.concat(pieces, axis=-1)
        loss = tf.reduce_sum(expected * weights)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        gradient, tape.gradient(loss, layer.kernel), rtol=1e-4, atol=1e-4
    )


def test_a_block_gates_its_channels_and_positions_side_by_side():
    model = network()
    inside = tf.keras.Model(
        model.input,
        [
            model.get_layer(f"stage2_block1_{end}").output
            for end in ("relu", "attended")
        ],
    )
    values, found = (each.numpy() for each in inside(pictures()))
    mean = values.mean(axis=(1, 2))
    for end in ("hidden", "gate"):
        kernel, bias = model.get_layer(f"stage2_block1_channel_{end}").get_weights()
        mean = mean @ kernel + bias
        mean = np.maximum(mean, 0) if end == "hidden" else 1 / (1 + np.exp(-mean))
    conv = model.get_layer("stage2_block1_spatial_gate")
    position = tf.nn.conv2d(values, conv.kernel, 1, "SAME") + conv.bias
    position = 1 / (1 + np.exp(-position))
    expected = values * mean[:, None, None] + values * position
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_it_trains_on_any_machine_under_any_policy(policy):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = network()
    finally:
        tf.keras.mixed_precision.set_global_policy(before)

    @tf.function
    def gradients(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(batch, training=True)["va"] ** 2)
        return tape.gradient(loss, model.trainable_variables)

    found = gradients(pictures())
    assert all(np.isfinite(each).all() for each in found)
    assert model.get_layer("features").output.dtype == tf.float32


@pytest.mark.parametrize("size", [32, 112, 224])
def test_strides_pad_as_the_released_code_does(size):
    model = network(size=size)
    for name, layer in (("stem_pad", "stem_conv"), ("stage3_block1_pad1", None)):
        padding = model.get_layer(name).padding
        assert padding == (((2, 3), (2, 3)) if layer else ((0, 1), (0, 1)))
    side = -(-size // 32)
    assert model.get_layer("stage4_block1_attended").output.shape[1] == side


def test_a_saved_network_gives_the_same_and_fills_another(tmp_path):
    tf.keras.utils.set_random_seed(0)
    model = network()
    expected = model(pictures())["va"].numpy()
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(pictures())["va"], expected)
    names = {
        f"{layer.name}/{weight.name.split('/')[-1].split(':')[0]}": weight.numpy() + 0.5
        for layer in pretrained.backbone_layers(model)
        for weight in layer.weights
    }
    np.savez(tmp_path / "weights.npz", **names)
    report = pretrained.load_backbone(model, tmp_path / "weights.npz")
    assert report.layout == "own"
    assert set(report.loaded) == set(names)
    kernel = model.get_layer("stage4_block1_conv2").kernel.numpy()
    np.testing.assert_array_equal(kernel, names["stage4_block1_conv2/kernel"])


def test_a_description_is_the_python_that_makes_it():
    part = resnext.AttentionResNeXt34(width=16, groups=8)
    assert eval(repr(part), vars(resnext).copy()) == part


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"groups": 5}, "divides width"),
        ({"groups": 0}, "divides width"),
        ({"groups": True}, "divides width"),
        ({"width": 2, "groups": 1}, "multiple of 4"),
        ({"pool": "same"}, "one of its choices"),
    ],
)
def test_a_bad_description_is_refused_with_the_fix(fields, words):
    with pytest.raises(ValueError, match="Received: ") as caught:
        resnext.AttentionResNeXt34(**fields)
    assert words in str(caught.value)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="must divide the channels. Received"):
        resnext.GroupedConvolution(3)(np.zeros((1, 2, 2, 4), np.float32))
