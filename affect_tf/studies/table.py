"""The arithmetic of a study: means, spreads and paired differences over seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from scipy import stats

from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study

#: Of the intervals.
LEVEL = 0.95
#: Sums over the tasks that an arm predicts.
SUMS = ("overall", "abaw3")
#: Metrics of which less is better end in this.
_ERROR = "_rmse"


@dataclasses.dataclass(frozen=True)
class Result:
    """What one arm scored with one seed.

    Attributes:
      arm: Its name.
      seed: From 1.
      scores: {metric: value}, every headline metric that there is.
      runs: The folders of the runs behind it, from the folder of the studies.
    """

    arm: str
    seed: int
    scores: Mapping[str, float]
    runs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Summary:
    """Some numbers, one a seed.

    Attributes:
      values: {seed: value}, at least one.
      mean: Of the values.
      deviation: Their standard deviation with n - 1 below; None for one value.
    """

    values: Mapping[int, float]
    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Mapping[int, float]) -> Summary | None:
        """Returns the summary of {seed: value}, or None where there is no value."""
        if not values:
            return None
        numbers = np.asarray(list(values.values()), np.float64)
        deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
        return cls(dict(values), float(numbers.mean()), deviation)

    def interval(self) -> tuple[float, float] | None:
        """Returns the t interval of the mean; None for one value.

        mean -+ t(n - 1) s / sqrt(n) at `LEVEL`: what the mean over endless seeds may
        be, if the values are normal. The half is 2.5 s for three seeds, 1.2 s for five.
        """
        if self.deviation is None:
            return None
        count = len(self.values)
        quantile = float(stats.t.ppf((1 + LEVEL) / 2, count - 1))
        half = quantile * self.deviation / math.sqrt(count)
        return self.mean - half, self.mean + half


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much more an arm scores than its baseline, seed by seed.

    Attributes:
      comparison: Which arms.
      metric: Of what.
      by_seed: The differences of the seeds that both arms have.
      interval: t interval of the mean difference; None for one seed.
      better: The seeds in which the arm is the better one: higher, but lower for an
        error. A tie counts for neither.
      paper: The difference that the paper reports, or None.
    """

    comparison: Comparison
    metric: str
    by_seed: Summary
    interval: tuple[float, float] | None
    better: int
    paper: float | None


@dataclasses.dataclass(frozen=True)
class Table:
    """A study and what is known of it so far.

    Attributes:
      study: What was asked.
      results: In any order, each arm and seed at most once.
      seeds: The seeds that were asked for.
    """

    study: Study
    results: tuple[Result, ...]
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        """Checks that no number counts twice, and that none is of something else."""
        found = [(result.arm, result.seed) for result in self.results]
        known = {(arm.name, seed) for arm in self.study.arms for seed in self.seeds}
        if len(set(found)) != len(found) or not set(found) <= known:
            raise ValueError(
                "Table.results must hold each arm and seed of the study at most once. "
                f"Received: {sorted(found)} for {sorted(known)}. Leave out the others."
            )

    @property
    def is_complete(self) -> bool:
        """Whether every arm has every seed."""
        return len(self.results) == len(self.study.arms) * len(self.seeds)

    def by_seed(self, arm: str) -> dict[int, Result]:
        """Returns {seed: result} of an arm, in order of the seeds."""
        found = {result.seed: result for result in self.results if result.arm == arm}
        return {seed: found[seed] for seed in sorted(found)}

    def summary(self, arm: str, metric: str) -> Summary | None:
        """Returns mean and spread of a metric; None where there is no number."""
        return Summary.of(self._values(arm, metric))

    def difference(self, comparison: Comparison, metric: str) -> Difference | None:
        """Returns the paired difference of two arms.

        Pairs are of equal seeds of the study. Two teachers, or two students of one
        number, then train with one config seed: equal networks start from equal fresh
        weights, and a source that stands at the same place in both configs gives its
        samples in the same order. A teacher and a student have different config seeds;
        they are paired because the one taught the other. Where little is shared, the
        interval is as wide as for independent runs, and as true.

        Returns:
          None where no seed has both numbers, or where the metric is a sum over
          other tasks for one arm than for the other.
        """
        arms = {arm.name: arm for arm in self.study.arms}
        arm, baseline = arms[comparison.arm], arms[comparison.baseline]
        if metric in SUMS and set(arm.tasks) != set(baseline.tasks):
            return None
        ours = self._values(arm.name, metric)
        theirs = self._values(baseline.name, metric)
        by_seed = Summary.of(
            {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}
        )
        if by_seed is None:
            return None
        sign = -1 if lower_is_better(metric) else 1
        return Difference(
            comparison=comparison,
            metric=metric,
            by_seed=by_seed,
            interval=by_seed.interval(),
            better=sum(sign * value > 0 for value in by_seed.values.values()),
            paper=_paper_difference(arm, baseline, metric),
        )

    def differences(self) -> list[Difference]:
        """Returns every difference that there is, by comparison and metric."""
        pairs = (
            self.difference(comparison, metric)
            for comparison in self.study.comparisons
            for metric in self.study.metrics
        )
        return [difference for difference in pairs if difference is not None]

    def _values(self, arm: str, metric: str) -> dict[int, float]:
        return {
            seed: result.scores[metric]
            for seed, result in self.by_seed(arm).items()
            if metric in result.scores
        }


def lower_is_better(metric: str) -> bool:
    """Whether a metric is an error."""
    return metric.endswith(_ERROR)


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean of each metric that all have; at least one is needed."""
    return {
        metric: float(np.mean([one[metric] for one in scores]))
        for metric in scores[0]
        if all(metric in one for one in scores)
    }


def _paper_difference(arm: Arm, baseline: Arm, metric: str) -> float | None:
    if metric not in arm.paper or metric not in baseline.paper:
        return None
    return arm.paper[metric] - baseline.paper[metric]
