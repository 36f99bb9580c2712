"""A study's table as pictures: one panel a metric, one line an arm or a difference."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import lines
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from affect_tf.evaluation.plots import BLUE
from affect_tf.evaluation.plots import GREY
from affect_tf.evaluation.plots import INK
from affect_tf.evaluation.plots import ORANGE
from affect_tf.evaluation.plots import RULE
from affect_tf.studies.documents import metric_name
from affect_tf.studies.table import LEVEL
from affect_tf.studies.table import Summary
from affect_tf.studies.table import Table

#: Panels beside each other, at most.
_COLUMNS = 4
#: How far the points of single seeds stand below their line.
_BELOW = 0.24


def figures(table: Table) -> dict[str, Figure]:
    """Returns the pictures of a study, by a name that suits a file.

    Args:
      table: With at least one result.

    Returns:
      "scores", and "differences" where the study compares arms that have numbers.
    """
    found = {"scores": score_figure(table)}
    if table.differences():
        found["differences"] = difference_figure(table)
    return found


def score_figure(table: Table) -> Figure:
    """Draws each metric of each arm: seeds as points, mean and standard deviation."""
    study = table.study
    names = [arm.name for arm in study.arms]
    figure, panels = _panels(names, study.metrics, table, "standard deviation")
    for metric, axes in zip(study.metrics, panels, strict=True):
        for row, arm in enumerate(study.arms):
            summary = table.summary(arm.name, metric)
            paper = arm.paper.get(metric)
            half = None if summary is None else summary.deviation
            bar = None if not half else (summary.mean - half, summary.mean + half)
            _draw(axes, row, summary, bar, paper)
    return figure


def difference_figure(table: Table) -> Figure:
    """Draws each paired difference with its interval, beside a line at zero."""
    study = table.study
    names = [f"{each.arm}\nminus {each.baseline}" for each in study.comparisons]
    figure, panels = _panels(names, study.metrics, table, f"{LEVEL:.0%} t interval")
    for metric, axes in zip(study.metrics, panels, strict=True):
        axes.axvline(0.0, color=GREY, linewidth=1, zorder=1)
        for row, comparison in enumerate(study.comparisons):
            difference = table.difference(comparison, metric)
            if difference is None:
                _draw(axes, row, None, None, None)
            else:
                paper = difference.paper
                _draw(axes, row, difference.by_seed, difference.interval, paper)
    return figure


def _draw(
    axes: Axes,
    row: int,
    summary: Summary | None,
    bar: tuple[float, float] | None,
    paper: float | None,
) -> None:
    """Draws one line of a panel; one without numbers says so."""
    if summary is None:
        where = axes.get_yaxis_transform()
        style = {"color": GREY, "va": "center", "ha": "center", "style": "italic"}
        axes.text(0.5, row, "none", transform=where, backgroundcolor="white", **style)
    else:
        values = list(summary.values.values())
        axes.plot(values, [row + _BELOW] * len(values), **_SEED)
        if bar is not None:
            axes.plot(bar, [row, row], **_BAR)
        axes.plot([summary.mean], [row], **_MEAN)
    if paper is not None:
        axes.plot([paper], [row], **_PAPER)


_SEED = {"marker": "o", "color": GREY, "linestyle": "", "markersize": 4, "alpha": 0.8}
_BAR = {"color": BLUE, "linewidth": 2, "solid_capstyle": "butt"}
_MEAN = {"marker": "o", "color": BLUE, "linestyle": "", "markersize": 8}
_PAPER = {
    "marker": "D",
    "color": ORANGE,
    "linestyle": "",
    "markersize": 7,
    "markerfacecolor": "none",
    "markeredgewidth": 1.6,
}


def _panels(
    names: Sequence[str], metrics: Sequence[str], table: Table, bar: str
) -> tuple[Figure, list[Axes]]:
    """Returns a figure with an empty panel a metric, its lines named at the left."""
    rows = -(-len(metrics) // _COLUMNS)
    columns = -(-len(metrics) // rows)
    label = 0.075 * max(len(line) for name in names for line in name.splitlines())
    high = 0.75 + 0.5 * len(names)
    figure = Figure(
        figsize=(label + 2.4 * columns + 0.4, high * rows + 0.9), layout="constrained"
    )
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    for spare in grid[len(metrics) :]:
        spare.set_visible(False)
    for metric, axes in zip(metrics, grid, strict=False):
        axes.set_title(metric_name(metric), loc="left", fontsize=10)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(4))
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9, labelcolor=INK)
        axes.spines[:].set_visible(False)
    state = "" if table.is_complete else "  (incomplete)"
    figure.suptitle(f"{table.study.title}{state}", x=0.01, ha="left", fontsize=11)
    _legend(figure, table, bar)
    return figure, list(grid[: len(metrics)])


def _legend(figure: Figure, table: Table, bar: str) -> None:
    entries = [
        lines.Line2D([], [], **_MEAN, label="mean"),
        lines.Line2D([], [], **_BAR, label=bar),
        lines.Line2D([], [], **_SEED, label="one seed"),
    ]
    if any(arm.paper for arm in table.study.arms):
        entries.append(lines.Line2D([], [], **_PAPER, label="paper"))
    figure.legend(
        handles=entries,
        loc="outside lower left",
        ncols=len(entries),
        frameon=False,
        fontsize=9,
    )
