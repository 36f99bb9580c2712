"""A study's table for a terminal, a page, a program and a spreadsheet."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

from rich import table as rich_table
from rich.text import Text

from affect_tf.evaluation import terminal_table
from affect_tf.studies.definition import SEED_STEP
from affect_tf.studies.table import Difference
from affect_tf.studies.table import LEVEL
from affect_tf.studies.table import lower_is_better
from affect_tf.studies.table import Summary
from affect_tf.studies.table import SUMS
from affect_tf.studies.table import Table

#: Where there is no number.
_NONE = "–"
_NAMES = {
    "expr/accuracy": "EXPR accuracy",
    "expr/f1": "EXPR F1",
    "expr/challenge": "EXPR score",
    "au/accuracy": "AU accuracy",
    "au/f1": "AU F1",
    "au/challenge": "AU score",
    "va/valence_ccc": "valence CCC",
    "va/arousal_ccc": "arousal CCC",
    "va/ccc": "mean CCC",
    "va/valence_pearson": "valence r",
    "va/arousal_pearson": "arousal r",
    "va/valence_rmse": "valence RMSE",
    "va/arousal_rmse": "arousal RMSE",
    "overall": "overall",
    "abaw3": "ABAW3 sum",
}


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a study was started with.

    Attributes:
      name: As `--study` says it.
      data: The folder of the records.
      changes: What `--set` changed of its configs; empty where nothing.
    """

    name: str
    data: str
    changes: tuple[str, ...] = ()


def metric_name(metric: str) -> str:
    """Returns a metric's name as a table says it; an arrow marks an error."""
    return f"{_NAMES[metric]} ↓" if lower_is_better(metric) else _NAMES[metric]


def console_tables(table: Table) -> list[rich_table.Table]:
    """Returns the scores and, where there are comparisons, their differences."""
    tables = [_rich(_title(table), *_score_cells(table))]
    if table.differences():
        tables.append(_rich("Differences", *_difference_cells(table), names=2))
    return tables


def markdown(table: Table, origin: Origin) -> str:
    """Returns a page with both tables and what the numbers mean."""
    study = table.study
    changes = "".join(f" --set {change}" for change in origin.changes)
    facts = [
        f"- command: `--mode=study --study={origin.name}{changes}`, data: "
        f"`{origin.data}`",
        f"- seeds: {', '.join(map(str, table.seeds))}; scored on the validation split",
    ]
    if origin.changes:
        facts.append("- every arm was changed by --set: this is not the study as it is")
    if study.source:
        facts.append(f"- source: {study.source}")
    if study.expectation:
        facts.append(f"- the paper found: {study.expectation}")
    parts = [f"# {study.title}", "\n".join(facts)]
    if not table.is_complete:
        parts.append(
            f"**Incomplete: {_progress(table)}.** The same command goes on, without "
            "`--overwrite`."
        )
    notes = ["Mean ± standard deviation (n - 1) over the seeds."]
    if not {metric for arm in study.arms for metric in arm.paper}.isdisjoint(
        study.metrics
    ):
        notes.append("The numbers in brackets are the paper's.")
    if len({frozenset(arm.tasks) for arm in study.arms}) > 1 and any(
        metric in SUMS for metric in study.metrics
    ):
        notes.append("A sum over tasks compares systems of the same tasks only.")
    parts += ["## Scores", _markdown_table(*_score_cells(table)), " ".join(notes)]
    if table.differences():
        count = sum(each.interval is not None for each in table.differences())
        parts += [
            "## Differences",
            _markdown_table(*_difference_cells(table), names=2),
            "Paired by seed, which takes out of a difference what runs of equal seeds "
            "share; a teacher and a student share no random numbers. The "
            f"{LEVEL:.0%} t intervals are of the mean. They say how "
            "far another choice of seeds could move the difference on these faces, "
            "and nothing of other faces. Each is for itself: of "
            f"{count} intervals about {count * (1 - LEVEL):.1f} would leave out zero "
            "if no arm differed from another.",
        ]
    parts.append(
        "The validation split that is scored also chose the best epoch of each run, by "
        "the sum over the tasks of that run. So scores are too high, and not in every "
        "arm alike: more in one of a single task, which is chosen by the very score "
        "that is shown, in one with more epochs to choose from, and in a student or a "
        "model of features, which stands on a network that was itself chosen so. A "
        "small difference between such arms needs faces that chose nothing."
    )
    return "\n\n".join(parts) + "\n"


def to_json(table: Table, origin: Origin, facts: dict[str, Any]) -> str:
    """Returns everything as JSON, down to the runs that a number comes from.

    Args:
      table: The study.
      origin: What it was started with.
      facts: What else belongs to the record, such as checksums.
    """
    study = table.study
    document = {
        "study": origin.name,
        "data": origin.data,
        "changes": list(origin.changes),
        "title": study.title,
        "source": study.source,
        "expectation": study.expectation,
        "complete": table.is_complete,
        **facts,
        "split": "validation",
        "metrics": list(study.metrics),
        "seeds": list(table.seeds),
        "arms": [_arm_json(table, position) for position in range(len(study.arms))],
        "interval_level": LEVEL,
        "differences": [_difference_json(each) for each in table.differences()],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(table: Table) -> str:
    """Returns one line a number: every headline metric of every arm and seed."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["arm", "system", "seed", "metric", "value", "paper", "runs"])
    for arm in table.study.arms:
        for seed, result in table.by_seed(arm.name).items():
            for metric, value in result.scores.items():
                paper = arm.paper.get(metric, "")
                runs = " ".join(result.runs)
                writer.writerow(
                    [arm.name, arm.system, seed, metric, repr(value), paper, runs]
                )
    return stream.getvalue()


def _title(table: Table) -> str:
    state = "" if table.is_complete else f"  (incomplete: {_progress(table)})"
    return f"{table.study.title}{state}"


def _progress(table: Table) -> str:
    total = len(table.study.arms) * len(table.seeds)
    return f"{len(table.results)} of {total} arms and seeds"


def _score_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    header = ["system", *map(metric_name, table.study.metrics), "seeds"]
    rows = []
    for arm in table.study.arms:
        row = [arm.name]
        for metric in table.study.metrics:
            paper = f" ({arm.paper[metric]:.3f})" if metric in arm.paper else ""
            row.append(_spread(table.summary(arm.name, metric)) + paper)
        rows.append([*row, str(len(table.by_seed(arm.name)))])
    return header, rows


def _difference_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    header = ["comparison", "metric", "difference", f"{LEVEL:.0%} interval", "better"]
    has_paper = any(each.paper is not None for each in table.differences())
    rows = []
    for each in table.differences():
        low, high = each.interval or (None, None)
        row = [
            f"{each.comparison.arm} - {each.comparison.baseline}",
            metric_name(each.metric),
            f"{each.by_seed.mean:+.3f}",
            _NONE if low is None else f"{low:+.3f} to {high:+.3f}",
            f"{each.better} of {len(each.by_seed.values)}",
        ]
        paper = _NONE if each.paper is None else f"{each.paper:+.3f}"
        rows.append([*row, paper] if has_paper else row)
    return [*header, "paper"] if has_paper else header, rows


def _spread(summary: Summary | None) -> str:
    if summary is None:
        return _NONE
    if summary.deviation is None:
        return f"{summary.mean:.3f}"
    return f"{summary.mean:.3f} ± {summary.deviation:.3f}"


def _rich(
    title: str, header: list[str], rows: list[list[str]], names: int = 1
) -> rich_table.Table:
    made = terminal_table.titled(title)
    terminal_table.add_names(made, *header[:names], no_wrap=False)
    terminal_table.add_numbers(made, *header[names:], no_wrap=False)
    for row in rows:
        # A number above its spread: beside each other they would not fit a terminal.
        made.add_row(*(Text(_stacked(cell)) for cell in row))
    return made


def _stacked(cell: str) -> str:
    return cell.replace(" ± ", "\n± ").replace(" (", "\n(") if " ± " in cell else cell


def _markdown_table(header: list[str], rows: list[list[str]], names: int = 1) -> str:
    ruler = ["---"] * names + ["---:"] * (len(header) - names)
    lines = ([cell.replace("|", r"\|") for cell in row] for row in (header, *rows))
    shown = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([shown[0], f"| {' | '.join(ruler)} |", *shown[1:]])


def _arm_json(table: Table, position: int) -> dict[str, Any]:
    arm = table.study.arms[position]
    summaries = {
        metric: table.summary(arm.name, metric) for metric in table.study.metrics
    }
    return {
        "name": arm.name,
        "system": arm.system,
        "config": arm.config.name,
        "features_of": None if arm.cnn is None else arm.cnn.name,
        "paper": dict(arm.paper),
        "scores": {
            metric: {"mean": summary.mean, "standard_deviation": summary.deviation}
            for metric, summary in summaries.items()
            if summary is not None
        },
        "by_seed": [
            {
                "seed": seed,
                "config_seed": seed * SEED_STEP,
                "runs": list(result.runs),
                "scores": dict(result.scores),
            }
            for seed, result in table.by_seed(arm.name).items()
        ],
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "baseline": difference.comparison.baseline,
        "arm": difference.comparison.arm,
        "metric": difference.metric,
        "mean": difference.by_seed.mean,
        "interval": difference.interval,
        "standard_deviation": difference.by_seed.deviation,
        "better": difference.better,
        "by_seed": {str(s): v for s, v in difference.by_seed.values.items()},
        "paper": difference.paper,
    }
