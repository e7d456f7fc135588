"""The multiplier of a constraint: Adam's ascent on multiplier·slack, inside the memory of an objective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kelbo.protocols import State

Form = Literal["published", "log_odds"]

LOWEST, HIGHEST = 1e-4, 0.9999
"""to which the published form clamps its multiplier after each step"""
WIDEST = 20.0
"""|log-odds| at which the other form stops: weights 5e8 apart, beyond which float32 would lose the smaller one"""
FORGETTING, EPSILON = 0.999, 1e-8
"""Adam's β₂ and ε; its β₁ is 0, so a step has the sign of its own slack"""


@dataclass(frozen=True)
class Multiplier:
    """λ in (0, 1), which weighs what is held, beside 1 - λ for what is minimised. It rises while the slack is positive.

    form   "published": λ itself moves, and is clamped to [1e-4, 0.9999]. "log_odds": ln(λ / (1 - λ)) does, so that near 0 and 1
           a step changes the ratio of the weights by the same share as anywhere.
    rate   of Adam: about what one step changes
    first  λ at the first step
    """

    form: Form
    rate: float
    first: float

    def initial(self) -> State:
        """The memory before the first step."""
        first = self.first if self.form == "published" else math.log(self.first / (1 - self.first))
        zero = torch.zeros(())
        return {"multiplier": torch.tensor(first), "second_moment": zero, "step": torch.zeros((), dtype=torch.int64)}

    def weights(self, state: State) -> tuple[Tensor, Tensor]:
        """1 - λ and λ, each to float32's precision if the form allows that."""
        value = state["multiplier"]
        return (1 - value, value) if self.form == "published" else (torch.sigmoid(-value), torch.sigmoid(value))

    def moved(self, state: State, slack: Tensor) -> State:
        """The memory after a step of this slack, which is a constant here: what is held less its target."""
        gradient, step = slack.detach(), state["step"] + 1
        second = FORGETTING * state["second_moment"] + (1 - FORGETTING) * gradient.square()
        corrected = second / (1 - FORGETTING**step)
        value = state["multiplier"] + self.rate * gradient / (corrected.sqrt() + EPSILON)
        return {"multiplier": value.clamp(*self._range), "second_moment": second, "step": step}

    def clamped(self, state: State, slack: Tensor) -> Tensor:
        """Whether the multiplier lies on an end of its range and the slack still pushes it outwards, bool."""
        (low, high), value = self._range, state["multiplier"]
        return ((value >= high) & (slack > 0)) | ((value <= low) & (slack < 0))

    @property
    def _range(self) -> tuple[float, float]:
        # as float32 has them: a clamped tensor lies on the end exactly
        ends = (LOWEST, HIGHEST) if self.form == "published" else (-WIDEST, WIDEST)
        low, high = torch.tensor(ends).tolist()
        return low, high
