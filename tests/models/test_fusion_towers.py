"""Faces and sounds to their vectors, the whole model on top, and refusals."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import fusion
from affect_tf.models import sound
from affect_tf.models import temporal

SAMPLES = 209_374
NUM_LOGITS = {"va": 2}
PART = fusion.FaceAndSound(
    sound=sound.SoundNet8(width=1, outputs=4, channels=2),
    lstm_units=6,
    widths=(8, 7),
    dropout=0.0,
    task_widths=(5,),
    discriminator_widths=(4,),
)

#: Three frames: all, the start of a film, and none at all.
PRESENT = np.arange(3) >= np.array([[0], [2], [3]])
HEARD = np.int32([SAMPLES, 0, 500])


def network(seed=0):
    tf.keras.utils.set_random_seed(seed)
    description = build.Architecture(backbones.Tiny(), image_size=32, temporal=PART)
    return build.build(description, NUM_LOGITS)


def parts(seed=0, description=PART):
    cnn = network(seed) if description.face else None
    below = description.embedder(cnn, SAMPLES)
    widths = {name: shape[-1] for name, shape in below.output_shape.items()}
    return below, description.sequence(widths, NUM_LOGITS, num_sources=3)


@functools.cache
def shared():
    below, above = parts()
    return below, above, PART.end_to_end(below, above, train_towers=True)


def clips(padding=0, seed=0):
    """Pictures and sounds; what is not there holds `padding`."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (*PRESENT.shape, 32, 32, 3))
    image[~PRESENT] = padding
    pcm = random.integers(-30_000, 30_000, (len(HEARD), SAMPLES, 2))
    for row, heard in enumerate(HEARD):
        pcm[row, : SAMPLES - heard] = padding
    return {
        "image": image.astype(np.uint8),
        "present": PRESENT,
        "sound": pcm.astype(np.int16),
        "heard": HEARD,
    }


def assert_same(found, expected, tolerance=1e-4):
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(
            found[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )


def towers(batch, below):
    """The vectors of every frame and sound, one by one."""
    faces = np.zeros((*PRESENT.shape, 16), np.float32)
    sounds = np.zeros((len(HEARD), 4), np.float32)
    empty = {name: value[:1] for name, value in batch.items() if name != "present"}
    for row, frame in zip(*np.nonzero(PRESENT), strict=True):
        one = {**empty, "image": batch["image"][row, frame][None]}
        faces[row, frame] = below(one)["face_embedding"]
    for row in np.flatnonzero(HEARD):
        one = {name: batch[name][row : row + 1] for name in ("sound", "heard")}
        one["image"] = batch["image"][0, :1]
        sounds[row] = below(one)["sound_embedding"]
    return {"face_embedding": faces, "sound_embedding": sounds, "present": PRESENT}


def test_the_whole_is_its_parts_one_after_the_other():
    below, above, whole = shared()
    expected = above(towers(clips(), below))
    assert_same(whole(clips()), expected)
    assert [v.shape for v in expected.values()] == [(3, 2), (3, 3)]
    assert whole.get_layer("affect_embedder") is below
    assert whole.get_layer("affect_sequence") is above


def test_faces_are_the_features_of_the_network_and_no_sound_is_zero():
    cnn = network()
    below = PART.embedder(cnn, SAMPLES)
    batch = {**clips(), "image": clips()["image"][0]}
    del batch["present"]
    found = below(batch)
    pooled = tf.keras.Model(cnn.input, cnn.get_layer("features").output)
    expected = pooled({"image": batch["image"]})
    np.testing.assert_allclose(found["face_embedding"], expected, rtol=1e-5)
    heard = np.abs(found["sound_embedding"]).max(axis=1) > 0
    np.testing.assert_array_equal(heard, HEARD > 0)
    silent = below({**batch, "heard": np.zeros(3, np.int32)})["sound_embedding"]
    np.testing.assert_array_equal(silent, np.zeros((3, 4)))
    assert {each.dtype for each in found.values()} == {tf.float32}


def test_what_stands_in_padding_is_neither_seen_nor_heard():
    whole = shared()[2]
    assert_same(whole(clips(200)), whole(clips()), 1e-6)


def test_a_silent_sound_is_not_the_same_as_none():
    below = shared()[0]
    batch = {**clips(), "image": clips()["image"][0]}
    batch = {name: batch[name] for name in below.input}
    batch["sound"] = np.zeros_like(batch["sound"])
    below.get_layer("sound_conv8").bias.assign([1, 1, 1, 1])
    found = below(batch)["sound_embedding"].numpy()
    below.get_layer("sound_conv8").bias.assign([0, 0, 0, 0])
    assert found[0].any() and found[2].any() and not found[1].any()


@pytest.mark.parametrize(
    ("description", "names"),
    [
        (dataclasses.replace(PART, sound=None), ["image", "present"]),
        (dataclasses.replace(PART, face=False), ["heard", "sound"]),
    ],
)
def test_each_alone_goes_from_file_to_logits(description, names):
    below, above = parts(description=description)
    whole = description.end_to_end(below, above, train_towers=False)
    assert sorted(whole.input) == names
    batch = {name: clips()[name] for name in names}
    assert whole(batch)["va"].shape == (3, 2)
    assert sorted(below.output) == sorted(description.features(["va"]))


def test_frozen_towers_stay_in_inference_mode_while_the_rest_trains():
    below, above = parts()
    whole = PART.end_to_end(below, above, train_towers=False)
    trained = {variable.ref() for variable in whole.trainable_variables}
    assert trained == {variable.ref() for variable in above.trainable_variables}
    before = below.get_weights()
    whole(clips(), training=True)
    for value, found in zip(before, below.get_weights(), strict=True):
        np.testing.assert_array_equal(found, value)


def test_trained_towers_learn_and_no_padding_moves_their_statistics():
    below, above = parts()
    whole = PART.end_to_end(below, above, train_towers=True)
    start = whole.get_weights()
    with tf.GradientTape() as tape:
        loss = tf.add_n(
            [tf.reduce_sum(v**2) for v in whole(clips(), training=True).values()]
        )
    gradients = tape.gradient(loss, whole.trainable_variables)
    assert None not in gradients
    moved = [v.numpy() for v in below.non_trainable_variables]
    whole.set_weights(start)
    whole(clips(200), training=True)
    for value, found in zip(moved, below.non_trainable_variables, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_and_a_saved_whole_give_the_same_logits(tmp_path):
    whole = shared()[2]
    expected = whole(clips())
    path = tf.train.Checkpoint(model=whole).write(str(tmp_path / "weights"))
    other = PART.end_to_end(*parts(seed=1), train_towers=False)
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    assert_same(other(clips()), expected)
    whole.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(clips()), expected)


def test_both_models_of_time_follow_the_protocol():
    for part in (PART, temporal.BidirectionalGru()):
        assert isinstance(part, temporal.Temporal)
        assert eval(repr(part), {**vars(temporal), **vars(fusion)}) == part
        assert hash(part) == hash(eval(repr(part), {**vars(temporal), **vars(fusion)}))


def test_the_recurrent_model_of_each_task_has_the_same_four_methods():
    gru = temporal.BidirectionalGru(2)
    assert gru.features(["expr", "va"]) == ("expr_embedding", "va_embedding")
    below = gru.embedder(network(), num_samples=0)
    assert list(below.output) == ["va_embedding"]
    above = gru.sequence({"va_embedding": 128}, {"va": 2})
    whole = gru.end_to_end(below, above, train_towers=False)
    found = whole({"image": clips()["image"], "present": PRESENT})
    assert found["va"].shape == (9, 2)


def described(**fields):
    return dataclasses.replace(PART, **fields)


def stacked(num_logits=NUM_LOGITS, num_sources=0, **widths):
    both = {"face_embedding": 3, "sound_embedding": 4, **widths}
    return PART.sequence(both, num_logits, num_sources)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: described(face=False, sound=None), "True where no sound is heard"),
        (lambda: described(sound=sound.SoundNet8), "be a SoundNet8 or None"),
        (lambda: described(face=1), "be True or False"),
        (lambda: described(lstm_units=0), "be a whole number from 1 on"),
        (lambda: described(lstm_activation="swish"), "be 'relu' or 'tanh'"),
        (lambda: described(widths=()), "at least one"),
        (lambda: described(task_widths=(5, 0)), "hold whole numbers"),
        (lambda: described(dropout=1.0), "Jeong et al. take 0.5"),
        (lambda: described(batch_norm_epsilon=0.0), "be positive"),
        (lambda: stacked({}), "at least one task"),
        (lambda: stacked({"va": 0}), "at least one logit"),
        (lambda: stacked({"shared": 2}), "an identifier that no other layer has"),
        (lambda: stacked(sound_embedding=0), "without 'sound_embedding'"),
        (lambda: stacked(num_sources=1), "two sources or more"),
        (lambda: PART.embedder(None, SAMPLES), "network of the faces must be there"),
        (lambda: PART.embedder(network(), 100), "at least 209374 samples"),
        (lambda: temporal.BidirectionalGru().embedder(None), "must be there"),
        (
            lambda: temporal.BidirectionalGru().sequence(
                {"present_embedding": 2}, {"present": 2}
            ),
            "an identifier that no other layer has",
        ),
        (
            lambda: temporal.BidirectionalGru().sequence(
                {"va_embedding": 2}, {"va": 2}, 3
            ),
            "features that all tasks share",
        ),
        (
            lambda: build.Architecture(backbones.Tiny(), temporal=fusion.FaceAndSound),
            "Architecture.temporal must be an object",
        ),
    ],
)
def test_a_bad_description_is_refused_with_the_fix(make, words):
    with pytest.raises(ValueError, match="Received: ") as caught:
        make()
    assert words in str(caught.value)
