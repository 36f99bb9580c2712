import io
import json

import pytest
from rich.console import Console

from affect_tf.evaluation import bootstrap
from affect_tf.evaluation import report
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW3


def rendered(table, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    return stream.getvalue()


def measured(make, taxonomy=ABAW1, num_rows=2439):
    predictions = make(num_rows, 1400, taxonomy=taxonomy)
    scores = evaluate(predictions, taxonomy)
    return scores, bootstrap.intervals(predictions, taxonomy, replicates=20)


def test_every_table_fits_eighty_columns_uncut(make):
    scores, intervals = measured(make, ABAW3)
    comparison = bootstrap.compare(
        make(taxonomy=ABAW3), make(taxonomy=ABAW3, noise=2.0), ABAW3, replicates=20
    )
    for table in (
        report.summary_table(scores, intervals),
        report.class_table(scores, intervals),
        report.unit_table(scores, intervals),
        report.comparison_table(comparison, ("teacher", "student-0"), details=True),
    ):
        text = rendered(table)
        assert all(len(line) <= 80 for line in text.splitlines())
        # An ellipsis stands between the ends of an interval and nowhere else.
        assert "…" not in text.replace(" … ", " ")


def test_the_summary_shows_scores_intervals_and_labels(make):
    scores, intervals = measured(make)
    text = rendered(report.summary_table(scores, intervals))
    overall = intervals.values["overall"]
    assert f"{scores.overall:.3f}" in text
    assert f"{overall.low:.3f} … {overall.high:.3f}" in text
    assert f"{scores.au.labels:,}" in text
    assert f"2,439 rows, {scores.subjects:,} subjects" in text
    assert "95% interval" in text
    assert "interval" not in rendered(report.summary_table(scores))


def test_a_task_without_labels_shows_its_reason(make):
    predictions = make()
    predictions.masks["au"][:] = 0
    scores = evaluate(predictions, ABAW1)
    intervals = bootstrap.intervals(predictions, ABAW1, replicates=20)
    text = rendered(report.summary_table(scores, intervals), 120)
    assert "no row of the split is labelled for it" in text
    assert "expr + va" in text
    assert "nan" not in text.lower()
    assert "left out of the mean" in rendered(report.unit_table(scores, intervals))


def test_every_class_and_unit_is_listed_by_name(make):
    scores, intervals = measured(make, num_rows=100)
    classes = rendered(report.class_table(scores))
    assert all(name in classes for name in ABAW1.expressions)
    units = rendered(report.unit_table(scores, intervals))
    assert all(name in units for name in ABAW1.action_units)


def test_a_class_without_labels_is_explained(make):
    predictions = make()
    predictions.masks["expr"][predictions.labels["expr"] == 0] = 0
    text = rendered(report.class_table(evaluate(predictions, ABAW1)))
    assert "counts as F1 0" in text


def test_a_comparison_shows_both_systems_and_the_signed_difference(make):
    found = bootstrap.compare(make(noise=2.0), make(), ABAW1, replicates=50)
    text = rendered(report.comparison_table(found, ("teacher", "student")))
    row = found.values["overall"]
    assert f"{row.first:.3f}" in text
    assert f"{row.delta:+.3f}" in text
    assert f"{row.low:+.3f} … {row.high:+.3f}" in text
    assert "F1 anger" not in text
    assert "F1 anger" in rendered(report.comparison_table(found, details=True))


def test_the_document_has_its_four_parts_and_no_nan(make, tmp_path):
    predictions = make()
    predictions.masks["va"][:] = 0
    scores = evaluate(predictions, ABAW1)
    intervals = bootstrap.intervals(predictions, ABAW1, replicates=20)
    path = tmp_path / "run" / "scores.json"
    report.write_json(path, scores, intervals, {"split": "validation"})

    def refuse(word):
        raise AssertionError(word)

    found = json.loads(path.read_text(), parse_constant=refuse)
    assert list(found) == ["scores", "intervals", "labels", "protocol"]
    assert found["scores"]["va"]["ccc"] is None
    assert found["scores"]["va"]["reason"]
    assert found["scores"]["expr"]["by_class"]["anger"]["f1"] > 0
    assert found["intervals"]["values"]["expr/f1"]["low"] > 0
    assert found["labels"]["tasks"]["va"] == 0
    assert found["labels"]["action_units"]["AU1"]["positive"] > 0
    assert found["protocol"] == {"split": "validation"}


def test_a_comparison_joins_the_document(make):
    found = bootstrap.compare(make(), make(noise=2.0), ABAW1, replicates=10)
    scores = evaluate(make(), ABAW1)
    document = report.document(scores, comparison=found)
    assert document["comparison"]["values"]["overall"]["delta"] < 0
    assert document["intervals"] is None
    json.dumps(document, allow_nan=False)


def test_a_protocol_with_nan_is_refused_and_nothing_is_written(make, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        report.write_json(
            tmp_path / "scores.json",
            evaluate(make(), ABAW1),
            protocol={"rate": float("nan")},
        )
    assert not list(tmp_path.iterdir())
