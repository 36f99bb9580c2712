"""Temperatures against SciPy, against what is known, and at their limits."""

import json

import numpy as np
import pytest
from scipy import optimize
from scipy import special

from affect_tf.evaluation import calibration
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.evaluation.predictions import average
from affect_tf.labels.taxonomy import ABAW1


def drawn(sharpness, rows=4000, classes=7, seed=0):
    """Probabilities that are `sharpness` times too sure, and labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, [rows, classes])
    true = special.softmax(logits, axis=1)
    labels = (rng.random([rows, 1]) > true.cumsum(axis=1)).sum(axis=1)
    scores = special.softmax(sharpness * logits, axis=1).astype(np.float32)
    return scores, np.minimum(labels, classes - 1).astype(np.int32)


def likelihood(temperature, scores, labels):
    logs = np.log(scores.astype(np.float64)) / temperature
    return -special.log_softmax(logs, axis=1)[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize(("sharpness", "seed"), [(0.4, 0), (1.0, 1), (3.0, 2)])
def test_the_temperature_is_the_one_that_scipy_finds(sharpness, seed):
    scores, labels = drawn(sharpness, seed=seed)
    found = optimize.minimize_scalar(
        likelihood,
        bounds=calibration.BOUNDS,
        args=(scores, labels),
        method="bounded",
        options={"xatol": 1e-9},
    )
    best = calibration.best_temperature(scores, labels)
    assert best == pytest.approx(found.x, rel=1e-5)
    assert likelihood(best, scores, labels) <= found.fun + 1e-12


@pytest.mark.parametrize("sharpness", [0.5, 2.0])
def test_probabilities_that_are_too_sure_by_a_factor_have_it_as_temperature(sharpness):
    scores, labels = drawn(sharpness, rows=20_000)
    best = calibration.best_temperature(scores, labels)
    assert best == pytest.approx(sharpness, rel=0.05)
    after = calibration.tempered(scores, best)
    before_error = calibration.expected_error(scores, labels)
    assert calibration.expected_error(after, labels) < before_error / 4


def test_a_model_that_is_always_right_or_only_guesses_stays_within_the_bounds():
    scores, _ = drawn(1.0, rows=60)
    right = scores.argmax(axis=1)
    assert calibration.best_temperature(scores, right) == calibration.BOUNDS[0]
    wrong = scores.argmin(axis=1)
    assert calibration.best_temperature(scores, wrong) == calibration.BOUNDS[1]


def test_a_probability_of_zero_for_the_right_class_is_survived(recwarn):
    """All wrong and certain: without a floor the slope is 0 times infinity."""
    scores = np.float32([[1, 0], [1, 0], [0, 1], [0, 1]])
    best = calibration.best_temperature(scores, np.array([1, 1, 0, 0]))
    assert best == calibration.BOUNDS[1]
    found = calibration.tempered(scores, best)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert (found > 0).all()
    assert not recwarn


def test_a_temperature_of_one_changes_no_bit():
    scores, _ = drawn(1.0, rows=5)
    assert calibration.tempered(scores, 1.0) is scores


def test_the_expected_error_is_the_one_that_a_hand_computes():
    """In ten bins: 0.95 right; 0.55 and 0.58 share one, and one of them is right."""
    scores = np.float32([[0.95, 0.05], [0.45, 0.55], [0.58, 0.42]])
    error = calibration.expected_error(scores, np.array([0, 1, 1]), num_bins=10)
    assert error == pytest.approx((0.05 + abs(1 - 1.13)) / 3)


def test_a_fit_moves_no_label_and_no_score(make):
    predictions = make()
    fitted = calibration.fit(predictions, "validation", min_rows=1)
    assert fitted.temperature != 1
    assert fitted.nll["after"] < fitted.nll["before"]
    scores = dict(predictions.scores)
    scores["expr"] = calibration.tempered(scores["expr"], fitted.temperature)
    changed = type(predictions)(**{**vars(predictions), "scores": scores})
    assert evaluate(changed, ABAW1) == evaluate(predictions, ABAW1)
    assert (fitted.split, fitted.kept) == ("validation", "")


def test_the_held_out_numbers_come_from_fits_to_other_people(make):
    predictions = make()
    fitted = calibration.fit(predictions, "validation", min_rows=1)
    rows = predictions.masks["expr"] > 0
    scores, labels = predictions.scores["expr"][rows], predictions.labels["expr"][rows]
    names = np.unique(predictions.subject[rows])
    sum_of_logs = 0.0
    for fold in range(5):
        out = np.isin(predictions.subject[rows], names[fold::5])
        best = calibration.best_temperature(scores[~out], labels[~out])
        sum_of_logs += out.sum() * likelihood(best, scores[out], labels[out])
    assert fitted.nll["held_out"] == pytest.approx(sum_of_logs / len(labels), rel=1e-5)
    assert fitted.nll["held_out"] > fitted.nll["after"]
    assert "other people" in fitted.summary


def test_a_temperature_that_does_not_hold_for_other_people_is_not_applied(make):
    """Of ten people one is always wrong and sure of it: the others need no such T."""
    predictions = make(num_rows=400, num_subjects=10, noise=0.3, labelled=1.0)
    scores, labels = predictions.scores["expr"], predictions.labels["expr"]
    best = calibration.best_temperature(scores, labels)
    # Calibrated but for one person, in whose fold a T of the others is too sharp.
    scores[:] = calibration.tempered(scores, best)
    odd = predictions.subject == predictions.subject[0]
    scores[odd] = np.roll(scores[odd], 1, axis=1)
    fitted = calibration.fit(predictions, "validation")
    assert fitted.nll["after"] < fitted.nll["before"] <= fitted.nll["held_out"]
    assert fitted.temperature == 1
    assert "fitted to other people" in fitted.kept
    assert fitted.summary.startswith("Expressions are not calibrated: a temperature")


def test_one_person_alone_can_not_be_held_out(make):
    predictions = make(num_subjects=1)
    fitted = calibration.fit(predictions, "validation", min_rows=1)
    assert set(fitted.ece) == set(fitted.nll) == {"before", "after"}
    assert "other people" not in fitted.summary


def test_an_ensemble_has_the_temperature_of_its_mean(make):
    members = [make(seed=1), make(seed=1)]
    members[1].scores["expr"] = np.roll(members[1].scores["expr"], 1, axis=1)
    together = average(members)
    rows = together.masks["expr"] > 0
    mean = (members[0].scores["expr"] + members[1].scores["expr"])[rows] / 2
    expected = calibration.best_temperature(mean, together.labels["expr"][rows])
    fitted = calibration.fit(together, "validation", min_rows=1)
    assert fitted.temperature == pytest.approx(expected, rel=1e-5)


def test_only_labelled_rows_count(make):
    predictions = make()
    before = calibration.fit(predictions, "validation", min_rows=1)
    hidden = predictions.masks["expr"] == 0
    predictions.labels["expr"][hidden] = 1
    assert hidden.any()
    assert calibration.fit(predictions, "validation", min_rows=1) == before


def test_too_few_labels_no_label_and_no_task_keep_the_temperature_and_say_why(make):
    few = make()
    few.masks["expr"][3:] = 0
    few.masks["expr"][:3] = 1
    none, without = make(), make()
    none.masks["expr"][:] = 0
    del without.scores["expr"]
    found = [calibration.fit(each, "validation") for each in (few, none, without)]
    assert [each.kept for each in found] == [
        "3 labelled faces, fewer than 50",
        "no labels",
        "the model has no expressions",
    ]
    assert {each.temperature for each in found} == {1.0}
    assert "3 labelled faces" in found[0].summary


def test_calibrations_survive_json_and_say_that_their_split_flatters(make):
    fitted = calibration.fit(make(), "validation", min_rows=1)
    text = json.dumps(fitted.to_json(), allow_nan=False)
    assert calibration.Calibration.from_json(json.loads(text)) == fitted
    assert "'validation'" in fitted.summary
    assert "flatters" in fitted.summary


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_nothing_can_be_divided_by_is_refused(temperature):
    with pytest.raises(ValueError, match="must be a positive number"):
        calibration.Calibration(temperature)
