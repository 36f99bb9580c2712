"""The network and the sequence model on top of it as one model."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import temporal

NUM_LOGITS = {"expr": 7, "va": 4}

#: Windows of 3 frames: whole, padded, and nothing but padding.
PRESENT = np.arange(3) < np.array([[3], [1], [0]])


def network(seed=0):
    """A network with batch normalisation throughout, as a run leaves it behind."""
    tf.keras.utils.set_random_seed(seed)
    description = build.Architecture(
        backbones.Tiny(), build.MlpHead(width=6, dropout=0.5), image_size=32
    )
    model = build.build(description, NUM_LOGITS)
    random = np.random.default_rng(seed)
    # Positive everywhere, as variances must be; far from the values of a new model.
    model.set_weights(
        [w + random.uniform(0.1, 0.3, w.shape) for w in model.get_weights()]
    )
    return model


GRU = temporal.BidirectionalGru(3)


def parts(seed=0):
    cnn = network(seed)
    below = GRU.embedder(cnn, tasks=NUM_LOGITS)
    widths = {f"{task}_embedding": 6 for task in NUM_LOGITS}
    above = GRU.sequence(widths, NUM_LOGITS)
    return cnn, below, above


@functools.cache
def shared():
    """A network, parts and a whole that nobody changes: tracing takes seconds."""
    return (*(found := parts()), GRU.end_to_end(*found[1:], train_towers=True))


@functools.cache
def graph():
    """The same whole in a graph."""
    signature = {
        "image": tf.TensorSpec((None, None, 32, 32, 3), tf.uint8),
        "present": tf.TensorSpec((None, None), tf.bool),
    }
    return tf.function(shared()[3], input_signature=[signature])


@functools.cache
def frozen():
    """A network, parts and a whole that does not train the network."""
    return (*(found := parts()), GRU.end_to_end(*found[1:], train_towers=False))


def clips(padding=0, seed=0):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (*PRESENT.shape, 32, 32, 3))
    image[~PRESENT] = padding
    return {"image": image.astype(np.uint8), "present": PRESENT}


def running_statistics(model):
    return [w.numpy() for w in model.variables if "moving" in w.name]


def assert_same(found, expected, rows=slice(None)):
    assert list(found) == list(expected) == list(NUM_LOGITS)
    for task in NUM_LOGITS:
        np.testing.assert_allclose(
            np.asarray(found[task])[rows],
            np.asarray(expected[task])[rows],
            rtol=1e-4,
            atol=1e-5,
        )


def test_an_embedder_gives_the_layer_that_the_logits_stand_on():
    cnn, below, *_ = shared()
    faces = {"image": clips()["image"][0]}
    vectors, logits = below(faces), cnn(faces)
    assert list(vectors) == ["expr_embedding", "va_embedding"]
    for task in NUM_LOGITS:
        vector = vectors[f"{task}_embedding"]
        assert (vector.dtype, vector.shape) == (tf.float32, (3, 6))
        kernel, bias = cnn.get_layer(task).get_weights()
        np.testing.assert_allclose(vector @ kernel + bias, logits[task], rtol=1e-4)


def test_an_embedder_shares_its_layers_with_the_network():
    cnn, another = network(), network(seed=1)
    below = GRU.embedder(cnn, tasks=NUM_LOGITS)
    faces = {"image": clips()["image"][0]}
    before = below(faces)["va_embedding"].numpy()
    cnn.set_weights(another.get_weights())
    after = below(faces)["va_embedding"].numpy()
    assert not np.allclose(before, after)
    other = GRU.embedder(another, tasks=["va"])
    np.testing.assert_allclose(after, other(faces)["va_embedding"], rtol=1e-5)


def test_a_network_without_an_embedding_is_refused():
    with pytest.raises(ValueError, match="no layer 'au_embedding' in 'affect'"):
        GRU.embedder(shared()[0], tasks=["au"])


def test_the_whole_is_its_parts_one_after_the_other():
    _, below, above, _ = shared()
    batch = clips()
    vectors = {name: np.zeros((3, 3, 6), np.float32) for name in below.output}
    for window, frame in zip(*np.nonzero(PRESENT), strict=True):
        alone = below({"image": batch["image"][window, frame][None]})
        for name, vector in alone.items():
            vectors[name][window, frame] = vector[0]
    assert_same(graph()(batch), above({**vectors, "present": PRESENT}))


def test_both_parts_are_found_by_name_and_loaded_apart(tmp_path):
    _, below, above, whole = shared()
    assert whole.get_layer("affect_embedder") is below
    assert whole.get_layer("affect_sequence") is above
    expected = graph()(clips())
    paths = [
        tf.train.Checkpoint(model=part).write(str(tmp_path / part.name))
        for part in (below, above, whole)
    ]
    _, lower, upper = parts(seed=1)
    other = GRU.end_to_end(lower, upper, train_towers=False)
    run, start = tf.function(other), other.get_weights()
    for part, path in zip((lower, upper), paths, strict=False):
        tf.train.Checkpoint(model=part).read(path).assert_consumed()
    assert_same(run(clips()), expected)
    other.set_weights(start)
    tf.train.Checkpoint(model=other).read(paths[2]).assert_consumed()
    assert_same(run(clips()), expected)


def test_a_saved_whole_gives_the_same_logits(tmp_path):
    whole = frozen()[3]
    whole.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(clips(), training=True), graph()(clips()))


def test_a_picture_in_the_padding_changes_no_frame_that_is_there():
    whole = graph()
    for noise in (128, 255):
        assert_same(whole(clips(noise)), whole(clips()), PRESENT.ravel())


def test_a_batch_of_padding_alone_is_finite():
    whole = graph()
    logits = whole({**clips(), "present": np.zeros_like(PRESENT)})
    assert all(np.isfinite(value).all() for value in logits.values())
    assert {value.shape[0] for value in logits.values()} == {9}


def test_a_frozen_network_is_in_inference_mode_while_the_rest_trains():
    cnn, _, above, whole = frozen()
    expected, before = graph()(clips()), running_statistics(whole)
    assert len(before) == 2 * (2 + 2 * 2)
    names = {variable.ref() for variable in whole.trainable_variables}
    assert names == {variable.ref() for variable in above.trainable_variables}
    cnn.trainable = True  # Its layers are shared: another may thaw them.
    try:
        assert_same(whole(clips(), training=True), expected)
    finally:
        cnn.trainable = False
    for value, found in zip(before, running_statistics(whole), strict=True):
        np.testing.assert_array_equal(found, value)


def test_a_trained_network_learns_and_no_padding_moves_its_statistics():
    cnn, below, above, whole = shared()
    start = whole.get_weights()
    try:
        with tf.GradientTape() as tape:
            logits = whole(clips(255), training=True)
            loss = tf.add_n([tf.reduce_sum(value**2) for value in logits.values()])
        gradients = tape.gradient(loss, whole.trainable_variables)
        moved = running_statistics(below)
        whole.set_weights(start)
        below({"image": clips()["image"][PRESENT]}, training=True)
        expected = running_statistics(below)
    finally:
        whole.set_weights(start)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    inside = len(below.trainable_variables)
    assert inside == len(cnn.trainable_variables) - 2 * len(NUM_LOGITS)
    assert len(gradients) == inside + len(above.trainable_variables)
    for found, value, old in zip(
        moved, expected, running_statistics(below), strict=True
    ):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)
        assert not np.allclose(found, old, rtol=1e-4, atol=1e-5)


def test_windows_of_any_length_fit():
    whole = graph()
    batch = clips()
    longer = {
        "image": np.concatenate([batch["image"], batch["image"]], axis=1),
        "present": np.concatenate([batch["present"], np.zeros_like(PRESENT)], axis=1),
    }
    found = {t: np.asarray(v).reshape(3, 6, -1) for t, v in whole(longer).items()}
    expected = {t: np.asarray(v).reshape(3, 3, -1) for t, v in whole(batch).items()}
    assert_same(
        {t: v[:, :3][PRESENT] for t, v in found.items()},
        {t: v[PRESENT] for t, v in expected.items()},
    )
