"""What a comparison says of two sets of predictions."""

import dataclasses
import io

import numpy as np
import pytest
import rich.console

from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving.formats import compare

TAXONOMY = Taxonomy("small", ("neutral", "anger"), ("AU1",))
LIMITS = {"AU1": 0.25}


def predictions(**scores):
    base = {
        "expr": np.float32([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]),
        "au": np.float32([[0.1], [0.2], [0.3], [0.4]]),
        "va": np.float32([[-0.5, 0], [0, 0.5], [0.5, 0], [1, 1]]),
    }
    return Predictions(
        scores=base | scores,
        labels={
            "expr": np.int32([0, 0, 1, 1]),
            "au": np.float32([[0], [0], [1], [1]]),
            "va": base["va"],
        },
        masks={"expr": np.ones(4), "au": np.ones([4, 1]), "va": np.ones(4)},
        subject=np.array([""] * 4),
        key=np.array(list("abcd")),
    )


def compared(**scores):
    return compare.compare(
        "tflite_int8",
        "model_int8.tflite",
        6_000_000,
        predictions(),
        predictions(**scores),
        TAXONOMY,
        LIMITS,
    )


def test_equal_predictions_lose_nothing():
    found = compared()
    assert set(found.lost) == set(compare.METRICS)
    assert set(found.lost.values()) == {0.0}
    assert set(found.largest.values()) == {0.0}
    assert found.warnings == ()


def test_one_label_that_changes_is_counted_and_said_loudly():
    found = compared(expr=np.float32([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.4, 0.6]]))
    assert found.lost["expr/accuracy"] == pytest.approx(0.25)
    assert found.largest["expression_scores"] == pytest.approx(0.4)
    assert found.mean["expression_scores"] == pytest.approx(0.1)
    (accuracy, f1) = found.warnings
    assert "loses 0.250 of expr/accuracy: 0.750 instead of 1.000" in accuracy
    assert "expr/f1" in f1
    assert found.to_json()["warnings"] == [accuracy, f1]


def test_action_units_are_compared_at_the_thresholds_that_are_shipped():
    assert compared(au=np.float32([[0.1], [0.2], [0.26], [0.4]])).warnings == ()
    assert compared(au=np.float32([[0.1], [0.2], [0.24], [0.4]])).warnings != ()


def test_a_format_that_happens_to_score_better_is_not_warned_of():
    worse, better = predictions(au=np.float32([[0.9]] * 4)), predictions()
    found = compare.compare("onnx", "model.onnx", 1, worse, better, TAXONOMY, LIMITS)
    assert found.lost["au/f1"] < 0
    assert found.warnings == ()


def test_a_task_without_labels_has_a_difference_but_no_score():
    def unlabelled():
        one = predictions()
        return dataclasses.replace(one, masks=one.masks | {"va": np.zeros(4)})

    found = compare.compare(
        "onnx", "model.onnx", 1, unlabelled(), unlabelled(), TAXONOMY, LIMITS
    )
    assert "va/valence_ccc" not in found.scores
    assert found.largest["valence_arousal"] == 0
    assert "–" in shown([found])


def shown(comparisons):
    text = io.StringIO()
    console = rich.console.Console(file=text, width=100)
    console.print(compare.table(comparisons))
    return text.getvalue()


def test_the_table_shows_the_worst_loss_of_each_task():
    lines = shown([compared(au=np.float32([[0.3], [0.2], [0.3], [0.4]]))]).splitlines()
    (row,) = (line for line in lines if "tflite_int8" in line)
    assert row.split() == ["tflite_int8", "6.0", "0.2", "+0.0000", "+0.2500", "+0.0000"]


def test_other_rows_are_refused():
    with pytest.raises(ValueError, match="same rows"):
        compare.compare(
            "onnx",
            "model.onnx",
            1,
            predictions(),
            predictions().select(np.array([0, 1])),
            TAXONOMY,
            LIMITS,
        )
