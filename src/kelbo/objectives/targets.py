"""What a run is held at: a number in a unit that people use, and the course by which training comes to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from kelbo.errors import RecipeError
from kelbo.protocols import Model
from kelbo.units import (
    bits_of_squared_error,
    nats_of,
    psnr_of,
    squared_error_of,
    squared_error_of_bits,
)

Unit = Literal["squared_error", "psnr", "nats", "bits_per_dim"]
"""squared_error: summed over an example, intensities in [0, 1] (of tables, standard deviations). psnr: decibels. nats: per
example. bits_per_dim: of a mass, or of a Gaussian's dequantised density on the scale of the levels."""
NOTHING = torch.finfo(torch.float32).eps ** 2
"""squared error of a number, below which two float32 are equal"""
GREY = 0.25
"""squared error of a pixel, which ½ is never farther from than this"""
Held = Literal["squared_error", "distortion", "rate"]
"""what a target is of: a squared error, or nats of either"""


class Standing(NamedTuple):
    """What is held, beside its target at the end of training: squared error or nats of an example.

    in_unit, target_in_unit: both in the unit that the target was stated in.
    """

    held: Held
    value: float
    target: float
    unit: Unit
    in_unit: float
    target_in_unit: float

    @property
    def slack(self) -> float:
        """What is held less its target."""
        return self.value - self.target

    @property
    def slack_in_unit(self) -> float:
        """The same in the target's unit: of a PSNR, which falls as the error rises, of the other sign."""
        return self.in_unit - self.target_in_unit


@dataclass(frozen=True)
class Target:
    """The target at each step, in the one unit of its kind: squared error, or nats per example.

    value     what is held in the end, in `unit`
    start     what is held at the first step, if not that
    steps     over which the target moves from there: linearly, or in `jumps` equal jumps, the last of them at the end
    dims      numbers of an example
    levels    of a pixel, if a Gaussian's bits/dim are held, and so its squared error
    sigma     that Gaussian's σ; None if it is solved for
    """

    value: float
    unit: Unit
    start: float | None = None
    steps: int = 0
    jumps: int = 0
    dims: int = 1
    levels: int | None = None
    sigma: float | None = None

    @property
    def of_errors(self) -> bool:
        """Whether it is a squared error; else it is nats."""
        return self.unit in ("squared_error", "psnr") or self.levels is not None

    @property
    def steepest(self) -> float:
        """The slope -dR/dD of a rate-distortion curve at the smallest squared error that is held, at most.

        A code with the squared error D spends its last nats on parts that have an error θ each, and no part has a larger one
        if it can be coded: D ≤ dims·θ. The curve's slope there is 1/(2θ), so at most dims/(2D); equal if all have rate.
        """
        stated = [self.value, *([] if self.start is None else [self.start])]
        return self.dims / (2 * min(float(self.converted(value)) for value in stated))

    def at(self, step: Tensor) -> Tensor:
        """The target of a step (int64, 0 for the first), float32, where `step` is."""
        stated = torch.full((), self.value, device=step.device)
        if self.start is not None:
            done = (step / max(1, self.steps)).clamp(max=1.0)
            done = (done * self.jumps).floor() / self.jumps if self.jumps else done
            stated = self.start + (self.value - self.start) * done
        return self.converted(stated)  # pyright: ignore[reportReturnType]  a tensor's

    def converted(self, stated: Tensor | float) -> Tensor | float:
        """From the unit in which the target is stated to squared error or nats of an example: the only place."""
        value: Any = stated
        match self.unit:
            case "psnr":
                return squared_error_of(value, self.dims)
            case "bits_per_dim" if self.levels is not None:
                return squared_error_of_bits(value, self.dims, self.levels, self.sigma)
            case "bits_per_dim":
                return nats_of(value, self.dims)
            case _:
                return value

    def stated(self, value: Tensor) -> Tensor:
        """From squared error or nats of an example to the unit in which the target is stated, the inverse of `converted`."""
        match self.unit:
            case "psnr":
                return psnr_of(value, self.dims)
            case "bits_per_dim" if self.levels is not None:
                return bits_of_squared_error(value, self.dims, self.levels, self.sigma)
            case "bits_per_dim":
                return value / nats_of(1.0, self.dims)
            case _:
                return value

    def told(self, value: Tensor, step: Tensor) -> dict[str, Tensor]:
        """Target and slack of a step, and the slack in the target's unit too if that is another."""
        value, target = value.detach(), self.at(step)
        told = {"target": target, "slack": value - target}
        if self.unit in ("psnr", "bits_per_dim"):
            told[f"slack_{self.unit}"] = self.stated(value) - self.stated(target)
        return told

    def standing(self, held: Held, value: Tensor) -> Standing:
        """What is held beside the target at the end of training."""
        target = torch.as_tensor(self.converted(self.value), dtype=torch.float64)
        value = value.detach().double()
        return Standing(held, float(value), float(target), self.unit, float(self.stated(value)), self.value)

    def suited(self, model: Model, levels: int | None) -> Target:
        """The target for this model's examples and likelihood. RecipeError if they have no such unit, or not such a value."""
        likelihood = model.likelihood
        target = replace(self, dims=math.prod(model.event))
        if self.unit == "psnr" and levels is None:
            raise RecipeError(
                "objective.unit is 'psnr', which is of intensities in [0, 1]; these examples are rows of numbers. State "
                "objective.target as squared_error (in standard deviations of the columns) or in nats."
            )
        if self.unit == "bits_per_dim" and likelihood.kind == "density":
            if levels is None or likelihood.sigma_from not in ("given", "solved"):
                raise RecipeError(
                    f"objective.unit is 'bits_per_dim', which {type(likelihood).__name__} has only by a longer measurement: of "
                    "densities, Gaussians of one σ that is given or solved for have them at a known squared error. State "
                    "objective.target in nats or as squared_error."
                )
            target = replace(target, levels=levels, sigma=_sigma(model) if likelihood.sigma_from == "given" else None)
        for setting, stated in (("target", self.value), ("start", self.start)):
            if stated is not None:
                target.require_possible(setting, stated, levels, mass=likelihood.kind == "mass")
        return target

    def require_possible(self, setting: str, stated: float, levels: int | None, *, mass: bool) -> None:
        """RecipeError for a value that no model has, by the setting that states it."""
        value, told = float(self.converted(stated)), f"objective.{setting} is {stated:g} {self.unit}"
        if not self.of_errors:
            if value <= 0 and mass:
                raise RecipeError(f"{told}, and a mass has more than 0. Choose more.")
            return
        told = told if self.unit == "squared_error" else f"{told}, a squared error of {value:.3g}"
        closer, farther = ("less", "more") if self.unit == "psnr" else ("more", "less")
        if value <= 0:
            raise RecipeError(
                f"objective.{setting} is {stated:g} {self.unit}, less than the levels' own noise. Choose more."
            )
        if value < NOTHING * self.dims:
            raise RecipeError(f"{told}, which float32 does not tell from 0. Choose {closer}.")
        if levels is not None and value >= GREY * self.dims:
            raise RecipeError(
                f"{told}: one grey picture, which needs no rate, is never farther from any than {GREY * self.dims:g}. "
                f"Choose {farther}."
            )


def _sigma(model: Model) -> float:
    """The given σ of a Gaussian, intensities."""
    *before, channels, height, width = model.event
    output = torch.zeros(1, *before, model.likelihood.output_channels(channels), height, width, device=model.device)
    return float(model.likelihood.variance(output).mean().sqrt())


def require_rate(model: Model, kind: str) -> None:
    """RecipeError for a model without a rate, which nothing could be traded for."""
    if not model.has_rate:
        raise RecipeError(
            f"objective.kind {kind!r} trades rate for distortion, and {type(model).__name__} has no rate. Use model.kind vae, "
            "or objective.kind elbo."
        )
