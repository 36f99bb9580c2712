"""The loss divided between optimizers: all of it for one, or each task's for one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

#: A loss and variables to the gradient by each, None for one that it ignores.
Differentiate = Callable[[tf.Tensor, Sequence[tf.Variable]], list[tf.Tensor | None]]


@dataclasses.dataclass(frozen=True)
class LossPart:
    """Addends of the loss and the optimizer that lowers them.

    Attributes:
      addends: Their names, as in `LossReport.addends`.
      optimizer: Moves every weight that they depend on.
    """

    addends: tuple[str, ...]
    optimizer: tf.keras.optimizers.Optimizer

    @property
    def scales(self) -> bool:
        """Whether losses are scaled up, as float16 gradients need it."""
        return isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)

    def loss(self, addends: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the float32 scalar to be differentiated, scaled up in float16."""
        loss = tf.add_n([addends[name] for name in self.addends])
        return self.optimizer.get_scaled_loss(loss) if self.scales else loss

    def updates(
        self,
        differentiate: Differentiate,
        loss: tf.Tensor,
        variables: Sequence[tf.Variable],
        is_taught: tf.Tensor | None,
    ) -> list[tuple[tf.Tensor, tf.Variable]]:
        """Returns what `apply_gradients` takes, scaled back: (gradient, variable).

        Args:
          differentiate: Gives the gradients of a loss, None where it does not depend.
          loss: The part's own.
          variables: All that could be moved; those that the loss does not depend on,
            such as another task's head, are left out.
          is_taught: bool scalar; where it is false the gradients are 0 and cost
            nothing. None computes them always.
        """
        connected = []

        def backward() -> list[tf.Tensor]:
            pairs = zip(differentiate(loss, variables), variables, strict=True)
            found = [pair for pair in pairs if pair[0] is not None]
            connected.extend(variable for _, variable in found)
            gradients = [gradient for gradient, _ in found]
            if self.scales:
                gradients = self.optimizer.get_unscaled_gradients(gradients)
            return gradients

        if is_taught is None:
            return list(zip(backward(), connected, strict=True))
        # The first branch is traced first, so the second knows what is connected.
        gradients = tf.cond(
            is_taught, backward, lambda: [tf.zeros_like(each) for each in connected]
        )
        return list(zip(gradients, connected, strict=True))


def divided(
    addends: Sequence[str],
    optimizer: tf.keras.optimizers.Optimizer
    | Mapping[str, tf.keras.optimizers.Optimizer],
    scales: bool,
) -> list[LossPart]:
    """Returns all addends with one optimizer, or those of each task with its own.

    Args:
      addends: Names of all addends.
      optimizer: One for all, or one of each task by its name.
      scales: Whether losses must be scaled up, as float16 gradients need it.

    Raises:
      ValueError: If an addend has no optimizer, or an optimizer no addend.
    """
    if isinstance(optimizer, Mapping):
        parts = [
            (tuple(name for name in addends if name.startswith(f"{task}/")), each)
            for task, each in optimizer.items()
        ]
        given = [name for names, _ in parts for name in names]
        if sorted(given) != sorted(addends) or not all(names for names, _ in parts):
            raise ValueError(
                "Every addend of the loss must belong to one optimizer. Received: "
                f"optimizers of {list(optimizer)} for {list(addends)}. Give one of "
                "each task, or one for all."
            )
    else:
        parts = [(tuple(addends), optimizer)]
    if scales:
        scaled = tf.keras.mixed_precision.LossScaleOptimizer
        parts = [(names, scaled(each)) for names, each in parts]
    return [LossPart(names, each) for names, each in parts]
