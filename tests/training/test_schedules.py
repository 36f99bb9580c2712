import numpy as np
import pytest

from affect_tf.training.schedules import Constant
from affect_tf.training.schedules import Cosine
from affect_tf.training.schedules import PerStep
from affect_tf.training.schedules import StepDecay


def rates(schedule, epochs=9, steps_per_epoch=2):
    per_step = PerStep(schedule, steps_per_epoch, epochs)
    return np.array([float(per_step(step)) for step in range(epochs * steps_per_epoch)])


def test_step_decay_divides_by_ten_after_every_three_epochs():
    expected = np.repeat([1e-4, 1e-5, 1e-6], 6)
    np.testing.assert_allclose(rates(StepDecay(1e-4)), expected, rtol=1e-5)


def test_cosine_falls_from_its_rate_to_its_end():
    found = rates(Cosine(1e-3, final=1e-4))
    assert found[0] == pytest.approx(1e-3)
    assert (np.diff(found) < 0).all()
    assert float(PerStep(Cosine(1e-3, 1e-4), 2, 9)(18)) == pytest.approx(1e-4)
    assert found[9] == pytest.approx(5.5e-4)


def test_a_warm_up_rises_to_the_rate_and_then_follows_the_cosine():
    found = rates(Cosine(1e-3, warmup_epochs=3))
    assert (np.diff(found[:7]) > 0).all()
    assert found.max() == pytest.approx(1e-3, rel=1e-2)
    assert (np.diff(found[7:]) < 0).all()


def test_a_constant_stays():
    np.testing.assert_allclose(rates(Constant(0.3)), 0.3, rtol=1e-6)
