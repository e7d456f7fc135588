"""The interface between what is minimised and who minimises it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from kelbo.bound import AnyBound

State = dict[str, Tensor]
"""An objective's memory: named tensors, so that it is saved as it is and runs under `torch.func`."""


class Objective(Protocol):
    """What to do about rate and distortion: a small callable, its memory passed in and out.

    It may have more. errors: true if it needs an ErrorBound. additive: true if a batch's loss is the mean of its
    equal parts' losses. suited(model, levels): the objective for one model and images of so many levels, None of
    tables (RecipeError if there is none). told(bound, state): what it
    journals of a step besides the loss, scalars by name. standing(bound): what it holds of a bound beside its target, a
    Standing.
    """

    def initial(self) -> State:
        """The memory before the first step."""
        ...

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        """The loss to minimise (a scalar) and the memory after this step."""
        ...
