"""A distortion, or a rate, that is held at a target while the other is minimised, by a multiplier that training moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kelbo.bound import AnyBound, ErrorBound
from kelbo.objectives.group_rates import PLAIN, GroupRates
from kelbo.objectives.multiplier import HIGHEST, LOWEST, NATS_FOR_NATS, STEEPEST, WIDEST, Ends, Form, Multiplier
from kelbo.objectives.targets import Standing, Target, require_rate
from kelbo.protocols import Model, State

RATES: dict[Form, float] = {"published": 2e-4, "log_odds": 0.01}
"""the multiplier's rate of each form, if none is given"""
LEAST_RATE = 1.0
"""nats, of which a slack in nats of distortion is a share at least: at the least rate of a distortion the two change alike"""


@dataclass(frozen=True)
class DistortionTarget:
    """(1 - λ)·R + λ·D, with ascent on λ·(D - target): the least rate at a distortion ("Mind Your Bits and Errors").

    D is the mean's squared error if the target is one (or a PSNR), else -log p(x | z) in nats. The multiplier begins at 0.9999.
    A likelihood whose spread is trained (learned or from the decoder, or any but a Gaussian) is trained by its nats either way:
    squared errors would leave the spread untrained. There a squared error only moves the multiplier.

    own_loss, ends: whether that is so, and between what the log-odds of its multiplier stay, which `suited` finds out.
    """

    target: Target
    form: Form = "published"
    rate: float | None = None
    groups: GroupRates = PLAIN
    own_loss: bool = False
    ends: Ends = (-WIDEST, WIDEST)

    @property
    def multiplier(self) -> Multiplier:
        """How λ moves."""
        return Multiplier(self.form, self.rate or RATES[self.form], HIGHEST, self.ends)

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
        ends = ends_of_errors(target) if target.of_errors and not own_loss else _nats_ends(model)
        return replace(self, target=target, groups=self.groups.suited(model), own_loss=own_loss, ends=ends)

    def initial(self) -> State:
        return self.multiplier.initial()

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        of_rate, of_distortion = self.multiplier.weights(state)
        held = self._held(bound)
        distortion = bound.distortion.mean() if self.own_loss else held
        loss = of_rate * self.groups(bound.rate, state["step"]) + of_distortion * distortion
        target = self.target.at(state["step"])
        slack = held - target
        share = _share(held, target) if self.errors else slack / _rate(bound).clamp(min=LEAST_RATE)
        return loss, self.multiplier.moved(state, slack, share)

    def told(self, bound: AnyBound, state: State) -> dict[str, Tensor]:
        """Target, slack and multiplier of a step, and the σ of the Gaussian of that weight, 1/(2σ²) = λ / (1 - λ)."""
        of_rate, of_distortion = self.multiplier.weights(state)
        told = _told(self.multiplier, state, self._held(bound), self.target)
        if self.errors and not self.own_loss:
            told["implied_sigma"] = torch.sqrt(of_rate / (2 * of_distortion))
        return told

    def standing(self, bound: AnyBound) -> Standing:
        """The distortion of a bound beside its target at the end of training."""
        return self.target.standing("squared_error" if self.errors else "distortion", self._held(bound))

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
    ends: Ends = (-WIDEST, WIDEST)

    @property
    def multiplier(self) -> Multiplier:
        """How λ moves."""
        return Multiplier(self.form, self.rate or RATES[self.form], LOWEST, self.ends)

    @property
    def additive(self) -> bool:
        """Whether the loss of a batch is the mean of the losses of its equal parts."""
        return self.groups.additive

    def suited(self, model: Model, levels: int | None) -> RateTarget:
        """The objective for this model's examples. RecipeError if it has no rate."""
        require_rate(model, "rate_target")
        target = replace(self.target, dims=math.prod(model.event))
        return replace(self, target=target, groups=self.groups.suited(model), ends=_nats_ends(model))

    def initial(self) -> State:
        return self.multiplier.initial()

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        of_distortion, of_rate = self.multiplier.weights(state)
        loss = of_distortion * bound.distortion.mean() + of_rate * self.groups(bound.rate, state["step"])
        rate, target = _rate(bound), self.target.at(state["step"])
        return loss, self.multiplier.moved(state, rate - target, _share(rate, target))

    def told(self, bound: AnyBound, state: State) -> dict[str, Tensor]:
        """Target, slack and multiplier of a step."""
        return _told(self.multiplier, state, _rate(bound), self.target)

    def standing(self, bound: AnyBound) -> Standing:
        """The rate of a bound beside its target at the end of training."""
        return self.target.standing("rate", _rate(bound))


def ends_of_errors(target: Target) -> Ends:
    """Of a multiplier that weighs squared errors: up to some times the steepest slope of a curve through the target."""
    return -WIDEST, min(WIDEST, math.log(STEEPEST * target.steepest))


def _nats_ends(model: Model) -> Ends:
    """Of a multiplier that weighs nats against nats; with a given σ these have any scale."""
    widest = WIDEST if model.likelihood.sigma_from == "given" else NATS_FOR_NATS
    return -widest, widest


def _share(held: Tensor, target: Tensor) -> Tensor:
    return torch.log(held / target)


def _rate(bound: AnyBound) -> Tensor:
    return bound.rate.sum(-1).mean()


def _told(multiplier: Multiplier, state: State, held: Tensor, target: Target) -> dict[str, Tensor]:
    told = target.told(held, state["step"])
    clamped = multiplier.clamped(state, told["slack"]).float()
    return told | {"multiplier": multiplier.weights(state)[1], "clamp_active": clamped}
