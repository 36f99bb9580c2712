"""How a training split is to be balanced: what is thinned, and how each task is evened.

The command line's way of saying it is in `balance_flags`, the work in `balance`.
"""

from __future__ import annotations

import dataclasses
import fractions
from collections.abc import Mapping

#: How often a sample may occur at most where a rare bin is copied.
CAP_OF_BINS = 10


@dataclasses.dataclass(frozen=True)
class Keep:
    """A part of a task's training labels that stays, the rest of which goes.

    Attributes:
      task: "expr", "au" or "va".
      factor: In (0, 1].
      expression: The class to thin, or None for all labels of the task.
      source: Pattern of source names, as in a shell.
      optional: Whether it may have nothing to do.
    """

    task: str
    factor: fractions.Fraction
    expression: str | None = None
    source: str = "*"
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class Classes:
    """Brings classes, or bins of valence and arousal, to one size.

    Attributes:
      task: "expr" or "va".
      target: "equal", "over", "under", or a number of samples a class.
      cap: How often a sample may occur at most; None for any number.
      num_bins: Bins of each dimension (va).
      data_range: Whether the bins span the data instead of [-1, 1] (va).
      optional: Whether it may have nothing to do.
    """

    task: str
    target: str | int = "equal"
    cap: int | None = None
    num_bins: int = 20
    data_range: bool = False
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class MlRos:
    """Multilabel random oversampling of action units.

    Attributes:
      threshold: Imbalance ratio above which a unit is rare; None for the mean ratio.
      budget: Copies at most, as a share of the samples with labelled units.
      optional: Whether it may have nothing to do.
      task: "au".
    """

    threshold: float | None = None
    budget: float = 0.5
    optional: bool = False
    task: str = dataclasses.field(default="au", init=False)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a training split is balanced.

    Attributes:
      keeps: What is thinned first, in this order.
      methods: What is balanced then; one at most for each task.
      as_weights: Whether the records get sampling numbers instead of copies.
    """

    keeps: tuple[Keep, ...] = ()
    methods: tuple[Classes | MlRos, ...] = ()
    as_weights: bool = False


#: Recipes by name. Each does what there is data for.
PRESETS: Mapping[str, Plan] = {
    "deng2020": Plan(
        keeps=(
            *(
                Keep("expr", fractions.Fraction(1, every), name, "affwild2*", True)
                for name, every in (("neutral", 10), ("happiness", 2), ("sadness", 2))
            ),
            Keep("va", fractions.Fraction(1, 5), None, "affwild2*", True),
        ),
        methods=(
            Classes("expr", optional=True),
            MlRos(2.0, 0.5, optional=True),
            Classes("va", data_range=True, optional=True),
        ),
    )
}
