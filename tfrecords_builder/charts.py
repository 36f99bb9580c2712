"""Pictures of what a folder holds: classes, units, valence and arousal, people."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from affect_tf.labels import va_bins
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from tfrecords_builder import figures
from tfrecords_builder.distributions import BINS
from tfrecords_builder.distributions import Distribution

#: The smallest share that the density tells from less, of its largest.
_FAINTEST = 1e-3

Splits = Mapping[str, Distribution]


def draw(splits: Splits) -> dict[str, Figure]:
    """Returns every picture that the data has something for, by the name of its file.

    Args:
      splits: From `distributions.measure`.
    """
    drawn = {"people": people(splits), "labels": label_availability(splits)}
    if any(split.labelled("expr") for split in splits.values()):
        drawn["classes"] = classes(splits)
    if any(split.labelled("au") for split in splits.values()):
        drawn["action_units"] = action_units(splits)
    for name, split in splits.items():
        if np.count_nonzero(split.labelled_units) > 1:
            drawn[f"action_units_together-{name}"] = co_occurrence(name, split)
    if any(split.labelled("va") for split in splits.values()):
        drawn["valence_arousal"] = density(splits)
    return drawn


def classes(splits: Splits) -> Figure:
    """Draws the share of each class among the labelled frames, split by split."""
    shown = {name: split for name, split in splits.items() if split.labelled("expr")}
    if not shown:
        return figures.nothing("Expression: no labels")
    names = next(iter(shown.values())).taxonomy.expressions
    shares, notes = {}, {}
    for name, split in shown.items():
        shares[name] = split.expressions / split.labelled("expr")
        notes[name] = [f"{count:,}" for count in split.expressions]
    totals = {name: f"{split.labelled('expr'):,}" for name, split in shown.items()}
    figure = _bars(names, shares, notes, totals)
    figure.axes[0].set_xlabel("share of the frames with an expression")
    figure.axes[0].set_title("Expression", loc="left", pad=12)
    return figure


def action_units(splits: Splits) -> Figure:
    """Draws how often each unit is active where it is annotated, split by split."""
    shown = {name: split for name, split in splits.items() if split.labelled("au")}
    if not shown:
        return figures.nothing("Action units: no labels")
    names = next(iter(shown.values())).taxonomy.action_units
    shares, notes = {}, {}
    for name, split in shown.items():
        known = split.labelled_units
        shares[name] = np.divide(
            split.positive_units, known, out=np.full(len(known), np.nan),
            where=known > 0,
        )  # fmt: skip
        notes[name] = [
            f"{active:,} of {count:,}" if count else "not annotated"
            for active, count in zip(split.positive_units, known, strict=True)
        ]
    totals = {name: f"{split.labelled('au'):,}" for name, split in shown.items()}
    figure = _bars(names, shares, notes, totals)
    figure.axes[0].set_xlabel("share of the frames in which the unit is annotated")
    figure.axes[0].set_title("Active action units", loc="left", pad=12)
    return figure


def co_occurrence(name: str, split: Distribution) -> Figure:
    """Draws how often a unit (column) is active in frames with another (row).

    Args:
      name: Of the split, for the title.
      split: Its distribution.

    Returns:
      A heat map of the units that are annotated; a cell is blank where no frame
      with the row's unit says anything of the column's.
    """
    kept = np.flatnonzero(split.labelled_units)
    if not len(kept):
        return figures.nothing(f"Action units, {name}: no labels")
    names = [split.taxonomy.action_units[unit] for unit in kept]
    both = split.active_together[np.ix_(kept, kept)]
    known = split.active_and_known[np.ix_(kept, kept)]
    shares = np.divide(
        both, known, out=np.full(both.shape, np.nan), where=known > 0
    )  # fmt: skip
    side = max(3.4, 0.44 * len(names))
    figure = figures.new(side + 2.0, side + 1.0)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    small = {"fontsize": 8 if len(names) > 14 else 9}
    counts = split.positive_units[kept]
    axes.set_xticks(range(len(names)), names, rotation=90, **small)
    rows = [f"{unit}  ({n:,})" for unit, n in zip(names, counts, strict=True)]
    axes.set_yticks(range(len(names)), rows, **small)
    figures.bare(axes)
    for row, column in np.argwhere(np.isfinite(shares)):
        share = shares[row, column]
        text = _percent(share).removesuffix("%")
        color = "white" if share > 0.6 else figures.INK
        weight = "bold" if row == column else "normal"
        style = {"ha": "center", "va": "center", "fontsize": 7.5}
        axes.text(column, row, text, color=color, weight=weight, **style)
    axes.set_xlabel("... the share in which this one is active too (%)")
    axes.set_ylabel("of the frames with this unit active ...")
    axes.set_title(f"Action units together: {name}", loc="left", pad=10)
    _bar(figure, image, [axes], "share of the row's frames")
    return figure


def density(splits: Splits) -> Figure:
    """Draws where the frames of each split lie on the valence-arousal plane."""
    shown = {name: split for name, split in splits.items() if split.labelled("va")}
    if not shown:
        return figures.nothing("Valence and arousal: no labels")
    figure = figures.new(1.2 + 3.9 * len(shown), 4.3)
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    shares = {n: s.histogram.T / s.labelled("va") for n, s in shown.items()}
    most = max(float(share.max()) for share in shares.values())
    least = min(float(share[share > 0].min()) for share in shares.values())
    norm = LogNorm(max(min(least, most / 2), _FAINTEST * most), most, clip=True)
    edges = va_bins.bin_edges(BINS)
    for axes, (name, split) in zip(panels, shown.items(), strict=True):
        image = axes.pcolormesh(
            edges, edges, np.ma.masked_equal(shares[name], 0), cmap="viridis_r",
            norm=norm, edgecolor="white", linewidth=0.2,
        )  # fmt: skip
        for line in (axes.axhline, axes.axvline):
            line(0.0, color=figures.GREY, linewidth=0.8, zorder=2)
        axes.plot(
            *split.va_mean, marker="P", markersize=11, color=figures.INK,
            markeredgecolor="white", markeredgewidth=1.4, linestyle="none",
        )  # fmt: skip
        axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
        axes.set_xticks(np.linspace(-1, 1, 5))
        axes.set_yticks(np.linspace(-1, 1, 5))
        figures.bare(axes)
        axes.set_xlabel(VA_DIMENSIONS[0])
        valence, arousal = (f"{v:+.2f}" for v in split.va_mean)
        axes.set_title(
            f"{name}: {split.labelled('va'):,} frames\n"
            f"mean (+) {valence}, {arousal}",
            loc="left", fontsize=10,
        )  # fmt: skip
    panels[0].set_ylabel(VA_DIMENSIONS[1])
    _bar(figure, image, list(panels), "share of the frames in a cell of 0.1 by 0.1")
    return figure


def label_availability(splits: Splits) -> Figure:
    """Draws how many frames have a label for a task (diagonal), or for two of them."""
    shown = {name: split for name, split in splits.items() if split.frames}
    if not shown:
        return figures.nothing("Labels: no frames")
    figure = figures.new(1.1 + 2.9 * len(shown), 4.0, layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    names = ["expression", "action units", "valence,\narousal"]
    for axes, (name, split) in zip(panels, shown.items(), strict=True):
        counts = np.array([[split.labelled(a, b) for a in TASKS] for b in TASKS])
        shares = counts / split.frames
        # Each pair once.
        shares[np.triu_indices(len(TASKS), 1)] = np.nan
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_xticks(range(len(TASKS)), names, rotation=0, fontsize=8)
        axes.set_yticks(range(len(TASKS)), names, fontsize=9)
        figures.bare(axes)
        title = f"{name}: {split.frames:,} frames"
        axes.set_title(title, loc="left", fontsize=10, pad=8)
        for row, column in np.argwhere(np.isfinite(shares)):
            share, count = shares[row, column], counts[row, column]
            color = "white" if share > 0.6 else figures.INK
            weight = "bold" if row == column else "normal"
            text = f"{count:,}\n{_percent(share)}"
            style = {"ha": "center", "va": "center", "fontsize": 9}
            axes.text(column, row, text, color=color, weight=weight, **style)
    figure.supxlabel(
        "frames labelled for one task (diagonal) and for both of two", fontsize=9
    )
    return figure


def people(splits: Splits) -> Figure:
    """Draws the frames, records, subjects and films of each split."""
    if not splits:
        return figures.nothing("This folder holds no frames")
    measures = {
        "frames": [split.frames for split in splits.values()],
        "records": [split.samples for split in splits.values()],
        "subjects": [len(split.subjects) for split in splits.values()],
        "videos": [len(split.videos) for split in splits.values()],
    }
    figure = figures.new(9.6, 0.9 + 0.42 * len(splits))
    panels = figure.subplots(1, len(measures), sharey=True)
    colors = [figures.SPLIT_COLORS[name] for name in splits]
    for axes, (title, counts) in zip(panels, measures.items(), strict=True):
        positions = np.arange(len(counts))
        axes.barh(positions, counts, 0.6, color=colors)
        axes.set_xlim(0, max(*counts, 1) * 1.5)
        for position, count in zip(positions, counts, strict=True):
            axes.text(
                count, position, f" {count:,}", va="center", fontsize=9,
                color=figures.INK if count else figures.GREY,
            )  # fmt: skip
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks(positions, list(splits))
        figures.bare(axes, "left")
        axes.spines["left"].set_color(figures.RULE)
    panels[0].invert_yaxis()
    return figure


def _bars(
    names: Sequence[str],
    shares: Mapping[str, np.ndarray],
    notes: Mapping[str, Sequence[str]],
    totals: Mapping[str, str],
) -> Figure:
    """Draws a group of bars for each name, one bar a split, with a note behind each."""
    # Many bars are thinner, so that the picture still fits on a page.
    thick = 0.26 if len(names) * len(shares) <= 40 else 0.17
    group = thick * len(shares) + 0.16
    figure = figures.new(8.4, 1.5 + group * len(names))
    axes = figure.add_subplot()
    most = max(float(np.nanmax(values)) for values in shares.values())
    limit = max(most, 0.01) * 1.02
    for number, (split, values) in enumerate(shares.items()):
        offset = (number - (len(shares) - 1) / 2) * thick
        positions = np.arange(len(names)) * group + offset
        label = f"{split} ({totals[split]} frames)"
        color = figures.SPLIT_COLORS[split]
        widths = np.nan_to_num(values)
        axes.barh(positions, widths, thick * 0.86, color=color, label=label)
        for position, value, note in zip(positions, values, notes[split], strict=True):
            text = _percent(value) if np.isfinite(value) else ""
            style = {"va": "center", "fontsize": 8}
            axes.text(limit * 1.08, position, text, ha="right", **style)
            axes.text(limit * 1.10, position, note, color=figures.GREY, **style)
    axes.set_yticks(
        np.arange(len(names)) * group, [figures.wrapped(name, 24) for name in names]
    )
    axes.set_ylim(group * (len(names) - 0.5), -0.5 * group)
    axes.set_xlim(0, limit)
    places = 0 if limit > 0.06 else 1
    axes.xaxis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=places))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(6))
    axes.grid(axis="x", color=figures.RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    figures.bare(axes, "bottom")
    axes.spines["bottom"].set_color(figures.RULE)
    figure.legend(
        loc="outside upper right", ncols=len(shares), frameon=False, fontsize=9,
        handlelength=0.9, handleheight=0.9,
    )  # fmt: skip
    return figure


def _bar(figure: Figure, image: ScalarMappable, panels: list[Axes], label: str) -> None:
    """Adds the key of the colours, which are shares."""
    bar = figure.colorbar(image, ax=panels, shrink=0.75, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label(label, color=figures.GREY)
    bar.ax.tick_params(length=0)
    if isinstance(image.norm, LogNorm):
        bar.ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        bar.ax.yaxis.set_minor_locator(ticker.NullLocator())
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")


def _percent(share: float) -> str:
    """Returns a share for people: what rounds to 0 or 100 without being it says so."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
