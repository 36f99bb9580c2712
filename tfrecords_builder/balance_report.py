"""What balancing did to the labels: tables for a terminal, a picture for a page.

The picture has the panels of Figure 2 in Deng et al. 2020: samples of each class,
positive labels of each action unit, and valence and arousal in 20 x 20 bins.
"""

from __future__ import annotations

import io

import numpy as np
import rich.console
import rich.table
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.figure import SubFigure

from tfrecords_builder import balance_units
from tfrecords_builder.balance import Balanced
from tfrecords_builder.balance_counts import Distribution

_BEFORE, _AFTER = "#B8B8B8", "#0072B2"
_INK, _GREY, _RULE = "#222222", "#767676", "#D9D9D9"


def show(balanced: Balanced, console: rich.console.Console) -> None:
    """Prints the notes, and a table for each task: before, after, and the change.

    Args:
      balanced: What `balance.apply` returned; a task without training labels has no
        table.
      console: Where people read.
    """
    for note in balanced.notes:
        console.print(f"note: {note}", markup=False)
    before, after = balanced.before, balanced.after
    if before.labelled["expr"]:
        table = _table("expression (training)")
        for name, count in before.expressions.items():
            table.add_row(name, *_cells(count, after.expressions[name]))
        table.add_row("all", *_cells(before.labelled["expr"], after.labelled["expr"]))
        _print(table, console)
    if before.labelled["au"]:
        table = _table("action unit (training)", "imbalance ratio")
        then, now = before.imbalance, after.imbalance
        for name, count in before.positives.items():
            change = f"{_ratio(then[name])} -> {_ratio(now[name])}"
            table.add_row(name, *_cells(count, after.positives[name]), change)
        change = f"{_mean_ratio(before)} -> {_mean_ratio(after)}"
        labels = _cells(before.labelled["au"], after.labelled["au"])
        table.add_row("labelled, mean ratio", *labels, change)
        _print(table, console)
    if before.labelled["va"]:
        table = _table("valence, arousal (training)")
        for name, count in (
            ("labelled", np.sum),
            ("in the fullest bin", np.max),
            ("in the emptiest occupied bin", _least),
        ):
            table.add_row(name, *_cells(count(before.grid), count(after.grid)))
        _print(table, console)


def png(balanced: Balanced, dpi: int = 120) -> bytes:
    """Returns `figure` as the bytes of a PNG file."""
    drawn, stream = figure(balanced), io.BytesIO()
    FigureCanvasAgg(drawn)
    # Without a date or a version in it, equal figures are equal files.
    drawn.savefig(
        stream,
        format="png",
        dpi=dpi,
        facecolor="white",
        metadata={"Software": None},
    )
    return stream.getvalue()


def figure(balanced: Balanced) -> Figure:
    """Draws the distributions before and after, a row of panels for each task.

    Args:
      balanced: What `balance.apply` returned.

    Returns:
      A figure with the tasks that have training labels; a line of text without any.
    """
    before, after = balanced.before, balanced.after
    there = [task for task, count in before.labelled.items() if count]
    heights = {"expr": 2.9, "au": 2.9, "va": 4.5}
    if not there:
        drawn = Figure(figsize=(5.0, 1.2))
        text = "No training labels."
        drawn.text(0.5, 0.5, text, ha="center", va="center", color=_GREY)
        return drawn
    size = (9.0, sum(heights[task] for task in there))
    drawn = Figure(figsize=size, layout="constrained")
    ratios = [heights[task] for task in there]
    rows = np.atleast_1d(drawn.subfigures(len(there), 1, height_ratios=ratios))
    for task, row in zip(there, rows, strict=True):
        if task == "expr":
            _bars(row.subplots(), before.expressions, after.expressions)
            row.axes[0].set_ylabel("samples")
            title = f"Expressions: {_change(before, after, task)} labels"
        elif task == "au":
            _bars(row.subplots(), before.positives, after.positives)
            row.axes[0].set_ylabel("positive labels")
            title = (
                f"Action units: mean imbalance ratio {_mean_ratio(before)} \u2192 "
                f"{_mean_ratio(after)}"
            )
        else:
            _grids(row, before.grid, after.grid)
            title = f"Valence and arousal: {_change(before, after, task)} labels"
        row.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=11)
    if balanced.sampling:
        drawn.supxlabel(
            f"Drawn by sampling numbers: {', '.join(balanced.sampling)}. "
            "After: as in one pass of a balanced source.",
            x=0.01,
            ha="left",
            color=_GREY,
            fontsize=8,
        )
    return drawn


def _bars(axes: Axes, before: dict[str, float], after: dict[str, float]) -> None:
    """Draws two bars a name, with their numbers above them."""
    places = np.arange(len(before))
    for shift, counts, color, label in (
        (-0.2, before, _BEFORE, "before"),
        (0.2, after, _AFTER, "after"),
    ):
        values = np.array(list(counts.values()))
        axes.bar(places + shift, values, 0.38, color=color, label=label)
        for place, value in zip(places, values, strict=True):
            text = _short(value)
            where = (place + shift, value)
            style = {"ha": "center", "va": "bottom", "fontsize": 7, "color": _INK}
            axes.annotate(text, where, (0, 1.5), textcoords="offset points", **style)
    axes.set_xticks(places, list(before))
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.02, y=0.12)
    axes.legend(frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.13))


def _grids(row: SubFigure, before: np.ndarray, after: np.ndarray) -> None:
    """Draws two densities with one scale."""
    panels = row.subplots(1, 2, sharey=True)
    most = max(before.max(), after.max(), 1.0)
    least = min(_least(before), _least(after), 1.0)
    scale = LogNorm(least, max(most, 1.01 * least))
    for axes, grid, title in zip(
        panels, (before, after), ("before", "after"), strict=True
    ):
        image = axes.imshow(
            np.ma.masked_equal(grid, 0).T,
            origin="lower",
            extent=(-1, 1, -1, 1),
            cmap="viridis_r",
            norm=scale,
        )
        axes.set_title(title, fontsize=9, color=_GREY)
        axes.set_xlabel("valence")
        axes.set_xticks(np.linspace(-1, 1, 5))
        axes.set_yticks(np.linspace(-1, 1, 5))
        axes.spines[:].set_color(_RULE)
        axes.axhline(0, color=_RULE, linewidth=0.8, zorder=0)
        axes.axvline(0, color=_RULE, linewidth=0.8, zorder=0)
    panels[0].set_ylabel("arousal")
    bar = row.colorbar(image, ax=list(panels), shrink=0.85, pad=0.02)
    bar.outline.set_visible(False)
    subs = (1.0, 2.0, 5.0) if scale.vmax < 100 * scale.vmin else (1.0,)
    bar.ax.yaxis.set_major_locator(ticker.LogLocator(subs=subs))
    bar.ax.yaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: _short(x)))
    bar.ax.yaxis.set_minor_locator(ticker.NullLocator())
    bar.set_label("samples in a bin", color=_GREY)


def _table(title: str, *more: str) -> rich.table.Table:
    table = rich.table.Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(title, min_width=28)
    for name in ("before", "after", "after / before", *more):
        table.add_column(name, justify="right", min_width=10)
    return table


def _print(table: rich.table.Table, console: rich.console.Console) -> None:
    console.print()
    console.print(table)


def _cells(before: float, after: float) -> tuple[str, str, str]:
    ratio = f"{after / before:.2f}" if before else "-"
    return f"{before:,.0f}", _count(after), ratio


def _count(value: float) -> str:
    """Returns a number of samples, which of few draws is told to a tenth."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def _change(before: Distribution, after: Distribution, task: str) -> str:
    return f"{before.labelled[task]:,.0f} \u2192 {after.labelled[task]:,.0f}"


def _mean_ratio(found: Distribution) -> str:
    ratio = balance_units.mean_imbalance(list(found.positives.values()))
    return f"{ratio:.2f}"


def _ratio(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def _least(grid: np.ndarray) -> float:
    """Returns the smallest number in a grid that is not 0, or 0."""
    return float(grid[grid > 0].min(initial=np.inf)) if grid.any() else 0.0


def _short(value: float) -> str:
    """Returns a number in at most four characters: 950, 9.5k, 95k, 1.2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 10 else f"{scaled:.0f}{letter}"
    return f"{value:.0f}"
