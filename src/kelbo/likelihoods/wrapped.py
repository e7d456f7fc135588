"""Likelihoods that are made of another one, whose σ is theirs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, cast

from torch import Tensor

from kelbo.likelihoods.analytic_gaussian import AnalyticGaussian
from kelbo.protocols import Likelihood, SigmaFrom


class Wrapped(Likelihood):
    """Base class: kind, support, σ and the rest are those of `inner`."""

    def __init__(self, inner: Likelihood) -> None:
        super().__init__()
        self.inner = inner

    # the base class fixes these three for a class; here they depend on the instance

    @property
    def kind(self) -> Literal["density", "mass"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.kind

    @property
    def support(self) -> Literal["levels", "real", "unit"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.support

    @property
    def sigma_from(self) -> SigmaFrom | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.sigma_from

    @property
    def sigma_floor(self) -> float | None:
        return self.inner.sigma_floor

    @property
    def levels(self) -> int | None:
        return self.inner.levels

    @property
    def normalized(self) -> bool:
        return self.inner.normalized

    def forget(self) -> bool:
        return self.inner.forget()

    def settle(self, variance: float | Tensor) -> None:
        self.inner.settle(variance)

    def sharing(self, variance: Tensor) -> AbstractContextManager[None]:
        """As `inner` has it."""
        return cast(AnalyticGaussian, self.inner).sharing(variance)
