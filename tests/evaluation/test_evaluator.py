import dataclasses
import json
import time

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from affect_tf.evaluation.evaluator import evaluate
from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.scores import headline_names
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW2
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy

SMALL = Taxonomy("small", ("neutral", "anger", "fear"), ("AU1", "AU4"))


def small(**changes):
    """Four rows whose scores can be counted by hand."""
    values = {
        "scores": {
            "expr": np.eye(3, dtype=np.float32)[[0, 0, 1, 1]],
            "au": np.float32([[0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.9, 0.2]]),
            "va": np.float32([[0, 0], [1, 0], [0, 1], [1, 1]]),
        },
        "labels": {
            "expr": np.int32([0, 1, 1, 2]),
            "au": np.float32([[1, 0], [0, 1], [1, 1], [0, 0]]),
            "va": np.float32([[0, 0], [1, 0], [0, 1], [1, 0]]),
        },
        "masks": {
            "expr": np.float32([1, 1, 1, 0]),
            "au": np.float32([[1, 1], [1, 1], [1, 1], [0, 1]]),
            "va": np.float32([1, 1, 1, 1]),
        },
        "subject": np.asarray(["a", "a", "b", ""]),
        "key": np.asarray(list("wxyz")),
    }
    return Predictions(**{**values, **changes})


def without(predictions, task):
    masks = {**predictions.masks, task: np.zeros_like(predictions.masks[task])}
    return dataclasses.replace(predictions, masks=masks)


def test_scores_are_what_is_counted_by_hand():
    scores = evaluate(small(), SMALL)
    assert scores.expr.accuracy == pytest.approx(2 / 3)
    assert scores.expr.f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert scores.expr.confusion == ((1, 0, 0), (1, 1, 0), (0, 0, 0))
    anger = scores.expr.by_class["anger"]
    assert (anger.labels, anger.predicted) == (2, 1)
    assert (anger.precision, anger.recall) == (1, 0.5)
    assert scores.expr.by_class["fear"].labels == 0
    assert scores.au.by_unit["AU1"].f1 == pytest.approx(0.5)
    assert scores.au.by_unit["AU4"].f1 == 1
    assert scores.au.accuracy == pytest.approx(5 / 7)
    assert scores.au.mean_accuracy == pytest.approx((1 / 3 + 1) / 2)
    assert scores.va.valence_ccc == pytest.approx(1)
    assert scores.va.arousal_rmse == pytest.approx(0.5)
    assert (scores.expr.labels, scores.au.labels, scores.va.labels) == (3, 7, 4)
    assert (scores.rows, scores.subjects) == (4, 2)


def test_the_sums_are_those_of_the_challenges():
    scores = evaluate(small(), SMALL)
    expr, au, va = scores.expr, scores.au, scores.va
    assert expr.challenge == pytest.approx(0.67 * expr.f1 + 0.33 * expr.accuracy)
    assert au.challenge == pytest.approx(0.5 * au.f1 + 0.5 * au.accuracy)
    assert va.ccc == pytest.approx((va.valence_ccc + va.arousal_ccc) / 2)
    assert scores.overall == pytest.approx(expr.challenge + au.challenge + va.ccc)
    assert scores.abaw3 == pytest.approx(expr.f1 + au.f1 + va.ccc)
    assert scores.overall == pytest.approx(sum(scores.by_task().values()))
    assert list(scores.headline()) == list(headline_names(TASKS))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_without_labels_has_no_numbers_and_says_why(make, task):
    scores = evaluate(without(make(), task), ABAW1)
    part = getattr(scores, task)
    assert part.reason == "no row of the split is labelled for it"
    assert part.labels == 0
    assert task not in scores.tasks
    assert not any(name.startswith(task) for name in scores.headline())
    assert scores.overall == pytest.approx(sum(scores.by_task().values()))
    assert getattr(evaluate(make(), ABAW1), task).reason is None


def test_a_task_may_also_be_absent_from_the_model_or_the_taxonomy(make):
    full = make()
    scores = {task: full.scores[task] for task in ("expr", "va")}
    found = evaluate(dataclasses.replace(full, scores=scores), ABAW1)
    assert found.au.reason == "the model has no such output"
    assert found.au.by_unit["AU1"].f1 is None
    words = Taxonomy("words", ABAW1.expressions, (), has_va=False)
    found = evaluate(full, words)
    assert found.va.reason == "taxonomy 'words' has no such task"
    assert found.tasks == ("expr",)
    assert found.overall == found.expr.challenge


def test_json_has_no_nan_even_where_nothing_is_labelled(make):
    predictions = make()
    for task in (*TASKS, "none"):
        scores = evaluate(predictions, ABAW1)
        text = json.dumps(scores.to_json(), allow_nan=False)
        assert set(json.loads(text)) >= {"expr", "au", "va", "overall", "abaw3"}
        predictions = without(predictions, task) if task != "none" else predictions
    assert scores.overall is None
    assert scores.abaw3 is None
    assert scores.headline() == scores.by_task() == {}


def test_units_are_masked_each_for_itself(make):
    predictions = make()
    predictions.masks["au"][:, 2] = 0
    scores = evaluate(predictions, ABAW1)
    rows = predictions.masks["au"][:, 0] > 0
    expected = sklearn_metrics.f1_score(
        predictions.labels["au"][rows, 0], predictions.scores["au"][rows, 0] >= 0.5
    )
    assert scores.au.by_unit["AU1"].f1 == pytest.approx(expected)
    assert scores.au.by_unit["AU4"].f1 is None
    others = [unit.f1 for unit in scores.au.by_unit.values() if unit.f1 is not None]
    assert len(others) == 7
    assert scores.au.f1 == pytest.approx(np.mean(others))


def test_a_threshold_moves_its_own_unit_and_is_reported(make):
    before = evaluate(make(), ABAW1).au.by_unit
    after = evaluate(make(), ABAW1, {"AU4": 0.9}).au.by_unit
    assert after["AU4"].f1 != before["AU4"].f1
    assert after["AU4"].threshold == pytest.approx(0.9)
    del before["AU4"], after["AU4"]
    assert after == before


def test_a_threshold_of_an_unknown_unit_is_refused(make):
    with pytest.raises(ValueError, match="Did you mean 'AU1'"):
        evaluate(make(), ABAW1, {"AU11": 0.4})


def test_arrays_that_do_not_fit_the_taxonomy_are_refused(make):
    with pytest.raises(ValueError, match=r"scores\['au'\].*\(300, 12\)"):
        evaluate(make(), ABAW2)
    flat = make()
    flat.masks["au"] = flat.masks["au"][:, 0]
    with pytest.raises(ValueError, match=r"masks\['au'\]"):
        evaluate(flat, ABAW1)


def test_a_labelled_class_outside_the_taxonomy_is_refused_and_a_masked_one_is_not():
    labels = {**small().labels, "expr": np.int32([0, 1, 1, -1])}
    assert evaluate(small(labels=labels), SMALL).expr.labels == 3
    labels = {**small().labels, "expr": np.int32([0, -1, 1, 0])}
    with pytest.raises(ValueError, match="from -1 to 1"):
        evaluate(small(labels=labels), SMALL)


def test_a_whole_split_is_scored_at_once_and_not_by_batches(make):
    predictions = make()
    halves = [predictions.select(rows) for rows in np.split(np.arange(300), 2)]
    mean = np.mean([evaluate(half, ABAW1).va.ccc for half in halves])
    assert evaluate(predictions, ABAW1).va.ccc != pytest.approx(mean, abs=1e-6)


def test_the_order_of_rows_does_not_matter(make):
    order = np.random.default_rng(0).permutation(300)
    first = evaluate(make(), ABAW1).headline()
    assert evaluate(make().select(order), ABAW1).headline() == pytest.approx(first)


def test_a_validation_split_is_scored_in_less_than_fifty_milliseconds(make):
    predictions = make(2439, 1400)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        evaluate(predictions, ABAW1)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05
