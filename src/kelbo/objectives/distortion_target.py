"""A distortion, or a rate, that is held at a target while the other is minimised, by a multiplier that training moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kelbo.bound import AnyBound, ErrorBound
from kelbo.objectives.group_rates import PLAIN, GroupRates
from kelbo.objectives.multiplier import HIGHEST, LOWEST, Form, Multiplier
from kelbo.objectives.targets import Target, require_rate
from kelbo.protocols import Model, State

RATES: dict[Form, float] = {"published": 2e-4, "log_odds": 0.01}
"""the multiplier's learning rate of each form, if none is given"""


@dataclass(frozen=True)
class DistortionTarget:
    """(1 - λ)·R + λ·D, with ascent on λ·(D - target): the least rate at a distortion ("Mind Your Bits and Errors").

    D is the mean's squared error if the target is one (or a PSNR), else -log p(x | z) in nats. The multiplier begins at 0.9999.
    A likelihood whose spread is trained (learned or from the decoder, or any but a Gaussian) is trained by its nats either way:
    squared errors would leave the spread untrained. There a squared error only moves the multiplier.

    own_loss: whether that is so, which `suited` finds out.
    """

    target: Target
    form: Form = "published"
    rate: float | None = None
    groups: GroupRates = PLAIN
    own_loss: bool = False

    @property
    def multiplier(self) -> Multiplier:
        """How λ moves."""
        return Multiplier(self.form, self.rate or RATES[self.form], HIGHEST)

    @property
    def errors(self) -> bool:
        """Whether it needs the bound's squared error."""
        return self.target.of_errors

    @property
    def additive(self) -> bool:
        """Whether the loss of a batch is the mean of the losses of its equal parts."""
        return self.groups.additive

    def suited(self, model: Model, levels: int | None) -> DistortionTarget:
        """The objective for this model's examples and likelihood. RecipeError if they have no such distortion."""
        require_rate(model, "distortion_target")
        target, trained_apart = self.target.suited(model, levels), model.likelihood.sigma_from in ("given", "solved")
        own_loss = target.of_errors and not trained_apart
        return replace(self, target=target, groups=self.groups.suited(model), own_loss=own_loss)

    def initial(self) -> State:
        return self.multiplier.initial()

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        of_rate, of_distortion = self.multiplier.weights(state)
        held = self._held(bound)
        distortion = bound.distortion.mean() if self.own_loss else held
        loss = of_rate * self.groups(bound.rate, state["step"]) + of_distortion * distortion
        return loss, self.multiplier.moved(state, held - self.target.at(state["step"]))

    def told(self, bound: AnyBound, state: State) -> dict[str, Tensor]:
        """Target, slack and multiplier of a step, and the σ of the Gaussian of that weight, 1/(2σ²) = λ / (1 - λ)."""
        of_rate, of_distortion = self.multiplier.weights(state)
        told = _told(self.multiplier, state, self._held(bound), self.target.at(state["step"]))
        if self.errors and not self.own_loss:
            told["implied_sigma"] = torch.sqrt(of_rate / (2 * of_distortion))
        return told

    def _held(self, bound: AnyBound) -> Tensor:
        if not self.errors:
            return bound.distortion.mean()
        if not isinstance(bound, ErrorBound):
            raise ValueError(
                "A target of squared error needs a bound with squared errors: call the model with errors=True."
            )
        return bound.squared_error.mean()


@dataclass(frozen=True)
class RateTarget:
    """(1 - λ)·D + λ·R, with ascent on λ·(R - target): the least distortion, in nats, at a rate. λ begins at 1e-4."""

    target: Target
    form: Form = "published"
    rate: float | None = None
    groups: GroupRates = PLAIN

    @property
    def multiplier(self) -> Multiplier:
        """How λ moves."""
        return Multiplier(self.form, self.rate or RATES[self.form], LOWEST)

    @property
    def additive(self) -> bool:
        """Whether the loss of a batch is the mean of the losses of its equal parts."""
        return self.groups.additive

    def suited(self, model: Model, levels: int | None) -> RateTarget:
        """The objective for this model's examples. RecipeError if it has no rate."""
        require_rate(model, "rate_target")
        target = replace(self.target, dims=math.prod(model.event))
        return replace(self, target=target, groups=self.groups.suited(model))

    def initial(self) -> State:
        return self.multiplier.initial()

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        of_distortion, of_rate = self.multiplier.weights(state)
        loss = of_distortion * bound.distortion.mean() + of_rate * self.groups(bound.rate, state["step"])
        return loss, self.multiplier.moved(state, _rate(bound) - self.target.at(state["step"]))

    def told(self, bound: AnyBound, state: State) -> dict[str, Tensor]:
        """Target, slack and multiplier of a step."""
        return _told(self.multiplier, state, _rate(bound), self.target.at(state["step"]))


def _rate(bound: AnyBound) -> Tensor:
    return bound.rate.sum(-1).mean()


def _told(multiplier: Multiplier, state: State, held: Tensor, target: Tensor) -> dict[str, Tensor]:
    slack = (held - target).detach()
    weight = multiplier.weights(state)[1]
    return {
        "target": target,
        "slack": slack,
        "multiplier": weight,
        "clamp_active": multiplier.clamped(state, slack).float(),
    }
