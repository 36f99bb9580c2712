import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.augment import Augmentation
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.input_pipeline import Source
from affect_tf.data.manifest import Manifest
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture
from affect_tf.models.build import build
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Constant
from affect_tf.training.schedules import PerStep
from affect_tf.training.trainer import NonFiniteLossError
from affect_tf.training.trainer import TOTAL
from affect_tf.training.trainer import Trainer

TASKS = (Expression(), ActionUnits(), ValenceArousal())
TEACHER = CellMix()
STUDENT = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))


def model(seed=0, policy="float32"):
    tf.keras.mixed_precision.set_global_policy(policy)
    tf.keras.utils.set_random_seed(seed)
    logits = {task.name: task.num_logits(ABAW1) for task in TASKS}
    built = build(Architecture(Tiny(), image_size=32), logits)
    tf.keras.mixed_precision.set_global_policy("float32")
    return built


def trainer(mix=TEACHER, teacher=None, policy="float32", rate=1e-3, **optimizer):
    schedule = PerStep(Constant(rate), 10, 1)
    return Trainer(
        model(policy=policy),
        Objective(TASKS, mix),
        Adam(**optimizer).build(schedule),
        teacher,
    )


@functools.cache
def compiled(mix=TEACHER):
    """A trainer, with a teacher where it is to distil, and its first state."""
    teacher = None if mix is TEACHER else model(seed=1)
    one = trainer(mix, teacher, rate=1e-2)
    return one, [(v, v.numpy()) for v in states(one)]


def states(one):
    """Everything that a step changes."""
    return [*one.model.variables, *one.optimizer.variables, one.step]


def anew(mix=TEACHER):
    """The same trainer as it was at first: tracing another takes seconds."""
    one, start = compiled(mix)
    for variable, value in start:
        variable.assign(value)
    return one


def eagerly(call):
    """Calls outside a graph: what need not be compiled is not traced for seconds."""
    tf.config.run_functions_eagerly(True)
    try:
        return call()
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def batches(small_folder):
    """Gives the same batches in the same order, again and again."""
    faces = Faces(small_folder, Manifest.load(small_folder), ABAW1, 32)
    sources = tuple(Source(task, task=task) for task in ("expr", "au", "va"))
    still = Augmentation(0.0, False)
    found = list(faces.training(sources, 12, still, seed=0).take(12))
    return lambda: itertools.cycle(found)


def totals(logs):
    return [log.losses[TOTAL] for log in logs]


def test_the_loss_falls_on_a_few_faces(batches):
    batch = next(batches())
    logs = list(anew().run(iter([batch] * 30), 30, log_every=1))
    assert totals(logs)[-1] < 0.6 * totals(logs)[0]


def test_a_log_names_every_addend_and_they_sum_to_the_total(batches):
    student = anew(STUDENT)
    (log,) = student.run(batches(), 2, log_every=5)
    addends = {
        f"{t}/{k}" for t in ("expr", "au", "va") for k in ("supervised", "distilled")
    }
    assert addends < set(log.losses)
    np.testing.assert_allclose(
        sum(log.losses[name] for name in addends), log.losses[TOTAL], rtol=1e-5
    )
    assert log.step == 2
    assert 0 <= log.input_wait <= 1


def test_the_teacher_stays_as_it_was(batches):
    student = anew(STUDENT)
    before = [value.copy() for value in student.teacher.get_weights()]
    list(student.run(batches(), 4, log_every=4))
    for old, new in zip(before, student.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_teacher_sees_the_same_faces_without_dropout_or_batch_statistics(batches):
    student = anew(STUDENT)
    batch = next(batches())
    expected = student.teacher(batch.inputs, training=False)
    for task, logits in student._soft_logits(batch).items():
        np.testing.assert_array_equal(logits, expected[task])


def test_the_step_is_traced_once(batches):
    one = anew()
    list(one.run(batches(), 3, log_every=3))
    assert one.train_step.experimental_get_tracing_count() == 1


def test_a_label_that_is_not_a_number_never_reaches_a_weight(batches):
    batch = next(batches())
    labels = batch.labels | {"va": tf.fill([12, 2], np.nan)}
    one = anew()
    before = one.model.trainable_variables[0].numpy()
    with pytest.raises(
        NonFiniteLossError, match=r"va/supervised of face\d+, .* step 1"
    ):
        list(one.run(iter([batch._replace(labels=labels)]), 1, log_every=1))
    np.testing.assert_array_equal(before, one.model.trainable_variables[0].numpy())
    assert int(one.step) == 0


def test_a_masked_label_that_is_not_a_number_changes_nothing(batches):
    batch = next(batches())
    hidden = tf.where(batch.masks["va"][:, tf.newaxis] > 0, batch.labels["va"], np.nan)
    poisoned = batch._replace(labels=batch.labels | {"va": hidden})
    weights = []
    for each in (batch, poisoned):
        one = anew()
        start = one.model.get_weights()
        list(one.run(iter([each]), 1, log_every=1))
        weights.append(one.model.get_weights())
        assert not np.array_equal(start[0], weights[-1][0])
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_has_the_loss_of_full_precision(batches, policy):
    full = list(anew(STUDENT).run(batches(), 1, log_every=1))
    one = trainer(STUDENT, model(1, policy), policy)
    half = eagerly(lambda: list(one.run(batches(), 1, log_every=1)))
    np.testing.assert_allclose(totals(half), totals(full), rtol=1e-2)


def test_float16_lowers_its_scale_after_an_overflow_and_goes_on(batches):
    one = trainer(policy="mixed_float16")
    start = one.model.trainable_variables[0].numpy()
    logs = list(one.run(batches(), 10, log_every=1))
    assert one.loss_scale < 2.0**15
    assert np.isfinite(totals(logs)).all()
    assert not np.array_equal(start, one.model.trainable_variables[0].numpy())
    assert all(np.isfinite(weight).all() for weight in one.model.get_weights())


def test_weight_decay_leaves_biases_and_batch_norm_alone(batches):
    plain, decayed = trainer(rate=1e-9), trainer(rate=1e-9, weight_decay=1e7)
    for one in (plain, decayed):
        eagerly(lambda one=one: list(one.run(batches(), 1, log_every=1)))
    for a, b in zip(
        plain.model.trainable_variables, decayed.model.trainable_variables, strict=True
    ):
        changed = not np.allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-7)
        assert changed == ("kernel" in a.name), a.name


def test_float16_gradients_that_always_overflow_stop_the_run(batches, monkeypatch):
    one = trainer(policy="mixed_float16")
    loss = type(one.objective.tasks[0].supervised)
    original = loss.__call__

    # The slope of the square root at 0 is infinite, the value is not.
    def poisoned(self, labels, logits, weight):
        value = original(self, labels, logits, weight)
        return value + tf.sqrt(value - tf.stop_gradient(value))

    monkeypatch.setattr(loss, "__call__", poisoned)
    with pytest.raises(NonFiniteLossError, match="gradient"):
        list(one.run(batches(), 60, log_every=60))
