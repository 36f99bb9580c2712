"""How much of each loss a row gets: the coefficients that make a paper.

For a row and a task (or, among action units, a row and a unit) there are three cells:
labelled, unlabelled, and complete, where every label of every task is there. A cell is
a pair of coefficients, of the supervised loss and of the distilled one. A paper is at
most three cells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple
from typing import Protocol

import tensorflow as tf

from affect_tf.objective.checks import check_not_negative


class Coefficients(NamedTuple):
    """What a mix makes of a batch. All float32, non-negative.

    Attributes:
      supervised: Task name -> [B], or [B, U] where labels miss one by one.
      distilled: The same, of the distilled losses.
      task_weighted: [B], 1 where a task's weight multiplies its losses, else 0.
      adversarial: [B], 1 where the source discriminator is trained, else 0.
    """

    supervised: dict[str, tf.Tensor]
    distilled: dict[str, tf.Tensor]
    task_weighted: tf.Tensor
    adversarial: tf.Tensor


class Mix(Protocol):
    """A callable that chooses the coefficients of a batch.

    Attributes:
      distils: Whether it ever uses soft labels; if not, no teacher is needed.
    """

    distils: bool

    def __call__(
        self,
        masks: Mapping[str, tf.Tensor],
        soft_logits: Mapping[str, tf.Tensor] | None,
    ) -> Coefficients:
        """Returns the coefficients of every row and task."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """Coefficients of the supervised (A) and the distilled (B) loss, both >= 0."""

    supervised: float
    distilled: float

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_not_negative("Cell", "supervised", self.supervised)
        check_not_negative("Cell", "distilled", self.distilled)


@dataclasses.dataclass(frozen=True)
class CellMix:
    """Coefficients by cell; the default is a teacher's: supervision alone.

    A label that is missing gets `unlabelled`. A label that is there gets `complete` in
    a row that has every label of every task, and `labelled` in any other. Among action
    units the cell is the unit's own. Cells may be given as pairs.

    >>> CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0)).unlabelled
    Cell(supervised=0.0, distilled=1.0)

    Attributes:
      labelled: Its cell. Deng: (lambda, 1 - lambda). Jeong: (alpha, 1).
      unlabelled: Its cell. Deng: (0, 1). Jeong: (0, beta). The first must be 0.
      complete: Its cell, or None where it equals `labelled`. Jeong: (1, 0).
      complete_is_weighted: Whether task weights apply to complete rows.
      complete_adversarial: Whether the discriminator is trained on complete rows.

    Raises:
      ValueError: If a missing label were to be supervised.

    Source: Deng et al. 2020, Eq. 13-14; Vu et al. 2021, Eq. 7-10; Jeong et al. 2022,
    Eq. 12-13. Deng and Vu print x(j,n) in the sum over the other tasks; the prose
    means x(i,n), as here: every row teaches every task. Vu's released code averages the
    labelled and the unlabelled rows apart; the paper weighs each row, as here. Jeong's
    last sum must read L_j^D, and rows with all labels train on the plain sum of the
    supervised losses.
    """

    labelled: Cell | tuple[float, float] = Cell(1.0, 0.0)
    unlabelled: Cell | tuple[float, float] = Cell(0.0, 0.0)
    complete: Cell | tuple[float, float] | None = None
    complete_is_weighted: bool = True
    complete_adversarial: bool = True

    def __post_init__(self) -> None:
        """Turns pairs into cells and checks them."""
        for name in ("labelled", "unlabelled", "complete"):
            cell = getattr(self, name)
            if isinstance(cell, (tuple, list)):
                object.__setattr__(self, name, Cell(*map(float, cell)))
        if self.unlabelled.supervised:
            raise ValueError(
                "CellMix.unlabelled must not be supervised: there is no label. "
                f"Received: unlabelled={self.unlabelled}. "
                "Give its supervised coefficient as 0."
            )

    @property
    def distils(self) -> bool:
        """Whether any cell uses soft labels."""
        cells = (self.labelled, self.unlabelled, self.complete)
        return any(cell is not None and cell.distilled > 0 for cell in cells)

    def __call__(
        self,
        masks: Mapping[str, tf.Tensor],
        soft_logits: Mapping[str, tf.Tensor] | None = None,
    ) -> Coefficients:
        """Returns the coefficients; `soft_logits` are not looked at.

        Args:
          masks: Task name -> [B] or [B, U]; above 0 where the label is there.
          soft_logits: Unused here; another mix may trust a sure teacher more.

        Returns:
          Coefficients of the shapes of the masks.
        """
        del soft_logits
        there = {name: tf.cast(mask, tf.float32) > 0 for name, mask in masks.items()}
        complete = complete_rows(there)
        always = tf.ones_like(complete, tf.float32)
        incomplete = 1.0 - tf.cast(complete, tf.float32)
        return Coefficients(
            supervised=self._by_cell(there, complete, "supervised"),
            distilled=self._by_cell(there, complete, "distilled"),
            task_weighted=always if self.complete_is_weighted else incomplete,
            adversarial=always if self.complete_adversarial else incomplete,
        )

    def _by_cell(
        self, there: Mapping[str, tf.Tensor], complete: tf.Tensor, part: str
    ) -> dict[str, tf.Tensor]:
        unlabelled = tf.constant(getattr(self.unlabelled, part), tf.float32)
        labelled = tf.constant(getattr(self.labelled, part), tf.float32)
        if self.complete is not None:
            of_complete = tf.constant(getattr(self.complete, part), tf.float32)
            labelled = tf.where(complete, of_complete, labelled)
        coefficients = {}
        for name, mask in there.items():
            of_labelled = labelled
            if labelled.shape.rank == 1 and mask.shape.rank == 2:
                of_labelled = labelled[:, tf.newaxis]
            coefficients[name] = tf.where(mask, of_labelled, unlabelled)
        return coefficients


def complete_rows(there: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns bool [B]: whether every label of every task (or unit) is there."""
    per_task = [
        mask if mask.shape.rank == 1 else tf.reduce_all(mask, axis=1)
        for mask in there.values()
    ]
    return tf.reduce_all(tf.stack(per_task), axis=0)


def any_share(mixed: Coefficients, weight: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns whether any row has a share in each addend of the tasks.

    Args:
      mixed: The coefficients of a batch.
      weight: [B], the rows' own weights; 0 is padding.

    Returns:
      "expr/supervised", "expr/distilled", ... -> bool scalar.
    """
    shares = {}
    for name in mixed.supervised:
        for kind in ("supervised", "distilled"):
            coefficient = getattr(mixed, kind)[name]
            if coefficient.shape.rank == 2:
                coefficient = tf.reduce_max(coefficient, axis=1)
            shares[f"{name}/{kind}"] = tf.reduce_any(coefficient * weight > 0)
    return shares
