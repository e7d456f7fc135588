"""The multiplier of a constraint, which rises while there is too much of what is held, inside the memory of an objective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kelbo.protocols import State

Form = Literal["published", "log_odds"]
Ends = tuple[float, float]

LOWEST, HIGHEST = 1e-4, 0.9999
"""to which the published form clamps its multiplier after each step"""
WIDEST = 20.0
"""|log-odds| at which the other form stops at the latest: weights 5e8 apart, beyond which float32 would lose the smaller one"""
NATS_FOR_NATS = math.log(HIGHEST / LOWEST)
"""|log-odds| at which it stops where a nat is weighed against a nat of a likelihood whose spread is free: near the best code
these weigh alike, and nobody pays 9,999 of one for one of the other"""
STEEPEST = 10.0
"""times the slope of a rate-distortion curve with rate in every dimension, beyond which a target is at the model's limit"""
FORGETTING, EPSILON = 0.999, 1e-8
"""Adam's β₂ and ε; its β₁ is 0, so a step has the sign of its own slack"""


@dataclass(frozen=True)
class Multiplier:
    """λ in (0, 1), which weighs what is held, beside 1 - λ for what is minimised. It rises while the slack is positive.

    form   "published": λ itself moves by Adam, and is clamped to [1e-4, 0.9999]. "log_odds": ln(λ / (1 - λ)) moves, in
           proportion to the slack as a share, so that a step changes the ratio of the weights alike anywhere.
    rate   of Adam: about what one step changes; of log_odds, the most that one step changes
    first  λ at the first step
    ends   of the log-odds, between which they stay. What winds up while a model is still learning must unwind
           afterwards, so they should be no farther apart than the target can ask for.
    """

    form: Form
    rate: float
    first: float
    ends: Ends = (-WIDEST, WIDEST)

    def initial(self) -> State:
        """The memory before the first step."""
        first = self.first if self.form == "published" else math.log(self.first / (1 - self.first))
        multiplier, step = torch.tensor(first).clamp(*self._range), torch.zeros((), dtype=torch.int64)
        return {"multiplier": multiplier, "second_moment": torch.zeros(()), "step": step}

    def weights(self, state: State) -> tuple[Tensor, Tensor]:
        """1 - λ and λ, each to float32's precision if the form allows that."""
        value = state["multiplier"]
        return (1 - value, value) if self.form == "published" else (torch.sigmoid(-value), torch.sigmoid(value))

    def moved(self, state: State, slack: Tensor, share: Tensor) -> State:
        """The memory after a step of this slack, what is held less its target, which is a constant here.

        share: the slack as a share, ±1 about one e-fold: ln(held / target) of what is positive.
        """
        step, second = state["step"] + 1, state["second_moment"]
        if self.form == "log_odds":
            value = state["multiplier"] + self.rate * share.detach().clamp(-1.0, 1.0)
        else:
            gradient = slack.detach()
            second = FORGETTING * second + (1 - FORGETTING) * gradient.square()
            corrected = second / (1 - FORGETTING**step)
            value = state["multiplier"] + self.rate * gradient / (corrected.sqrt() + EPSILON)
        return {"multiplier": value.clamp(*self._range), "second_moment": second, "step": step}

    def clamped(self, state: State, slack: Tensor) -> Tensor:
        """Whether the multiplier lies on an end of its range and the slack still pushes it outwards, bool."""
        (low, high), value = self._range, state["multiplier"]
        return ((value >= high) & (slack > 0)) | ((value <= low) & (slack < 0))

    @property
    def _range(self) -> Ends:
        # as float32 has them: a clamped tensor lies on the end exactly
        ends = (LOWEST, HIGHEST) if self.form == "published" else self.ends
        low, high = torch.tensor(ends).tolist()
        return low, high
