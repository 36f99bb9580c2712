"""Tables and the picture of what balancing did."""

import io

import numpy as np
import pandas as pd
import pytest
import rich.console
from PIL import Image

from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations
from tfrecords_builder import balance
from tfrecords_builder import balance_report

SMALL = Taxonomy("small", ("neutral", "fear"), ("AU1", "AU4", "AU45"))


def result(tasks=("expr", "au", "va"), balance_as="copies"):
    random = np.random.default_rng(0)
    rows = []
    for i in range(60):
        row = {"key": f"k{i}", "split": "train"}
        if "expr" in tasks:
            row["expression"] = "fear" if i % 6 == 0 else "neutral"
        if "au" in tasks:
            row |= {"AU1": float(i % 2), "AU4": float(i % 15 == 0), "AU45": 0.0}
        if "va" in tasks:
            row["valence"], row["arousal"] = random.normal(0, 0.2, 2).clip(-1, 1)
        rows.append(row)
    table = annotations.complete(pd.DataFrame(rows), SMALL, "made")
    plan = balance.parse(
        [f"{t}={m}" for t, m in METHODS.items() if t in tasks], (), balance_as
    )
    return balance.apply(table, SMALL, plan)


METHODS = {"expr": "equal", "au": "ml_ros,budget=5", "va": "bins"}


def printed(balanced):
    stream = io.StringIO()
    balance_report.show(balanced, rich.console.Console(file=stream, width=120))
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_the_tables_hold_the_numbers_before_and_after():
    lines = printed(result())
    assert "neutral 50 30 0.60" in lines
    assert "fear 10 30 3.00" in lines
    assert "all 60 60 1.00" in lines
    # Positives 30 and 4, of which 2 are both: ratios 1 and 7.5, mean 4.25. One clone
    # of a row with both makes them 31 and 5, one with AU4 alone 30 and 5: 6 at least.
    (row,) = [line for line in lines if line.startswith("AU4 ")]
    assert row.startswith("AU4 4 ")
    assert "7.50 -> " in row
    assert float(row.split()[-1]) <= 4.25
    assert "AU45 0 0 - - -> -" in lines
    assert any(line.startswith("labelled, mean ratio 60 ") for line in lines)
    assert any(line.startswith("note: va: ") for line in lines)


def test_tasks_without_labels_have_no_table_and_no_panel():
    lines = printed(result(("expr",)))
    assert any(line.startswith("expression (training)") for line in lines)
    assert not any(line.startswith(("action unit", "valence")) for line in lines)
    assert len(balance_report.figure(result(("expr",))).subfigs) == 1
    assert len(balance_report.figure(result(("expr", "va"))).subfigs) == 2


@pytest.mark.parametrize("form", ["copies", "weights"])
def test_the_picture_draws_every_number(form):
    balanced = result(balance_as=form)
    figure = balance_report.figure(balanced)
    classes, units, pair = figure.subfigs
    heights = [bar.get_height() for bar in classes.axes[0].patches]
    assert heights[:2] == [50, 10]
    assert heights[2:] == pytest.approx([30, 30])
    assert [bar.get_height() for bar in units.axes[0].patches][:3] == [30, 4, 0]
    for axes, grid in zip(
        pair.axes, (balanced.before.grid, balanced.after.grid), strict=False
    ):
        # Valence to the right, arousal upwards.
        drawn = axes.images[0].get_array().filled(0)
        np.testing.assert_array_equal(drawn, grid.T)
        assert axes.images[0].origin == "lower"
    image = Image.open(io.BytesIO(balance_report.png(balanced, dpi=50)))
    assert image.format == "PNG"
    assert image.size[0] == 450


def test_without_labels_the_picture_says_so():
    empty = result(())
    assert printed(empty) == []
    figure = balance_report.figure(empty)
    assert figure.texts[0].get_text() == "No training labels."
    assert balance_report.png(empty, dpi=50)


def test_equal_results_are_equal_pictures():
    assert balance_report.png(result(), 40) == balance_report.png(result(), 40)
