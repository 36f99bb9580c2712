"""Jeong, Oh, Lim 2022, Figure 1: which way the shared features and the rest are moved.

Against finite differences of loops over what stands on the layer "shared": the dense
modules of every task and of the discriminator, with the statistics of the batch.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.labels.taxonomy import ABAW3
from affect_tf.models.fusion import FaceAndSound
from affect_tf.models.sound import SoundNet8
from affect_tf.objective.objective import Adversarial
from affect_tf.training import assembly
from affect_tf.training.schedules import Linear
from configs import jeong2022
from tests.papers import jeong_loops
from tests.papers import loops
from tests.papers.jeong_batches import batch_of
from tests.papers.jeong_batches import Descent
from tests.papers.jeong_batches import rows_of
from tests.papers.jeong_batches import SOURCES
from tests.papers.jeong_batches import WIDTHS

PART = FaceAndSound(
    sound=SoundNet8(width=1, outputs=3),
    lstm_units=4,
    widths=(6, 5),
    dropout=0.0,
    task_widths=(4,),
    discriminator_widths=(4, 3),
)
SETS = ["va", "expr", "au", "mtl", "va", "au", "expr"]


class Case:
    """A model above the towers, a batch, and the loops of what it says of it."""

    def __init__(self, weight=0.5, step=0):
        tf.keras.utils.set_random_seed(0)
        random = np.random.default_rng(0)
        vectors = {"face_embedding": 4, "sound_embedding": 3}
        self.model = PART.sequence(vectors, WIDTHS, SOURCES)
        config = dataclasses.replace(
            jeong2022.config(),
            architecture=dataclasses.replace(
                jeong2022.config().architecture, temporal=PART
            ),
            adversarial=Adversarial(weight),
            optimizer=Descent(1.0),
        ).for_data(ABAW3, {})
        self.trainer = assembly.build(self.model, config, config.teacher, 5)
        self.trainer.step.assign(step)
        self.rows = rows_of(random, SETS)
        inputs = {
            "face_embedding": random.normal(size=(len(SETS), 6, 4)),
            "sound_embedding": random.normal(size=(len(SETS), 3)),
        }
        inputs = {name: tf.constant(v, tf.float32) for name, v in inputs.items()}
        inputs["present"] = tf.constant(random.uniform(size=(len(SETS), 6)) > 0.3)
        self.batch = batch_of(self.rows, inputs, config.sources)
        shared = self.model.get_layer("shared").output
        self.to_shared = tf.keras.Model(self.model.input, shared)
        self.from_shared = tf.keras.Model(shared, self.model.output)
        self.shared = self.to_shared(inputs, training=True)

    def variables(self, name):
        """Those that the loops take, of what leads to an output."""
        return [v for v in self.model.trainable_variables if v.name.startswith(name)]

    def gradients(self, addend, *variables):
        """Of an addend of the objective, or of "total", at "shared" and elsewhere."""
        with tf.GradientTape() as tape:
            tape.watch(self.shared)
            outputs = dict(self.from_shared(self.shared, training=True))
            source_logits = outputs.pop("discriminator")
            report = self.trainer.objective(
                outputs,
                self.batch.labels,
                self.batch.masks,
                self.batch.weight,
                source=self.batch.source,
                source_logits=source_logits,
                step=self.trainer.step,
            )
            value = {**report.addends, "total": report.total}[addend]
        return tape.gradient(value, [self.shared, *variables])

    def outputs(self, shared, names=(*WIDTHS, "discriminator")):
        """Each output of the features, by the loops."""
        found = {}
        for name in names:
            weights = [v.numpy().astype(float) for v in self.variables(name)]
            found[name] = jeong_loops.dense_modules(shared, weights)
        return found

    def of_sources(self, scores):
        """Eq. 11 over the batch."""
        terms = [
            jeong_loops.of_source(row, scores[n])
            for n, row in enumerate(self.rows)
            if row["set"] != "mtl"
        ]
        return sum(terms) / len(self.rows)

    def of_tasks(self, shared):
        """Eq. 12 without the discriminator."""
        found = self.outputs(shared, WIDTHS)
        return jeong_loops.teacher_loss(self.rows, found, 0.0) / len(self.rows)


def differences(loop, at):
    at = np.array(at, float)
    return loops.finite_differences(loop, at, at)


def assert_near(found, expected):
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-5)


def test_the_loops_give_what_the_model_gives():
    case = Case()
    found = case.from_shared(case.shared, training=True)
    for name, expected in case.outputs(case.shared.numpy().astype(float)).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("weight", "step", "delta"),
    [(0.5, 0, 0.5), (1.0, 0, 1.0), (Linear(0.0, 1.0), 25, 0.25)],
)
def test_shared_features_climb_the_loss_that_the_discriminator_descends(
    weight, step, delta
):
    case = Case(weight, step)

    def loop(shared):
        return delta * case.of_sources(case.outputs(shared)["discriminator"])

    below = differences(loop, case.shared)
    variables = case.variables("discriminator")
    at_shared, *above = case.gradients("adversarial", *variables)
    assert_near(at_shared, -below)
    features = case.shared.numpy().astype(float)
    weights = [v.numpy().astype(float) for v in variables]
    for index, found in enumerate(above):

        def of_weight(value, index=index):
            changed = [*weights[:index], value, *weights[index + 1 :]]
            scores = jeong_loops.dense_modules(features, changed)
            return delta * case.of_sources(scores)

        expected = differences(of_weight, weights[index])
        np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-5)


@pytest.mark.parametrize("strength", [0.0, 0.25, 2.0])
def test_the_strength_scales_what_is_turned_round_and_nothing_else(strength):
    case = Case()
    case.model.get_layer("reversal").strength.assign(strength)

    def of_discriminator(shared):
        return 0.5 * case.of_sources(case.outputs(shared)["discriminator"])

    turned = differences(of_discriminator, case.shared)
    straight = differences(case.of_tasks, case.shared)
    assert_near(case.gradients("total")[0], straight - strength * turned)


def test_a_step_of_the_trainer_moves_the_discriminator_down():
    case = Case()
    features = case.shared.numpy().astype(float)
    variables = case.variables("discriminator")
    weights = [v.numpy().astype(float) for v in variables]

    def of_kernel(kernel):
        scores = jeong_loops.dense_modules(features, [kernel, *weights[1:]])
        return 0.5 * case.of_sources(scores)

    expected = differences(of_kernel, weights[0])
    case.trainer.train_step(case.batch)
    assert_near(weights[0] - variables[0].numpy(), expected)
