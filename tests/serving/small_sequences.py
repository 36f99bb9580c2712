"""Models of time with some hundred weights that nobody trained."""

import numpy as np
import tensorflow as tf

from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.evaluation import calibration
from affect_tf.evaluation.calibration import Calibration
from affect_tf.labels import taxonomy
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture
from affect_tf.models.build import build
from affect_tf.models.fusion import FaceAndSound
from affect_tf.models.sound import SoundNet8
from affect_tf.models.temporal import BidirectionalGru
from affect_tf.objective import tasks
from affect_tf.serving import export
from affect_tf.serving import model_card
from affect_tf.serving.graphs.sequence_members import SequenceModels

SIZE = 32
#: Of the expressions of an export.
TEMPERATURE = 0.8
TAXONOMY = taxonomy.Taxonomy("small", ("neutral", "anger", "fear"), ())
TASKS = (tasks.Expression(), tasks.ValenceArousal(num_bins=4))
WINDOWS = Windows(length=5, stride=3, evaluation_stride=2, max_gap=2)
PAST = Past(frames=3, spacing=0.2, tolerance=0.02, sound=9.5, channels=2)
GRU = BidirectionalGru(4)
HEARING = FaceAndSound(
    sound=SoundNet8(channels=2, width=1, outputs=4),
    lstm_units=4,
    lstm_activation="tanh",
    widths=(8,),
    task_widths=(8,),
    discriminator_widths=(4,),
)
_LOGITS = {task.name: task.num_logits(TAXONOMY) for task in TASKS}


def model(seed, part=GRU, below=None, num_sources=0):
    """A model of time on a network of its own, or on that of another model."""
    tf.keras.utils.set_random_seed(seed)
    if below is None:
        network = build(Architecture(Tiny(), image_size=SIZE), _LOGITS)
        below = part.embedder(network, PAST.num_samples)
    else:
        below = below.get_layer("affect_embedder")
    widths = {name: shape[-1] for name, shape in below.output_shape.items()}
    above = part.sequence(widths, _LOGITS, num_sources)
    for variable in above.trainable_variables:
        if "kernel" in variable.name:  # So that scores differ.
            variable.assign(4 * variable)
    return part.end_to_end(below, above, train_towers=False)


def exported(folder, models, part=GRU, temperature=TEMPERATURE):
    """Exports them as one ensemble."""
    time = WINDOWS if isinstance(part, BidirectionalGru) else PAST
    return export.export(
        models,
        TASKS,
        TAXONOMY,
        SIZE,
        folder,
        card=model_card.ModelCard("small"),
        calibration=Calibration(temperature),
        over=SequenceModels(time, [part] * len(models)),
    )


def faces(*shape, seed=0):
    """Faces that are brighter or darker than each other."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 200, [*shape, 1, 1, 3])
    return np.uint8(level + rng.integers(0, 50, [*shape, SIZE, SIZE, 3]))


def scores(models, inputs, shape):
    """Returns {task: [members, *shape, K]}, decoded, without a temperature."""
    logits = [one(inputs, training=False) for one in models]
    return {
        task.name: np.stack(
            [
                task.decode(each[task.name]).numpy().reshape(*shape, -1)
                for each in logits
            ]
        )
        for task in TASKS
    }


def check_scored(faces, members, outputs):
    """Checks that faces have the mean and the spread of the scores of some members.

    Args:
      faces: Of one person, in order.
      members: As `scores` gives them, a row a face.
      outputs: Names of the scores of the export.

    Returns:
      Valence and arousal, [faces, 2].
    """
    found = {n: np.stack([face.scores[n] for face in faces]) for n in outputs}
    va = found["valence_arousal"]
    np.testing.assert_allclose(va, members["va"].mean(0), atol=1e-5)
    spread = found["valence_arousal_spread"]
    np.testing.assert_allclose(spread, members["va"].std(0), atol=1e-5)
    expressions = calibration.tempered(members["expr"].mean(0), TEMPERATURE)
    np.testing.assert_allclose(found["expression_scores"], expressions, atol=1e-5)
    return va
