"""What a run is held at: a number in a unit that people use, and the course by which training comes to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from kelbo.errors import RecipeError
from kelbo.protocols import Model
from kelbo.units import nats_of, squared_error_of, squared_error_of_bits

Unit = Literal["squared_error", "psnr", "nats", "bits_per_dim"]
"""squared_error: summed over an example, intensities in [0, 1] (of tables, standard deviations). psnr: decibels. nats: per
example. bits_per_dim: of a mass, or of a Gaussian's dequantised density on the scale of the levels."""


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
            if stated is not None and target.converted(stated) <= 0 and (target.of_errors or likelihood.kind == "mass"):
                what = "less than the levels' own noise" if target.of_errors else "and a mass has more than 0"
                raise RecipeError(f"objective.{setting} is {stated:g} {self.unit}, {what}. Choose more.")
        return target


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
