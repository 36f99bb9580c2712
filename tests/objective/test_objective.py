"""What holds for the objective whatever the paper."""

import hypothesis
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.losses import Concordance
from affect_tf.objective.losses import SigmoidFocal
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.objective.weighting import ConstantWeighting

ROWS = 6
DENG = (Expression(), ActionUnits(), ValenceArousal(num_bins=4))
JEONG = (
    Expression(SoftmaxFocal()),
    ActionUnits(SigmoidFocal()),
    ValenceArousal(None, Concordance(), ConcordanceDistillation()),
)
STUDENT = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))
TABLE = {
    "teacher": Objective(DENG, CellMix()),
    "deng": Objective(DENG, STUDENT),
    "jeong": Objective(
        JEONG,
        CellMix((10.0, 1.0), (0.0, 0.9), (1.0, 0.0), False, False),
        ConstantWeighting(va=2.0),
        Adversarial(0.5),
    ),
}
every_objective = pytest.mark.parametrize("name", TABLE)


def _batch(objective, seed=0, rows=ROWS):
    """Keyword arguments of the objective, as NumPy arrays."""
    random = np.random.default_rng(seed)
    va = 2 * (objective.tasks[-1].num_bins or 1)
    widths = {"expr": 7, "au": 3, "va": va}

    def outputs():
        return {
            task: random.normal(size=(rows, k)).astype(np.float32)
            for task, k in widths.items()
        }

    def mask(*shape):
        return random.integers(0, 2, (rows, *shape)).astype(np.float32)

    return {
        "logits": outputs(),
        "soft_logits": outputs(),
        "labels": {
            "expr": random.integers(0, 7, rows).astype(np.int32),
            "au": mask(3),
            "va": random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        },
        "masks": {"expr": mask(), "au": mask(3), "va": mask()},
        "weight": np.ones(rows, np.float32),
        "source": random.integers(0, 3, rows).astype(np.int32),
        "source_logits": random.normal(size=(rows, 3)).astype(np.float32),
    }


def _run(objective, batch):
    """Returns (report, gradients by task and source)."""
    batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
    watched = (batch["logits"], batch["source_logits"])
    with tf.GradientTape() as tape:
        tape.watch(watched)
        report = objective(**batch)
    gradients = tape.gradient(
        report.total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return report, gradients


def _assert_same(one, other, rtol=1e-5):
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7), one, other
    )


def _assert_finite(result):
    for value in tf.nest.flatten(result):
        assert np.isfinite(value).all()


@every_objective
def test_the_addends_are_named_and_add_up_to_the_total(name):
    report, _ = _run(TABLE[name], _batch(TABLE[name]))
    assert tuple(report.addends) == TABLE[name].addend_names
    assert float(report.total) == pytest.approx(
        sum(map(float, report.addends.values()))
    )
    assert report.total.shape == [] and report.total.dtype == tf.float32


def test_a_teacher_has_no_distilled_addends():
    assert TABLE["teacher"].addend_names == tuple(
        f"{task}/supervised" for task in ("expr", "au", "va")
    )
    assert TABLE["jeong"].addend_names[-2:] == ("va/distilled", "adversarial")


@every_objective
def test_rows_are_the_addends_before_the_mean(name):
    batch = _batch(TABLE[name])
    rows = TABLE[name].rows(**tf.nest.map_structure(tf.convert_to_tensor, batch))
    report, _ = _run(TABLE[name], batch)
    for addend, values in rows.items():
        assert values.shape == [ROWS]
        expected = float(report.addends[addend])
        assert np.mean(values) == pytest.approx(expected, rel=1e-5)


@every_objective
def test_padding_changes_nothing_whatever_stands_in_it(name):
    batch = _batch(TABLE[name])
    expected, gradients = _run(TABLE[name], batch)

    def padded(values):
        rubbish = np.full_like(values[:2], np.nan if values.dtype.kind == "f" else 99)
        return np.concatenate([values, rubbish])

    wide = tf.nest.map_structure(padded, batch)
    wide["weight"][-2:] = 0
    wide["masks"] = {
        task: np.concatenate([mask, np.ones_like(mask[:2])])
        for task, mask in batch["masks"].items()
    }
    report, wide_gradients = _run(TABLE[name], wide)
    _assert_same(report, expected)
    _assert_same(tf.nest.map_structure(lambda g: g[:ROWS], wide_gradients), gradients)
    for gradient in tf.nest.flatten(wide_gradients):
        np.testing.assert_array_equal(gradient[ROWS:], 0.0)


@every_objective
def test_a_nan_in_a_masked_label_changes_neither_value_nor_gradient(name):
    batch = _batch(TABLE[name])
    expected = _run(TABLE[name], batch)
    masks, labels = batch["masks"], batch["labels"]
    labels["expr"] = np.where(masks["expr"] > 0, labels["expr"], -5)
    labels["au"] = np.where(masks["au"] > 0, labels["au"], np.float32("nan"))
    labels["va"] = np.where(masks["va"][:, None] > 0, labels["va"], np.float32("nan"))
    _assert_same(_run(TABLE[name], batch), expected)


def test_soft_labels_of_rows_that_are_not_distilled_may_be_nan():
    batch = _batch(TABLE["jeong"])
    for mask in batch["masks"].values():
        mask[:2] = 1  # Complete rows: only supervised.
    expected = _run(TABLE["jeong"], batch)
    for soft in batch["soft_logits"].values():
        soft[:2] = np.nan
    batch["source"][:2] = 7  # A set that the discriminator does not know.
    _assert_same(_run(TABLE["jeong"], batch), expected)


def test_a_row_of_weight_two_is_the_row_twice():
    objective = Objective(DENG[:2], STUDENT)  # A CCC counts rows, not weights.
    batch = _batch(TABLE["deng"])
    weights = [2, 1, 1, 0, 1, 3]
    repeated = tf.nest.map_structure(lambda v: np.repeat(v, weights, axis=0), batch)
    weighted = {**batch, "weight": np.array(weights, np.float32)}
    _assert_same(_run(objective, weighted)[0], _run(objective, repeated)[0])


@every_objective
def test_a_replica_without_rows_costs_nothing(name):
    report, gradients = _run(TABLE[name], _batch(TABLE[name], rows=0))
    assert float(report.total) == 0.0
    _assert_finite(gradients)


@every_objective
@pytest.mark.parametrize("case", ["weight", "masks"])
def test_a_batch_of_nothing_costs_nothing(name, case):
    batch = _batch(TABLE[name])
    batch[case] = tf.nest.map_structure(np.zeros_like, batch[case])
    report, gradients = _run(TABLE[name], batch)
    _assert_finite((report, gradients))
    if case == "weight" or name == "teacher":
        assert float(report.total) == 0.0
        _assert_same(gradients, tf.nest.map_structure(tf.zeros_like, gradients))


@every_objective
def test_one_row_and_constant_labels_are_ordinary(name):
    _assert_finite(_run(TABLE[name], _batch(TABLE[name], rows=1)))
    batch = _batch(TABLE[name])
    batch["labels"] = tf.nest.map_structure(np.zeros_like, batch["labels"])
    batch["logits"] = tf.nest.map_structure(np.zeros_like, batch["logits"])
    _assert_finite(_run(TABLE[name], batch))


@every_objective
def test_half_precision_logits_give_a_float32_loss_close_to_the_exact_one(name):
    batch = _batch(TABLE[name])
    expected = _run(TABLE[name], batch)
    for key in ("logits", "soft_logits"):
        batch[key] = {t: v.astype(np.float16) for t, v in batch[key].items()}
    report, gradients = _run(TABLE[name], batch)
    assert report.total.dtype == tf.float32
    assert float(report.total) == pytest.approx(float(expected[0].total), rel=5e-3)
    _assert_finite(gradients)


COMPILED = {name: tf.function(objective) for name, objective in TABLE.items()}


@every_objective
@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(data=st.data())
def test_no_mask_weight_or_scale_makes_a_loss_or_gradient_that_is_not_finite(
    name, data
):
    batch = _batch(TABLE[name], seed=data.draw(st.integers(0, 9)))
    bits = st.sampled_from([np.float32(0), np.float32(1)])

    def draw(shape):
        return data.draw(arrays.arrays(np.float32, shape, elements=bits))

    batch["masks"] = {t: draw(m.shape) for t, m in batch["masks"].items()}
    batch["weight"] = draw(ROWS)
    for key in ("logits", "soft_logits"):
        scale = data.draw(st.sampled_from([0.0, 1.0, 1e2, 1e4]))
        half = data.draw(st.booleans())
        batch[key] = {
            t: (scale * v).astype(np.float16 if half else np.float32)
            for t, v in batch[key].items()
        }
    if data.draw(st.booleans()):
        batch["labels"]["va"][:] = data.draw(st.sampled_from([-1.0, 0.0, 0.3, 1.0]))
    report, gradients = _run(COMPILED[name], batch)
    _assert_finite((report, gradients))
    eager, _ = _run(TABLE[name], batch)
    assert float(report.total) == pytest.approx(float(eager.total), rel=1e-4, abs=1e-6)


def test_several_tasks_cost_the_sum_of_each_alone():
    batch = _batch(TABLE["deng"])
    together, _ = _run(TABLE["deng"], batch)
    alone = [float(_run(Objective([t], STUDENT), batch)[0].total) for t in DENG]
    assert float(together.total) == pytest.approx(sum(alone), rel=1e-5)


def test_one_task_of_labelled_rows_is_the_mean_of_its_loss():
    batch = _batch(TABLE["deng"])
    batch["masks"]["expr"][:] = 1
    report, _ = _run(Objective([Expression()], CellMix()), batch)
    labels, logits = batch["labels"]["expr"], batch["logits"]["expr"]
    expected = SoftmaxCrossEntropy()(labels, tf.constant(logits), tf.ones(ROWS))
    assert float(report.total) == pytest.approx(float(np.mean(expected)), rel=1e-6)


def test_a_task_without_a_distilled_loss_is_only_supervised():
    objective = Objective([Expression(distilled=None), ActionUnits()], STUDENT)
    expected = ("expr/supervised", "au/supervised", "au/distilled")
    assert objective.addend_names == expected


def test_task_weights_multiply_their_task_where_the_row_is_weighted():
    batch = _batch(TABLE["deng"])
    batch["masks"] = {t: np.ones_like(m) for t, m in batch["masks"].items()}
    batch["masks"]["au"][0] = 0
    plain = CellMix(complete_is_weighted=False)
    heavy = Objective(DENG, plain, ConstantWeighting(expr=5.0))
    tensors = tf.nest.map_structure(tf.convert_to_tensor, batch)
    rows = heavy.rows(**tensors)["expr/supervised"]
    unit = Objective(DENG, plain).rows(**tensors)["expr/supervised"]
    np.testing.assert_allclose(rows / unit, [5, 1, 1, 1, 1, 1], rtol=1e-6)


def test_the_adversarial_weight_follows_the_step():
    ramp = Adversarial(lambda step: tf.cast(step, tf.float32) / 10)
    objective = Objective(DENG, CellMix(), adversarial=ramp)
    batch = _batch(objective)
    one = {**batch, "step": tf.constant(10)}
    half = {**batch, "step": tf.constant(5)}
    whole = float(_run(objective, one)[0].addends["adversarial"])
    assert whole > 0
    actual = float(_run(objective, half)[0].addends["adversarial"])
    assert actual == pytest.approx(whole / 2)
    with pytest.raises(ValueError, match="step=None"):
        _run(objective, batch)


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        ("logits", "logits of every task"),
        ("labels", "labels of every task"),
        ("masks", "masks of every task"),
        ("soft_logits", "soft_logits of every task"),
    ],
)
def test_a_missing_input_is_named(drop, message):
    batch = _batch(TABLE["deng"])
    batch[drop] = {t: v for t, v in batch[drop].items() if t != "va"}
    with pytest.raises(ValueError, match=f"{message}.*without 'va'"):
        _run(TABLE["deng"], batch)


def test_a_student_without_a_teacher_or_a_discriminator_without_sources_is_an_error():
    batch = _batch(TABLE["deng"])
    batch.pop("soft_logits")
    with pytest.raises(ValueError, match="soft_logits of every task"):
        _run(TABLE["deng"], batch)
    batch = _batch(TABLE["jeong"])
    batch.pop("source")
    with pytest.raises(ValueError, match="must be given the sources"):
        _run(TABLE["jeong"], batch)


@pytest.mark.parametrize("tasks", [[], [Expression(), Expression()]])
def test_an_objective_needs_tasks_of_different_names(tasks):
    with pytest.raises(ValueError, match="different names"):
        Objective(tasks, CellMix())
