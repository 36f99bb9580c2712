import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from affect_tf.evaluation import thresholds
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW2


def f1_at(scores, positive, threshold):
    predicted = scores >= np.float32(threshold)
    return 2 * (predicted & positive).sum() / (predicted.sum() + positive.sum())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()),
        min_size=1,
        max_size=20,
    ).filter(lambda rows: any(positive for _, positive in rows))
)
def test_no_threshold_reaches_a_higher_f1(rows):
    scores = np.float32([score for score, _ in rows])
    positive = np.asarray([positive for _, positive in rows])
    chosen, reached = thresholds.best_threshold(scores, positive)
    best = max(f1_at(scores, positive, at) for at in np.linspace(0, 1, 41))
    assert reached == pytest.approx(best)
    assert f1_at(scores, positive, chosen) == pytest.approx(best)
    assert 0 <= chosen <= 1


def test_the_middle_between_two_scores_is_taken():
    chosen, _ = thresholds.best_threshold(
        np.float32([0.25, 0.375, 0.5, 0.75]), np.asarray([0, 0, 1, 1], bool)
    )
    assert chosen == 0.4375


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_taken():
    """The first row alone gives 2/3, and so do all four; 0.7 is nearer than 0.1."""
    scores = np.float32([0.9, 0.5, 0.2, 0.1])
    positive = np.asarray([True, False, False, True])
    chosen, f1 = thresholds.best_threshold(scores, positive)
    assert f1_at(scores, positive, 0.7) == f1_at(scores, positive, 0.1)
    assert (chosen, f1) == (pytest.approx(0.7), pytest.approx(2 / 3))


def test_neighbouring_float32_scores_are_told_apart():
    low = np.float32(0.5)
    scores = np.asarray([low, np.nextafter(low, np.float32(1))])
    chosen, f1 = thresholds.best_threshold(scores, np.asarray([False, True]))
    assert f1 == 1
    np.testing.assert_array_equal(scores >= np.float32(chosen), [False, True])


def test_fitted_thresholds_reach_the_f1_that_they_claim(make):
    fitted = thresholds.fit(make(), ABAW1, "validation")
    scores = evaluate(make(), ABAW1, fitted.values)
    default = evaluate(make(), ABAW1)
    for name, f1 in fitted.f1.items():
        assert scores.au.by_unit[name].f1 == pytest.approx(f1)
        assert f1 >= default.au.by_unit[name].f1
    assert scores.au.f1 > default.au.f1
    assert list(fitted.values) == list(ABAW1.action_units)
    assert fitted.split == "validation"


def test_fitting_changes_no_score_by_itself(make):
    predictions = make()
    before = evaluate(predictions, ABAW1).headline()
    thresholds.fit(predictions, ABAW1, "validation")
    assert evaluate(predictions, ABAW1).headline() == before
    assert all(
        unit.threshold == 0.5
        for unit in evaluate(predictions, ABAW1).au.by_unit.values()
    )


def test_units_with_too_few_of_either_label_stay_at_a_half_and_say_why(make):
    predictions = make()
    predictions.labels["au"][:, 0] = 0
    predictions.labels["au"][:, 1] = 1
    predictions.masks["au"][:, 2] = 0
    found = thresholds.fit(predictions, ABAW1, "validation")
    assert found.kept == {
        "AU1": "0 positive labels, fewer than 5",
        "AU2": "0 negative labels, fewer than 5",
        "AU4": "no labels",
    }
    assert [found.values[name] for name in found.kept] == [0.5, 0.5, 0.5]
    assert not set(found.f1) & set(found.kept)


def test_a_model_without_the_task_keeps_every_threshold(make):
    predictions = make()
    del predictions.scores["au"]
    found = thresholds.fit(predictions, ABAW1, "validation")
    assert set(found.values.values()) == {0.5}
    assert set(found.kept.values()) == {"no labels"}


def test_only_labelled_rows_count(make):
    predictions = make()
    before = thresholds.fit(predictions, ABAW1, "validation")
    predictions.labels["au"][predictions.masks["au"] == 0] = 1
    assert thresholds.fit(predictions, ABAW1, "validation") == before


def test_another_number_of_units_is_refused(make):
    with pytest.raises(ValueError, match="8 columns for 12"):
        thresholds.fit(make(), ABAW2, "validation")


def test_thresholds_survive_json(make):
    found = thresholds.fit(make(), ABAW1, "validation")
    text = json.dumps(found.to_json(), allow_nan=False)
    assert thresholds.Thresholds.from_json(json.loads(text)) == found
