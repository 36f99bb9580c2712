"""Where the samples of a training batch come from."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from affect_tf.data import records
from affect_tf.labels.taxonomy import TASKS


@dataclasses.dataclass(frozen=True)
class Source:
    """One stream of training samples: faces, or windows of a film.

    Attributes:
      name: What logs call it.
      task: The primary task: the stream holds every sample with a label for it, of
        clips every such frame, or window with such a frame. None takes all samples,
        labelled or not.
      origins: Patterns over the records' source names ("affwild2", "disfa*").
      keep_shared: Whether labels of other tasks are kept beside those of `task` and
        `also`. Without them (Vu et al. 2021, Eq. 9) a sample teaches these only.
      share: Parts of the batch that it fills.
      balanced: Whether a sample is drawn as often as the data say
        (--balance_as=weights of the builder), instead of once a pass.
      also: Further tasks for which a sample must have a label too: Vu et al. 2021,
        Affect_EXPR_VA; Thinh et al. 2021, the set of EXPR and AU.

    Raises:
      ValueError: If a task is unknown or named twice, a field needs a task that is not
        there, or the share is not positive.
    """

    name: str
    task: str | None = None
    origins: tuple[str, ...] = ("*",)
    keep_shared: bool = True
    share: int = 1
    balanced: bool = False
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.task is not None and self.task not in TASKS:
            raise ValueError(
                f"Source.task must be None or one of {TASKS}. "
                f"Received: task={self.task!r}. Use None for all samples."
            )
        if self.share < 1:
            raise ValueError(
                "Source.share must be a positive whole number. "
                f"Received: share={self.share}. Leave the source out instead."
            )
        for field, needs in (
            ("keep_shared=False", not self.keep_shared),
            ("balanced=True", self.balanced),
            (f"also={self.also!r}", bool(self.also)),
        ):
            if needs and self.task is None:
                raise ValueError(
                    f"Source.{field} must come with a primary task. "
                    "Received: task=None. Name the task."
                )
        others = [task for task in TASKS if task != self.task]
        if len({*self.also} & {*others}) != len(self.also):
            raise ValueError(
                "Source.also must name further tasks, each once. "
                f"Received: also={self.also!r} beside task={self.task!r}. "
                f"Choose from {others}, as a tuple."
            )

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks for which each of its samples has a label."""
        return () if self.task is None else (self.task, *self.also)

    def masked(self, rows: records.Rows) -> records.Rows:
        """Returns the rows with the labels that this source lets through."""
        if self.keep_shared:
            return rows
        masks = {
            task: mask if task in self.tasks else tf.zeros_like(mask)
            for task, mask in rows.masks.items()
        }
        return rows._replace(masks=masks)
