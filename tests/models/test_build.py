import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import layers

NUM_LOGITS = {"expr": 7, "au": 8, "va": 40}

#: Parameters of a model of each backbone with a head of every task, and without.
#: The latter are torchvision's less the classifier, with the running statistics.
PARAMETERS = {
    backbones.Tiny(): (16815, 1464),
    backbones.ResNet18(): (11397879, 11186112),
    backbones.ResNet18(width=32, stem="3x3"): (2910231, 2799840),
    backbones.ResNet50(): (24381175, 23561152),
}

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


@pytest.fixture
def policy(request):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy(before)


def architecture(backbone=None, image_size=32, **fields):
    return build.Architecture(
        backbone or backbones.Tiny(), image_size=image_size, **fields
    )


def images(size=32, count=2, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (count, size, size, 3))
    return {"image": tf.constant(pixels, tf.uint8)}


def short(part):
    """A readable id: the fields of a description that are not its defaults."""
    if not dataclasses.is_dataclass(part):
        return None
    changed = (
        f"{field.name}={getattr(part, field.name)!r}"
        for field in dataclasses.fields(part)
        if getattr(part, field.name) != field.default
    )
    return f"{type(part).__name__}({', '.join(changed)})"


def test_every_backbone_has_a_golden_count():
    tested = {type(backbone) for backbone in PARAMETERS}
    public = {
        value
        for name, value in vars(backbones).items()
        if dataclasses.is_dataclass(value) and not name.startswith("_")
    }
    assert public == tested


@pytest.mark.parametrize("backbone", PARAMETERS, ids=short)
def test_a_backbone_has_its_golden_count_of_parameters(backbone):
    model = build.build(architecture(backbone), NUM_LOGITS)
    features = tf.keras.Model(model.inputs, model.get_layer("features").output)
    assert (model.count_params(), features.count_params()) == PARAMETERS[backbone]
    if backbone == backbones.ResNet50():  # The 24.31 million of the released code.
        assert sum(np.size(w) for w in model.trainable_variables) == 24_314_999


@pytest.mark.parametrize(
    "part",
    [*PARAMETERS, build.MlpHead(width=64, dropout=0.5), layers.VGGFACE2],
    ids=short,
)
def test_a_description_is_the_python_that_makes_it(part):
    names = {**vars(backbones), **vars(build), **vars(layers)}
    assert eval(repr(part), dict(names)) == part
    whole = architecture(backbones.ResNet18(width=16))
    assert eval(repr(whole), dict(names)) == whole
    assert hash(part) == hash(eval(repr(part), dict(names)))


@pytest.mark.parametrize("policy", POLICIES, indirect=True)
@pytest.mark.parametrize(
    "backbone", [backbones.Tiny(), backbones.ResNet18(width=8)], ids=short
)
def test_logits_are_named_finite_and_float32_under_any_policy(policy, backbone):
    model = build.build(architecture(backbone), NUM_LOGITS)
    logits = model(images(), training=True)
    assert list(logits) == list(NUM_LOGITS)
    for task, count in NUM_LOGITS.items():
        assert logits[task].dtype == tf.float32
        assert logits[task].shape == (2, count)
        assert np.isfinite(logits[task]).all()
        assert (logits[task].numpy() < 0).any()
    compute = tf.keras.mixed_precision.Policy(policy).compute_dtype
    assert model.get_layer("normalize").output.dtype == compute
    assert model.get_layer("features").output.dtype == tf.float32
    assert {variable.dtype for variable in model.variables} == {tf.float32}


@pytest.mark.parametrize(
    ("policy", "suffix"),
    [
        *((policy, ".keras") for policy in POLICIES),
        ("mixed_float16", ".weights.h5"),
        ("mixed_bfloat16", ".h5"),
    ],
    indirect=["policy"],
)
def test_a_saved_model_gives_the_same_logits(policy, suffix, tmp_path):
    made = architecture(backbones.ResNet18(width=8), normalization=layers.VGGFACE2)
    model = build.build(made, NUM_LOGITS)
    path = tmp_path / f"model{suffix}"
    if suffix == ".keras":
        model.save(path)
        again = tf.keras.models.load_model(path)
    else:
        model.save_weights(path)
        again = build.build(made, NUM_LOGITS)
        again.load_weights(path)
    expected, found = model(images()), again(images())
    for task in NUM_LOGITS:
        np.testing.assert_array_equal(found[task], expected[task])


@pytest.mark.parametrize("size", [64, 96, 112])
@pytest.mark.parametrize(
    ("backbone", "side"),
    [
        (backbones.Tiny(), 4),
        (backbones.ResNet18(width=8), 32),
        (backbones.ResNet18(width=8, stem="3x3", pool="none"), 16),
        (backbones.ResNet18(width=8, stem="3x3", stem_stride=1, pool="none"), 8),
    ],
    ids=short,
)
def test_a_backbone_takes_any_size(backbone, side, size):
    inputs = tf.keras.Input((size, size, 3))
    rows = -(-size // side)
    assert backbone(inputs).shape[1:3] == (rows, rows)


def test_a_backbone_may_be_any_callable_to_a_vector():
    model = build.build(architecture(tf.keras.layers.Flatten()), {"va": 2})
    assert model.get_layer("features").output.shape == (None, 32 * 32 * 3)
    assert model(images())["va"].shape == (2, 2)


def test_layer_names_are_stable():
    model = build.build(architecture(backbones.ResNet50(width=4)), {"expr": 7})
    names = {layer.name for layer in model.layers}
    assert {"image", "normalize", "stem_conv", "stem_norm", "stem_pool"} <= names
    assert {"stage1_block1_shortcut_conv", "stage4_block3_norm3"} <= names
    assert {"features", "expr_hidden", "expr_embedding", "expr"} <= names
    assert "stage1_block2_shortcut_conv" not in names


def test_features_are_the_mean_over_positions():
    model = build.build(architecture(), {"va": 2})
    layer = model.get_layer("features")
    two = tf.keras.Model(model.inputs, [layer.input, layer.output])
    feature_map, features = two(images())
    np.testing.assert_allclose(
        features, np.mean(feature_map, axis=(1, 2)), rtol=1e-5, atol=1e-6
    )


def test_a_head_is_the_published_one():
    model = build.build(architecture(), {"expr": 7})
    head = [layer for layer in model.layers if layer.name.startswith("expr")]
    assert [type(layer).__name__ for layer in head] == [
        "BatchNormalization",
        "Dense",
        "ReLU",
        "BatchNormalization",
        "Dense",
    ]
    assert model.get_layer("expr_embedding").output.shape == (None, 128)


def test_a_head_without_normalisation_still_names_its_embedding():
    head = build.MlpHead(width=16, dropout=0.5, batch_norm=False)
    model = build.build(architecture(head=head), {"expr": 7})
    assert model.get_layer("expr_embedding").output.shape == (None, 16)
    assert np.all(model.get_layer("expr_embedding")(tf.constant([[-1.0]])) >= 0)
    first, second = (model(images(), training=True)["expr"] for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_global_seed_decides_the_weights():
    def weights(seed):
        tf.keras.utils.set_random_seed(seed)
        return build.build(architecture(), {"va": 2}).get_weights()

    first, second, third = weights(1), weights(1), weights(2)
    assert all(map(np.array_equal, first, second))
    assert not all(map(np.array_equal, first, third))


def test_two_layers_do_not_start_alike():
    model = build.build(architecture(backbones.ResNet18(width=8)), {"va": 2})
    same = [model.get_layer(f"stage1_block1_conv{n}").kernel for n in (1, 2)]
    assert not np.array_equal(*same)


def test_kernels_start_with_the_variance_of_he_over_the_outputs():
    model = build.build(architecture(backbones.ResNet18(width=64)), {"va": 2})
    kernel = model.get_layer("stage4_block2_conv1").kernel.numpy()
    assert np.std(kernel) == pytest.approx(np.sqrt(2 / (9 * 512)), rel=0.01)


def test_a_block_that_ends_in_zero_starts_as_the_identity():
    backbone = backbones.ResNet18(width=8, zero_init_last=True)
    model = build.build(architecture(backbone, 64), {"va": 2})
    ends = [model.get_layer(f"stage1_block2_{name}") for name in ("conv1", "relu")]
    probe = tf.keras.Model(model.inputs, [ends[0].input, ends[1].output])
    np.testing.assert_array_equal(*probe(images(64)))


def test_training_reaches_every_weight():
    backbone = backbones.ResNet18(width=4, stem="3x3")
    model = build.build(architecture(backbone), NUM_LOGITS)
    with tf.GradientTape() as tape:
        logits = model(images(count=4), training=True)
        loss = tf.add_n([tf.reduce_sum(value**2) for value in logits.values()])
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: backbones.ResNet18(width=0), "ResNet18.width must be positive"),
        (lambda: backbones.ResNet18(width=2.5), "width must be a whole number"),
        (lambda: backbones.ResNet50(stem="7*7"), "Did you mean '7x7'"),
        (lambda: backbones.ResNet50(stem_stride=4), "stem_stride must be one of"),
        (lambda: backbones.ResNet50(pool="pad"), "Did you mean 'padded'"),
        (lambda: backbones.ResNet50(stem_padding="sam"), "Did you mean 'same'"),
        (lambda: backbones.ResNet50(batch_norm_epsilon=0.0), "must be positive"),
        (lambda: backbones.ResNet50(batch_norm_momentum=1.0), "lie in"),
        (lambda: backbones.ResNet50(stride_on_first=1), "must be True or False"),
        (lambda: build.MlpHead(width=0), "MlpHead.width must be at least 1"),
        (lambda: build.MlpHead(dropout=1.0), "MlpHead.dropout must lie in"),
        (lambda: architecture(image_size=16), "image_size must be at least 32"),
        (lambda: architecture(image_size=64.0), "must be a whole number"),
        (lambda: architecture(backbones.ResNet50), "must be an object"),
        (lambda: architecture(normalization="imagenet"), "must be a Normalization"),
        (lambda: build.build(architecture(), {}), "at least one task"),
        (lambda: build.build(architecture(), {"va": 0}), "at least one logit"),
        (lambda: build.build(architecture(), {"image": 2}), "no other layer has"),
        (lambda: build.build(architecture(), {"a b": 2}), "an identifier"),
    ],
)
def test_a_bad_description_is_refused_with_the_fix(make, words):
    with pytest.raises(ValueError, match="Received: ") as caught:
        make()
    assert words in str(caught.value)
