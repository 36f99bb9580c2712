import pathlib

import numpy as np
import pytest
from matplotlib import text as matplotlib_text
from matplotlib.figure import Figure

from affect_tf.evaluation import bootstrap
from affect_tf.evaluation import faces
from affect_tf.evaluation import plots
from affect_tf.evaluation.evaluator import evaluate
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW2


def words(figure):
    """All the text that a figure shows."""
    found = figure.findobj(matplotlib_text.Text)
    return [entry.get_text() for entry in found if entry.get_text()]


def test_every_figure_becomes_a_png(make):
    scores = evaluate(make(), ABAW1)
    figures = plots.score_figures(scores, make())
    assert list(figures) == ["confusion", "action_units", "valence_arousal"]
    for figure in figures.values():
        assert isinstance(figure, Figure)
        png = plots.figure_to_png(figure, dpi=40)
        assert png.startswith(b"\x89PNG\r\n")


def test_tasks_without_labels_have_no_figure(make):
    predictions = make()
    predictions.masks["au"][:] = 0
    figures = plots.score_figures(evaluate(predictions, ABAW1), predictions)
    assert list(figures) == ["confusion", "valence_arousal"]


def test_confusion_shows_names_counts_and_shares(make):
    scores = evaluate(make(), ABAW1).expr
    figure = plots.confusion_figure(scores)
    shown = words(figure)
    for name in ABAW1.expressions:
        assert name in shown
        assert f"{name}  ({scores.by_class[name].labels:,})" in shown
    assert str(scores.confusion[0][0]) in shown
    shares = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_class_without_rows_is_drawn_empty(make):
    predictions = make()
    predictions.masks["expr"][predictions.labels["expr"] == 3] = 0
    figure = plots.confusion_figure(evaluate(predictions, ABAW1).expr)
    shares = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shares[3], 0)


def test_action_units_show_f1_prevalence_whiskers_and_gaps(make):
    predictions = make(taxonomy=ABAW2)
    predictions.masks["au"][:, 4] = 0
    scores = evaluate(predictions, ABAW2).au
    found = bootstrap.intervals(predictions, ABAW2, replicates=20).values
    figure = plots.action_unit_figure(scores, found)
    shown = words(figure)
    assert set(ABAW2.action_units) <= set(shown)
    assert shown.count("no labels") == 1
    assert f"{scores.by_unit['AU1'].f1:.3f}" in shown
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    assert bars == [unit.f1 or 0 for unit in scores.by_unit.values()]
    plain = plots.action_unit_figure(scores)
    assert len(figure.axes[0].lines) - len(plain.axes[0].lines) == 11


@pytest.mark.parametrize("num_rows", [5, 300, 3000])
def test_valence_and_arousal_state_their_ccc(make, num_rows):
    predictions = make(num_rows)
    predictions.masks["va"][0] = 1
    scores = evaluate(predictions, ABAW1).va
    figure = plots.valence_arousal_figure(predictions)
    titles = " ".join(words(figure))
    assert f"Valence: CCC {scores.valence_ccc:.3f}" in titles
    assert f"Arousal: CCC {scores.arousal_ccc:.3f}" in titles
    assert f"label ({scores.labels:,} rows)" in titles
    plots.figure_to_png(figure, dpi=40)


def test_without_labels_a_figure_says_so(make):
    predictions = make()
    for task in predictions.masks:
        predictions.masks[task][:] = 0
    scores = evaluate(predictions, ABAW1)
    for figure in (
        plots.confusion_figure(scores.expr),
        plots.action_unit_figure(scores.au),
        plots.valence_arousal_figure(predictions),
    ):
        assert "label" in " ".join(words(figure))
        plots.figure_to_png(figure, dpi=40)


def test_faces_show_label_beside_prediction(make):
    predictions = make(3)
    predictions.labels["expr"][:] = [1, 4, 0]
    predictions.masks["expr"][:] = [1, 1, 0]
    predictions.scores["expr"][:] = np.eye(7)[[1, 0, 2]]
    predictions.labels["au"][:] = 0
    predictions.labels["au"][0, [0, 2]] = 1
    predictions.masks["au"][:] = [[1] * 8, [1] * 8, [0] * 8]
    predictions.scores["au"][:] = 0.1
    predictions.scores["au"][0, [0, 7]] = 0.9
    images = np.zeros((3, 16, 16, 3), np.uint8)
    figure = faces.face_figure(images, predictions, ABAW1)
    shown = "\n".join(words(figure))
    assert "anger 100%\n" in shown
    assert "neutral 100% ✗" in shown
    assert "disgust 100%\n" in shown
    assert "AU 1 4\n" in shown
    assert "AU 1 −4 +25" in shown
    assert "AU none" in shown
    assert "AU –" in shown
    assert len(figure.axes) == 3
    plots.figure_to_png(figure, dpi=40)


def test_faces_work_for_a_model_or_a_data_set_with_one_task(make):
    predictions = make(2)
    images = np.zeros((2, 8, 8, 3), np.uint8)
    for task in ("expr", "au"):
        del predictions.scores[task]
    faces.face_figure(images, predictions, ABAW1)
    predictions.labels.clear()
    predictions.masks.clear()
    shown = words(faces.face_figure(images, predictions, ABAW1))
    assert any("valence –" in entry for entry in shown)


def test_as_many_faces_as_rows_are_needed(make):
    with pytest.raises(ValueError, match="one picture a row"):
        faces.face_figure(np.zeros((2, 8, 8, 3), np.uint8), make(3), ABAW1)


def test_figures_leave_no_global_state():
    for module in (plots, faces):
        source = pathlib.Path(module.__file__).read_text()
        assert "pyplot" not in source
