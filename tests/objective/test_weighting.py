import math

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.weighting import ConstantWeighting
from affect_tf.objective.weighting import PatienceWeighting

TASKS = ("expr", "va")


def _weights(state):
    return {name: float(weight) for name, weight in state.weights.items()}


def test_constant_weights_are_those_configured():
    state = ConstantWeighting(va=2.0, au=8.0).build(("expr", "va", "gaze"))
    state.update({"expr": 0.1})
    assert _weights(state) == {"expr": 1.0, "va": 2.0, "gaze": 1.0}


def test_a_task_without_improvement_weighs_more_until_it_improves():
    state = PatienceWeighting().build(TASKS)
    assert _weights(state) == {"expr": 1.0, "va": 1.0}
    seen = []
    for expr, va in [(0.3, 0.1), (0.3, 0.2), (0.2, 0.3), (0.4, 0.3), (0.4, 0.1)]:
        state.update({"expr": expr, "va": va})
        seen.append([2 * math.log(weight) for weight in _weights(state).values()])
    np.testing.assert_allclose(
        seen, [[0, 0], [1, 0], [2, 0], [0, 1], [1, 2]], atol=1e-6
    )


def test_a_score_that_is_nan_is_no_improvement_and_a_missing_one_no_news():
    state = PatienceWeighting(rate=1.0).build(TASKS)
    state.update({"expr": 0.5, "va": 0.5})
    state.update({"expr": float("nan")})
    assert _weights(state) == pytest.approx({"expr": math.e, "va": 1.0})
    state.update({"expr": 0.6})
    assert _weights(state) == {"expr": 1.0, "va": 1.0}


def test_patience_survives_a_checkpoint(tmp_path):
    state = PatienceWeighting().build(TASKS)
    for expr in (0.5, 0.4, 0.3):
        state.update({"expr": expr, "va": expr})
    path = tf.train.Checkpoint(weights=state).save(tmp_path / "c")
    fresh = PatienceWeighting().build(TASKS)
    tf.train.Checkpoint(weights=fresh).restore(path).assert_consumed()
    assert _weights(fresh) == _weights(state)
    fresh.update({"expr": 0.45, "va": 0.6})
    assert _weights(fresh) == pytest.approx({"expr": math.exp(1.5), "va": 1.0})


def test_a_graph_reads_the_weights_of_the_moment():
    state = PatienceWeighting().build(TASKS)
    read = tf.function(lambda: state.weights["expr"])
    assert float(read()) == 1.0
    for score in (0.5, 0.4):
        state.update({"expr": score})
    assert float(read()) == pytest.approx(math.exp(0.5))


@pytest.mark.parametrize("make", [ConstantWeighting, PatienceWeighting])
def test_a_negative_parameter_is_refused(make):
    with pytest.raises(ValueError, match="must be finite and not negative. Received"):
        make(-1.0)
