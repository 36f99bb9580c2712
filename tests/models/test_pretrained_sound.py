import numpy as np
import pytest
import tensorflow as tf

from affect_tf.errors import UserError
from affect_tf.models import fusion
from affect_tf.models import pretrained_sound
from affect_tf.models import sound

SMALL = sound.SoundNet8(width=1, outputs=5)


def network(seed=0, description=SMALL):
    tf.keras.utils.set_random_seed(seed)
    part = fusion.FaceAndSound(face=False, sound=description)
    return part.embedder(None, description.shortest)


def published(seed=0, scenes=True):
    """{layer: {name: array}} of the small network, as the .npy holds it."""
    random = np.random.default_rng(seed)
    shapes = [(64, 1, 1), (32, 1, 2), (16, 2, 4), (8, 4, 8), (4, 8, 16), (4, 16, 32)]
    shapes += [(4, 32, 64), (8, 64, 5)] + [(8, 64, 3)] * scenes
    names = [f"conv{n}" for n in range(1, 9)] + ["conv8_2"] * scenes
    layers = {}
    for name, (samples, inside, out) in zip(names, shapes, strict=True):
        kernel = random.normal(0, (samples * inside) ** -0.5, (samples, 1, inside, out))
        layers[name] = {"weights": kernel, "biases": random.normal(0, 0.1, out)}
        if not name.startswith("conv8"):
            for part in ("gamma", "beta", "mean", "var"):
                layers[name][part] = random.uniform(0.5, 1.5, out)
    return {
        name: {part: value.astype(np.float32) for part, value in parts.items()}
        for name, parts in layers.items()
    }


def written(path, layers):
    """The file of a suffix: .npy as published, .h5 as the Keras port has it."""
    if path.suffix == ".npy":
        np.save(path, layers)
        return path
    wave = values = tf.keras.Input((None, 1, 1))
    outputs = []
    for name, parts in layers.items():
        samples, _, _, out = parts["weights"].shape
        conv = tf.keras.layers.Conv2D(out, (samples, 1), strides=(2, 1), padding="same")
        result = conv(values)
        conv.set_weights([parts["weights"], parts["biases"]])
        if name.startswith("conv8"):
            outputs.append(result)
            continue
        norm = tf.keras.layers.BatchNormalization()
        values = norm(result)
        norm.set_weights([parts[part] for part in ("gamma", "beta", "mean", "var")])
    tf.keras.Model(wave, outputs or values).save(path)
    return path


def assert_loaded(model, layers):
    for number in range(1, 9):
        parts = layers[f"conv{number}"]
        kernel, bias = model.get_layer(f"sound_conv{number}").get_weights()
        np.testing.assert_array_equal(kernel, parts["weights"][:, 0])
        np.testing.assert_array_equal(bias, parts["biases"])
        if number < 8:
            found = model.get_layer(f"sound_norm{number}").get_weights()
            for value, part in zip(
                found, ("gamma", "beta", "mean", "var"), strict=True
            ):
                np.testing.assert_array_equal(value, parts[part], err_msg=part)


@pytest.mark.parametrize("name", ["sound8.npy", "soundnet.hdf5"])
def test_published_weights_end_up_in_their_layers(name, tmp_path):
    layers, model = published(), network()
    report = pretrained_sound.load_soundnet(model, written(tmp_path / name, layers))
    assert_loaded(model, layers)
    assert len(report.loaded) == 8 * 2 + 7 * 4
    assert len(report.skipped) == 2
    assert str(report).startswith("44 tensors of layout ")


def test_a_file_without_scenes_and_with_plain_kernels_is_read_too(tmp_path):
    layers, model = published(scenes=False), network()
    flat = {
        name: {**parts, "weights": parts["weights"][:, 0]}
        for name, parts in layers.items()
    }
    report = pretrained_sound.load_soundnet(model, written(tmp_path / "s.npy", flat))
    assert_loaded(model, layers)
    assert report.skipped == ()


def test_an_embedder_of_ours_fills_another(tmp_path):
    model, other = network(seed=1), network(seed=2)
    model.save_weights(tmp_path / "own.h5")
    report = pretrained_sound.load_soundnet(other, tmp_path / "own.h5")
    assert report.layout == "own"
    for value, found in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(found, value)


def changed(layer, part, value):
    layers = published()
    if value is None:
        del layers[layer][part]
    else:
        layers[layer][part] = value(layers[layer][part])
    return layers


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (changed("conv7", "var", None), "'conv7/var'"),
        (changed("conv8", "weights", lambda v: v[..., :4]), "of shape (8, 64, 4)"),
        (changed("conv3", "biases", lambda v: v * np.nan), "must be finite"),
        (changed("conv1", "weights", lambda v: v.astype("S4")), "must hold numbers"),
        ({"conv1": 3}, "'conv1/weights'"),
        (np.zeros(3), "must be there, and hold a dictionary"),
        ([1, 2], "must be there, and hold a dictionary"),
    ],
)
def test_a_bad_file_is_refused_and_changes_nothing(layers, words, tmp_path):
    model, path = network(), tmp_path / "bad.npy"
    np.save(path, layers)
    before = model.get_weights()
    with pytest.raises(UserError, match="Received: ") as caught:
        pretrained_sound.load_soundnet(model, path)
    assert words in str(caught.value) and "bad.npy" in str(caught.value)
    for value, found in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, value)


class Code:
    """What would run while a careless reader unpickles it."""

    def __reduce__(self):
        return (pytest.fail, ("code of the file was run",))


def test_no_code_of_a_file_is_run(tmp_path):
    np.save(tmp_path / "evil.npy", {"conv1": Code()})
    with pytest.raises(UserError, match="is not an array"):
        pretrained_sound.load_soundnet(network(), tmp_path / "evil.npy")


def test_a_keras_file_of_another_network_is_refused(tmp_path):
    layers = published(scenes=False)
    del layers["conv8"], layers["conv7"]
    path = written(tmp_path / "short.h5", layers)
    with pytest.raises(UserError, match="8 or 9 convolutions.*with 6 and 6"):
        pretrained_sound.load_soundnet(network(), path)


def test_a_missing_file_and_a_model_of_another_kind_are_refused(tmp_path):
    for name in ("none.npy", "none.h5"):
        with pytest.raises(UserError, match="must (be there|exist)"):
            pretrained_sound.load_soundnet(network(), tmp_path / name)
    vector = tf.keras.Input((2,))
    deaf = tf.keras.Model(vector, tf.keras.layers.Dense(2)(vector))
    with pytest.raises(UserError, match="without 'sound_conv1'"):
        pretrained_sound.load_soundnet(deaf, tmp_path / "none.npy")
    other = sound.SoundNet8(width=1, outputs=5, batch_norm_epsilon=1e-3)
    with pytest.raises(UserError, match="batch_norm_epsilon=0.001"):
        pretrained_sound.load_soundnet(network(description=other), tmp_path / "n.npy")
