"""Small networks that see and hear, with and without batch norm, and what stands above.

Without batch norm no row has a part in another's vectors.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from affect_tf.labels.taxonomy import ABAW3
from affect_tf.models import adversary
from affect_tf.models import frames
from affect_tf.models import fusion
from affect_tf.models.sound import HasSound
from affect_tf.models.sound import ScaleSound
from affect_tf.models.sound import SoundNet8
from affect_tf.models.temporal import EMBEDDER
from affect_tf.objective.objective import Adversarial
from affect_tf.training import assembly
from configs import jeong2022
from tests.papers import jeong_batches

ROWS, FRAMES, SIDE, SAMPLES = 12, 3, 32, 40
PART = fusion.FaceAndSound(
    sound=SoundNet8(width=1, outputs=3),
    lstm_units=4,
    widths=(6, 5),
    dropout=0.0,
    task_widths=(4,),
    discriminator_widths=(4,),
)
LAYER = tf.keras.layers


def embedder(norm):
    """As `FaceAndSound.embedder`, of two small towers.

    Args:
      norm: Whether each has a batch norm; a row without sound is not in it.
    """

    def normed(values, name):
        if not norm:
            return values
        return LAYER.BatchNormalization(momentum=0.5, name=f"{name}_norm")(values)

    image = tf.keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    values = LAYER.Rescaling(1 / 255)(image)
    conv = LAYER.Conv2D(4, 8, strides=4, activation="swish", name="face_conv")
    values = normed(conv(values), "face")
    face = LAYER.GlobalAveragePooling2D(dtype="float32")(values)
    sound = tf.keras.Input((SAMPLES, 1), dtype="int16", name="sound")
    heard = tf.keras.Input((), dtype="int32", name="heard")
    there = HasSound()(heard)
    taken = [frames.Present()([values, there]) for values in (sound, heard)]
    values = LAYER.Rescaling(1 / 64)(ScaleSound()(taken))
    conv = LAYER.Conv1D(3, 8, strides=4, activation="swish", name="sound_conv")
    values = normed(conv(values), "sound")
    values = LAYER.GlobalAveragePooling1D(dtype="float32")(values)
    outputs = {fusion.FACE: face, fusion.SOUND: frames.Restore()([values, there])}
    inputs = {"image": image, "sound": sound, "heard": heard}
    return tf.keras.Model(inputs, outputs, name=EMBEDDER)


def end_to_end(norm=False, num_sources=3, policy="float32", seed=0):
    """A whole model; the seed decides its weights."""
    tf.keras.mixed_precision.set_global_policy(policy)
    tf.keras.utils.set_random_seed(seed)
    below = embedder(norm)
    widths = {name: shape[-1] for name, shape in below.output_shape.items()}
    above = PART.sequence(widths, jeong_batches.WIDTHS, num_sources)
    whole = PART.end_to_end(below, above, train_towers=True)
    tf.keras.mixed_precision.set_global_policy("float32")
    return whole


def trainer(model, pieces, teacher=None, rate=1.0, **changes):
    """The trainer of a stage of Jeong et al. 2022 by plain gradient descent."""
    paper = jeong2022.config()
    # As many sources as the model tells apart.
    discriminates = adversary.DISCRIMINATOR in model.output
    config = dataclasses.replace(
        paper,
        architecture=dataclasses.replace(paper.architecture, temporal=PART),
        adversarial=Adversarial(0.5) if discriminates else None,
        optimizer=jeong_batches.Descent(rate),
        batch_size=ROWS,
        train_cnn=True,
        pieces=pieces,
        **changes,
    ).for_data(ABAW3, {})
    stage = config.teacher if teacher is None else config.student
    return assembly.build(model, config, stage, 5, teacher)


def inputs(seed=0, padding=0):
    """Pictures and sounds, some of which are not there but for `padding`."""
    random = np.random.default_rng(seed)
    shape = (ROWS, FRAMES, SIDE, SIDE, 3)
    # A slope, so that pictures differ in more than noise.
    light = random.uniform(0.2, 1, (ROWS, FRAMES, 1, 1, 3))
    image = (random.integers(0, 256, shape) * light).astype(np.uint8)
    present = random.uniform(size=(ROWS, FRAMES)) > 0.4
    present[:, -1] = True
    image[~present] = padding
    sound = random.integers(-20_000, 20_000, (ROWS, SAMPLES, 1)).astype(np.int16)
    heard = np.int32([SAMPLES, 0, 15, SAMPLES] * (ROWS // 4))
    sound[heard == 0] = padding
    given = {"image": image, "present": present, "sound": sound, "heard": heard}
    return {name: tf.constant(value) for name, value in given.items()}


def batch(sets=("va",) * ROWS, seed=0, padding=0):
    """Rows of the sets named, with the labels that each has."""
    rows = jeong_batches.rows_of(np.random.default_rng(seed), sets)
    sources = jeong2022.config().sources
    return jeong_batches.batch_of(rows, inputs(seed, padding), sources)
