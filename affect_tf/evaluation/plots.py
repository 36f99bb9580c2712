"""Pictures of the scores, for a log, a report or a page.

Figures are made with matplotlib's object interface, so no window, no global state and
no thread is involved. Colours are of the Okabe-Ito palette and of maps that grow evenly
darker; nothing is said by colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from affect_tf.evaluation import metrics
from affect_tf.evaluation.bootstrap import Interval
from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.scores import ActionUnitScores
from affect_tf.evaluation.scores import ExpressionScores
from affect_tf.evaluation.scores import Scores
from affect_tf.labels.taxonomy import VA_DIMENSIONS

BLUE = "#0072B2"
ORANGE = "#D55E00"
INK = "#222222"
GREY = "#767676"
RULE = "#D9D9D9"

#: Above this many points a scatter would be a blot: density is drawn instead.
_DENSE = 600


def figure_to_png(figure: Figure, dpi: int = 120) -> bytes:
    """Returns the figure as the bytes of a PNG."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white")
    return stream.getvalue()


def score_figures(
    scores: Scores,
    predictions: Predictions,
    intervals: Mapping[str, Interval] | None = None,
) -> dict[str, Figure]:
    """Returns a figure of each task that has labels, by a name that suits a file.

    Args:
      scores: Of `predictions`.
      predictions: The rows behind the scores.
      intervals: `bootstrap.Intervals.values`, for whiskers.
    """
    figures = {}
    if "expr" in scores.tasks:
        figures["confusion"] = confusion_figure(scores.expr)
    if "au" in scores.tasks:
        figures["action_units"] = action_unit_figure(scores.au, intervals)
    if "va" in scores.tasks:
        figures["valence_arousal"] = valence_arousal_figure(predictions)
    return figures


def confusion_figure(scores: ExpressionScores) -> Figure:
    """Draws the confusion matrix: shares of a row as shade, counts as numbers.

    Args:
      scores: Of the `expr` task; without labels, a picture that says so.

    Returns:
      A figure of labels down and predictions across, in the taxonomy's order.
    """
    names = list(scores.by_class)
    if not scores.labels:
        return _nothing(f"Expression: {scores.reason}")
    counts = np.asarray(scores.confusion, np.float64)
    shares = metrics.ratio(counts, counts.sum(axis=1, keepdims=True), 0.0)
    size = 2.6 + 0.62 * len(names)
    figure = _figure(size, size - 0.9)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    positions = range(len(names))
    axes.set_xticks(positions, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        positions,
        [f"{name}  ({scores.by_class[name].labels:,})" for name in names],
    )
    axes.set_xlabel("predicted")
    axes.set_ylabel("labelled  (rows)")
    axes.set_title(
        f"Expression: accuracy {scores.accuracy:.3f}, macro F1 {scores.f1:.3f}",
        loc="left",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(1, len(names)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(names)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for row, column in np.ndindex(*counts.shape):
        share, count = shares[row, column], int(counts[row, column])
        color = "white" if share > 0.65 else (INK if count else GREY)
        weight = "bold" if row == column else "normal"
        style = {"ha": "center", "color": color}
        axes.text(column, row, f"{count:,}", va="bottom", weight=weight, **style)
        if count:
            percent = "<1%" if share < 0.005 else f"{share:.0%}"
            axes.text(column, row + 0.06, percent, va="top", fontsize=7, **style)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=0))
    bar.set_label("share of the labelled rows", color=GREY)
    return figure


def action_unit_figure(
    scores: ActionUnitScores, intervals: Mapping[str, Interval] | None = None
) -> Figure:
    """Draws the F1 of each action unit beside how often the unit occurs.

    Args:
      scores: Of the `au` task; without labels, a picture that says so.
      intervals: `bootstrap.Intervals.values`, for whiskers.

    Returns:
      A figure with one bar a unit, in the taxonomy's order. A unit without labels
      has no bar and says so.
    """
    if not scores.labels:
        return _nothing(f"Action units: {scores.reason}")
    names = list(scores.by_unit)
    units = [scores.by_unit[name] for name in names]
    figure = _figure(6.4, 1.5 + 0.34 * len(names))
    axes = figure.add_subplot()
    positions = np.arange(len(names))
    labelled = [unit.f1 is not None for unit in units]
    axes.barh(positions, [unit.f1 or 0 for unit in units], 0.62, color=BLUE)
    axes.plot(
        [unit.prevalence for unit in np.asarray(units, object)[labelled]],
        positions[labelled],
        linestyle="none",
        marker="D",
        color=ORANGE,
        markeredgecolor="white",
        markersize=7,
    )
    style = {"va": "center", "fontsize": 8}
    for position, (name, unit) in enumerate(zip(names, units, strict=True)):
        if unit.f1 is None:
            axes.text(0.01, position, "no labels", color=GREY, **style)
            continue
        whisker = (intervals or {}).get(f"au/f1/{name}")
        if whisker is not None and whisker.low is not None:
            axes.plot([whisker.low, whisker.high], [position] * 2, color=INK, lw=1.4)
        axes.text(1.02, position, f"{unit.f1:.3f}", color=INK, **style)
        note = f"{unit.positive:,} of {unit.labels:,}"
        axes.text(1.13, position, note, color=INK, **style)
    for left, heading in ((1.02, "F1"), (1.13, "positive of labelled")):
        axes.text(left, -0.75, heading, color=GREY, **style)
    axes.axvline(scores.f1, color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.set_yticks(positions, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("F1 (bars; dashed: their mean) and prevalence (diamonds)")
    axes.set_title(
        f"Action units: mean F1 {scores.f1:.3f}, total accuracy {scores.accuracy:.3f}",
        loc="left",
        pad=16,
    )
    return figure


def valence_arousal_figure(predictions: Predictions) -> Figure:
    """Draws prediction against label for valence and for arousal.

    Args:
      predictions: Rows whose `va` mask is 0 are left out; without any other, a picture
        that says so.

    Returns:
      A figure of two panels, points where they are few and density where many, with
      CCC and r in the titles and the line on which prediction equals label.
    """
    mask = predictions.masks.get("va")
    if mask is None or "va" not in predictions.scores or not (mask > 0).any():
        return _nothing("Valence and arousal: no labels")
    kept = mask > 0
    figure = _figure(9.2, 4.1)
    panels = figure.subplots(1, 2)
    for column, (name, axes) in enumerate(zip(VA_DIMENSIONS, panels, strict=True)):
        labels = predictions.labels["va"][kept, column]
        predicted = predictions.scores["va"][kept, column]
        sums = metrics.moments(labels, predicted, np.ones(len(labels)))
        _density(axes, labels, predicted)
        axes.plot([-1, 1], [-1, 1], color=ORANGE, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlim=(-1.03, 1.03), ylim=(-1.03, 1.03), aspect="equal")
        axes.set_xticks(np.linspace(-1, 1, 5))
        axes.set_yticks(np.linspace(-1, 1, 5))
        axes.set_xlabel(f"label ({len(labels):,} rows)")
        axes.set_ylabel("prediction")
        axes.grid(color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(
            f"{name.capitalize()}: CCC {metrics.concordance(sums):.3f}, "
            f"r {metrics.pearson(sums):.3f}",
            loc="left",
        )
    return figure


def _density(axes: Axes, labels: np.ndarray, predicted: np.ndarray) -> None:
    if len(labels) <= _DENSE:
        alpha = 0.75 if len(labels) <= 150 else 0.45
        axes.scatter(labels, predicted, s=16, color=BLUE, alpha=alpha, linewidth=0)
        return
    drawn = axes.hexbin(
        labels,
        predicted,
        gridsize=36,
        extent=(-1, 1, -1, 1),
        mincnt=1,
        norm=LogNorm(vmin=1),
        cmap="viridis_r",
        linewidths=0.2,
    )
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.75, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("rows", color=GREY, labelpad=2)
    bar.ax.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    bar.ax.yaxis.set_minor_locator(ticker.NullLocator())


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="compressed")
    FigureCanvasAgg(figure)
    return figure


def _nothing(message: str) -> Figure:
    figure = _figure(5.0, 1.4)
    figure.text(0.5, 0.5, message, ha="center", va="center", color=GREY)
    return figure
