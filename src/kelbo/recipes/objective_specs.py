"""A recipe's objective: what becomes of rate and distortion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from kelbo.recipes.spec import Spec


class ElboSpec(Spec):
    kind: Literal["elbo"] = "elbo"


class GroupsSpec(Spec):
    free_bits: float = Field(default=0.0, ge=0)
    """floor on the mean rate of each group of latents, nats: below it a group costs nothing more; 0 for none"""
    balance: int = Field(default=0, ge=0)
    """steps for which each group's rate is weighed by its share of all, so that small ones may grow; 0 for none"""


class BetaSpec(GroupsSpec):
    kind: Literal["beta"] = "beta"
    beta: float = Field(default=1.0, ge=0)
    """weight of the rate; 1 is the ELBO"""
    warmup: int = Field(default=0, ge=0)
    """steps over which it rises from 0"""
    warmup_from: float = Field(default=0.0, ge=0, lt=1)
    """share of beta below which the weight never is in the warm-up"""


class CapacitySpec(Spec):
    kind: Literal["capacity"] = "capacity"
    gamma: float = Field(default=1000.0, ge=0)
    capacity: float = Field(default=25.0, ge=0)
    """final rate, nats"""
    steps: int = Field(default=100_000, ge=1)
    """over which the capacity rises from 0"""


class TargetSpec(GroupsSpec):
    """What two objectives share: a number that is held, and the multiplier that holds it."""

    unit: Literal["squared_error", "psnr", "nats", "bits_per_dim"]
    target: float | None = None
    """what is held, in `unit`; nothing is trained without one, so that sweeps can vary it"""
    start: float | None = None
    """what is held at the first step, if the target is to move"""
    steps: int = Field(default=0, ge=0)
    """over which the target moves from `start`; training has so many if this is 0"""
    jumps: int = Field(default=0, ge=0)
    """equal jumps in which it moves; 0 moves it linearly"""
    form: Literal["published", "log_odds"] = "published"
    """whether the multiplier itself moves, clamped to [1e-4, 0.9999], or its log-odds, which reach small targets"""
    multiplier_rate: float | None = Field(default=None, gt=0)
    """of the published form the learning rate of the multiplier's Adam, of log_odds the most that one step changes; null: 2e-4
    and 0.01"""

    @field_validator("target", "start")
    @classmethod
    def _positive(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Of any unit but the nats of a density, which may be negative."""
        units = {"squared_error": "a squared error", "psnr": "a PSNR", "bits_per_dim": "bits per dimension"}
        what = "a rate" if cls is RateTargetSpec else units.get(info.data.get("unit", ""))
        if value is not None and what and value <= 0:
            raise ValueError(f"it must be positive, since it is {what}")
        return value


class DistortionTargetSpec(TargetSpec):
    kind: Literal["distortion_target"] = "distortion_target"
    """the least rate at a distortion"""
    unit: Literal["squared_error", "psnr", "nats", "bits_per_dim"] = "squared_error"
    """of the target. squared_error: summed over an example, intensities in [0, 1] (of tables, standard deviations); psnr:
    decibels; nats: -log p(x | z) of an example; bits_per_dim: the same of a mass"""


class RateTargetSpec(TargetSpec):
    kind: Literal["rate_target"] = "rate_target"
    """the least distortion, in nats, at a rate"""
    unit: Literal["nats", "bits_per_dim"] = "nats"  # pyright: ignore[reportIncompatibleVariableOverride]  narrower
    """of the target"""


ObjectiveSpec = Annotated[
    ElboSpec | BetaSpec | CapacitySpec | DistortionTargetSpec | RateTargetSpec, Field(discriminator="kind")
]
