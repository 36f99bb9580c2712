import dataclasses
import json
import time

import numpy as np
import pytest

from affect_tf.evaluation import bootstrap
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import Taxonomy

WORDS = Taxonomy("words", ("neutral", "anger"), (), has_va=False)


def people(right, rows_each=3, subject=None):
    """Rows of label 0; each person's rows are all right or all wrong."""
    guess = np.repeat(1 - np.asarray(right, int), rows_each)
    number = np.arange(len(guess))
    return Predictions(
        scores={"expr": np.eye(2, dtype=np.float32)[guess]},
        labels={"expr": np.zeros(len(guess), np.int32)},
        masks={"expr": np.ones(len(guess), np.float32)},
        subject=(number // rows_each).astype(str) if subject is None else subject,
        key=number.astype(str),
    )


def width(interval):
    return interval.high - interval.low


def test_the_estimates_are_the_scores(make):
    found = bootstrap.intervals(make(), ABAW1, replicates=50)
    scores = evaluate(make(), ABAW1)
    headline = scores.headline()
    for name, value in headline.items():
        assert found.values[name].estimate == pytest.approx(value)
        assert found.values[name].low < value < found.values[name].high
    for name, unit in scores.au.by_unit.items():
        assert found.values[f"au/f1/{name}"].estimate == pytest.approx(unit.f1)
    for name, row in scores.expr.by_class.items():
        assert found.values[f"expr/f1/{name}"].estimate == pytest.approx(row.f1)


def test_the_same_seed_draws_the_same_and_another_does_not(make):
    first = bootstrap.intervals(make(), ABAW1, replicates=50, seed=3)
    assert bootstrap.intervals(make(), ABAW1, replicates=50, seed=3) == first
    assert bootstrap.intervals(make(), ABAW1, replicates=50, seed=4) != first


def test_a_replicate_is_what_evaluating_the_drawn_rows_gives(make, monkeypatch):
    """Against the slow way: gather every drawn subject's rows and score them."""
    predictions = make(120, 15)
    seen = []
    draws = bootstrap._draws

    def remember(*arguments):
        for counts in draws(*arguments):
            seen.append(counts)
            yield counts

    monkeypatch.setattr(bootstrap, "_draws", remember)
    found = bootstrap.intervals(predictions, ABAW1, replicates=40)
    names = np.unique(np.char.add("subject:", predictions.subject))
    slow = []
    for counts in np.concatenate(seen):
        rows = [
            np.flatnonzero(np.char.add("subject:", predictions.subject) == name)
            for name, times in zip(names, counts, strict=True)
            for _ in range(int(times))
        ]
        slow.append(evaluate(predictions.select(np.concatenate(rows)), ABAW1))
    for name in ("expr/f1", "au/f1", "au/accuracy", "va/arousal_ccc", "overall"):
        values = [scores.headline()[name] for scores in slow]
        low, high = np.percentile(values, [2.5, 97.5])
        assert found.values[name].low == pytest.approx(low)
        assert found.values[name].high == pytest.approx(high)


def test_drawing_in_pieces_changes_nothing(make, monkeypatch):
    whole = bootstrap.intervals(make(), ABAW1, replicates=50)
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 300)
    pieces = bootstrap.intervals(make(), ABAW1, replicates=50)
    for name, interval in whole.values.items():
        assert pieces.values[name].low == pytest.approx(interval.low)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Each person's rows agree, so drawing rows would cover about 3 times in 4."""
    random = np.random.default_rng(0)
    by_subject, by_row, trials = 0, 0, 120
    for trial in range(trials):
        right = random.random(60) < 0.7
        alone = np.arange(180).astype(str)
        for subject in (None, alone):
            found = bootstrap.intervals(
                people(right, subject=subject), WORDS, replicates=200, seed=trial
            ).values["expr/accuracy"]
            covers = found.low <= 0.7 <= found.high
            by_subject += covers and subject is None
            by_row += covers and subject is not None
    assert 0.88 <= by_subject / trials <= 0.99
    assert by_row / trials < 0.85


def test_more_people_give_a_narrower_interval(make):
    few = bootstrap.intervals(make(200, 30), ABAW1, replicates=200).values
    many = bootstrap.intervals(make(3200, 480), ABAW1, replicates=200).values
    assert width(many["overall"]) < 0.5 * width(few["overall"])


def test_a_lower_level_gives_a_narrower_interval(make):
    wide = bootstrap.intervals(make(), ABAW1, replicates=200).values["overall"]
    narrow = bootstrap.intervals(make(), ABAW1, replicates=200, level=0.5)
    assert width(narrow.values["overall"]) < 0.6 * width(wide)


def test_one_person_has_scores_and_no_interval():
    subject = np.asarray(["me"] * 6)
    found = bootstrap.intervals(people([1, 0], subject=subject), WORDS, replicates=20)
    assert found.subjects == 1
    assert found.values["expr/accuracy"] == bootstrap.Interval(0.5, None, None)


def test_a_unit_that_one_person_has_labels_for_gets_no_interval(make):
    predictions = make()
    predictions.masks["au"][:, 0] = predictions.subject == predictions.subject[0]
    found = bootstrap.intervals(predictions, ABAW1, replicates=50).values
    assert found["au/f1/AU1"].low is None
    assert found["au/f1/AU2"].low is not None


def test_rows_of_unknown_people_stand_for_themselves():
    unknown = people([1, 0, 1, 0], subject=np.asarray([""] * 12))
    assert bootstrap.intervals(unknown, WORDS, replicates=20).subjects == 12
    mixed = people([1, 0], subject=np.asarray(["", "", "0", "1", "1", ""]))
    assert bootstrap.intervals(mixed, WORDS, replicates=20).subjects == 5


def test_tasks_without_labels_are_left_out_and_json_has_no_nan(make):
    predictions = make()
    predictions.masks["au"][:] = 0
    predictions.masks["va"][4:] = 0  # so few that some replicates have none
    predictions.masks["va"][:4] = 1
    found = bootstrap.intervals(predictions, ABAW1, replicates=100)
    assert not any(name.startswith("au") for name in found.values)
    json.dumps(found.to_json(), allow_nan=False)
    for task in predictions.masks:
        predictions.masks[task][:] = 0
    assert bootstrap.intervals(predictions, ABAW1, replicates=5).values == {}
    assert bootstrap.compare(predictions, predictions, ABAW1, replicates=5).values == {}


def test_a_better_system_on_the_same_rows_differs_clearly(make):
    found = bootstrap.compare(make(noise=1.5), make(noise=0.5), ABAW1, replicates=200)
    for name in ("expr/accuracy", "au/f1", "va/ccc", "overall"):
        row = found.values[name]
        assert row.delta == pytest.approx(row.second - row.first)
        assert 0 < row.low < row.delta < row.high
    assert found.values["va/valence_rmse"].high < 0


def test_a_system_does_not_differ_from_itself(make):
    found = bootstrap.compare(make(), make(), ABAW1, replicates=50)
    for row in found.values.values():
        assert (row.delta, row.low, row.high) == (0, 0, 0)


def test_a_paired_interval_is_narrower_than_the_systems_own(make):
    """Two systems that differ on a handful of rows."""
    first = make()
    scores = first.scores["va"].copy()
    scores[::20] *= 0.5
    second = dataclasses.replace(first, scores={**first.scores, "va": scores})
    paired = bootstrap.compare(first, second, ABAW1, replicates=200)
    alone = bootstrap.intervals(first, ABAW1, replicates=200)
    assert width(paired.values["va/ccc"]) < 0.5 * width(alone.values["va/ccc"])


def test_systems_are_compared_on_the_tasks_that_both_score(make):
    first = make()
    second = dataclasses.replace(first, scores={"va": first.scores["va"]})
    found = bootstrap.compare(first, second, ABAW1, replicates=20).values
    assert {name.split("/")[0] for name in found} == {"va", "overall", "abaw3"}


def test_systems_on_other_rows_are_not_compared(make):
    with pytest.raises(ValueError, match="same rows"):
        bootstrap.compare(make(seed=0), make(seed=1), ABAW1)


@pytest.mark.parametrize("options", [{"replicates": 0}, {"level": 1.0}, {"level": 0}])
def test_options_out_of_range_are_refused(make, options):
    with pytest.raises(ValueError, match="must draw"):
        bootstrap.intervals(make(), ABAW1, **options)


def test_a_validation_split_takes_a_second_or_two(make):
    predictions = make(2439, 1400)
    start = time.perf_counter()
    bootstrap.intervals(predictions, ABAW1)
    assert time.perf_counter() - start < 3
