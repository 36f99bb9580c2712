import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest
import rich.console

from affect_tf.objective.tasks import Expression
from affect_tf.studies import documents
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from affect_tf.studies.table import mean_scores
from affect_tf.studies.table import Result
from affect_tf.studies.table import Summary
from affect_tf.studies.table import Table
from configs import deng2020_small

CONFIG = deng2020_small.config()
#: Two-sided 95% quantiles of Student's t, as printed tables have them.
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


def table(values, seeds=None, metrics=("expr/f1", "overall"), **arms):
    """A study of arms "a" and "b" with {arm: {seed: {metric: value}}}."""
    made = {name: Arm(name, CONFIG) for name in values} | arms
    study = Study("A | B", tuple(made.values()), (Comparison("a", "b"),), metrics)
    results = tuple(
        Result(name, seed, scores, (f"runs/{name}/seed-{seed}",))
        for name, by_seed in values.items()
        for seed, scores in by_seed.items()
    )
    return Table(study, results, seeds or tuple(sorted(values["a"])))


def random_values(count, metrics=("expr/f1", "overall")):
    rng = np.random.default_rng(count)
    return {
        arm: {
            seed: {metric: float(rng.normal(0.5, 0.1)) for metric in metrics}
            for seed in range(1, count + 1)
        }
        for arm in ("a", "b")
    }


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_means_spreads_and_intervals_are_those_of_plain_loops(count):
    values = random_values(count)
    made = table(values)
    for metric in ("expr/f1", "overall"):
        plain = [values["a"][seed][metric] for seed in range(1, count + 1)]
        mean = sum(plain) / count
        deviation = math.sqrt(sum((x - mean) ** 2 for x in plain) / (count - 1))
        summary = made.summary("a", metric)
        assert summary.mean == pytest.approx(mean, rel=1e-12)
        assert summary.deviation == pytest.approx(deviation, rel=1e-12)

        pairs = [
            values["b"][seed][metric] - values["a"][seed][metric]
            for seed in range(1, count + 1)
        ]
        mean = sum(pairs) / count
        deviation = math.sqrt(sum((x - mean) ** 2 for x in pairs) / (count - 1))
        half = T[count - 1] * deviation / math.sqrt(count)
        difference = made.difference(Comparison("a", "b"), metric)
        assert difference.by_seed.mean == pytest.approx(mean, rel=1e-12)
        assert difference.interval[0] == pytest.approx(mean - half, abs=1e-3 * half)
        assert difference.interval[1] == pytest.approx(mean + half, abs=1e-3 * half)
        assert difference.better == sum(1 for x in pairs if x > 0)


def test_one_seed_has_neither_spread_nor_interval_and_none_has_no_summary():
    made = table(random_values(1))
    assert made.summary("a", "overall").deviation is None
    assert made.difference(Comparison("a", "b"), "overall").interval is None
    assert Summary.of({}) is None


def test_pairs_are_made_of_the_seeds_that_both_arms_have():
    values = {
        "a": {1: {"expr/f1": 0.1}, 3: {"expr/f1": 0.5}},
        "b": {3: {"expr/f1": 0.6}, 1: {"expr/f1": 0.3}, 2: {"expr/f1": 9.0}},
    }
    difference = table(values, (1, 2, 3)).difference(Comparison("a", "b"), "expr/f1")
    assert difference.by_seed.values == pytest.approx({1: 0.2, 3: 0.1})


def test_less_of_an_error_is_better_and_a_tie_is_for_nobody():
    numbers = {1: (0.3, 0.2), 2: (0.3, 0.4), 3: (0.3, 0.3)}
    names = ("va/valence_rmse", "va/valence_ccc")
    values = {
        arm: {s: dict.fromkeys(names, v[i]) for s, v in numbers.items()}
        for i, arm in enumerate(("a", "b"))
    }
    made = table(values, metrics=names)
    for name in names:
        assert made.difference(Comparison("a", "b"), name).better == 1
    lower = {s: {names[0]: v[0] - 0.1, names[1]: v[0]} for s, v in numbers.items()}
    made = table({"a": values["a"], "b": lower}, metrics=names)
    assert made.difference(Comparison("a", "b"), names[0]).better == 3
    assert made.difference(Comparison("a", "b"), names[1]).better == 0


def test_sums_over_other_tasks_are_not_compared():
    narrow = Arm("b", dataclasses.replace(CONFIG, tasks=(Expression(),)))
    made = table(random_values(3), b=narrow)
    assert made.difference(Comparison("a", "b"), "overall") is None
    assert made.difference(Comparison("a", "b"), "expr/f1") is not None
    assert "same tasks only" in documents.markdown(made, documents.Origin("x", "data"))


def test_the_papers_difference_is_told_where_both_numbers_are():
    arms = {
        "a": Arm("a", CONFIG, paper={"expr/f1": 0.5, "overall": 1.0}),
        "b": Arm("b", CONFIG, paper={"expr/f1": 0.53}),
    }
    made = table(random_values(3), **arms)
    first, second = made.differences()
    assert first.paper == pytest.approx(0.03)
    assert second.paper is None
    page = documents.markdown(made, documents.Origin("x", "data"))
    assert "(0.530)" in page
    assert "+0.030" in page


def test_a_result_of_another_study_or_a_second_one_is_refused():
    values = random_values(2)
    made = table(values)
    for extra in (made.results[0], Result("c", 1, {}, ()), Result("a", 9, {}, ())):
        with pytest.raises(ValueError, match="at most once"):
            Table(made.study, (*made.results, extra), made.seeds)


def test_students_count_by_their_mean_over_the_metrics_that_all_have():
    scores = [{"expr/f1": 0.2, "overall": 1.0}, {"expr/f1": 0.4}]
    assert mean_scores(scores) == {"expr/f1": pytest.approx(0.3)}


def test_json_and_csv_hold_every_seed_with_its_runs():
    values = random_values(3)
    made = table(values)
    stored = json.loads(documents.to_json(made, documents.Origin("x", "folder"), {}))
    assert (stored["study"], stored["data"], stored["seeds"]) == (
        "x",
        "folder",
        [1, 2, 3],
    )
    for arm in stored["arms"]:
        for entry in arm["by_seed"]:
            assert entry["scores"] == values[arm["name"]][entry["seed"]]
            assert entry["runs"] == [f"runs/{arm['name']}/seed-{entry['seed']}"]
            assert entry["config_seed"] == 100 * entry["seed"]
    lines = [*csv.DictReader(io.StringIO(documents.to_csv(made)))]
    assert len(lines) == 2 * 3 * 2
    for line in lines:
        expected = values[line["arm"]][int(line["seed"])][line["metric"]]
        assert float(line["value"]) == expected


def test_pages_and_terminals_show_what_is_missing():
    values = random_values(3)
    del values["b"][2]
    values["b"][1].pop("overall")
    values["b"][3].pop("overall")
    made = table(values)
    assert not made.is_complete
    page = documents.markdown(made, documents.Origin("x", "data"))
    assert "Incomplete: 5 of 6" in page
    assert "The same command goes on, without `--overwrite`" in page
    assert "not in every arm alike" in page
    console = rich.console.Console(width=120, record=True, file=io.StringIO())
    for shown in documents.console_tables(made):
        console.print(shown)
    text = console.export_text()
    assert "incomplete: 5 of 6" in text
    for shown in (page, text):
        assert "–" in shown
        assert "of 2" in shown


def test_a_bar_in_a_name_does_not_break_the_page():
    values = {"a | b": random_values(2)["a"], "a": random_values(2)["a"]}
    study = Study("t", tuple(Arm(name, CONFIG) for name in values))
    results = tuple(
        Result(arm, seed, scores, ())
        for arm, by_seed in values.items()
        for seed, scores in by_seed.items()
    )
    page = documents.markdown(
        Table(study, results, (1, 2)), documents.Origin("x", "data")
    )
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in rows} == {4}
