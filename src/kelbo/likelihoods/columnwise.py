"""Rows of a table: a likelihood of real numbers for the columns of real numbers, Bernoulli for the binary ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from kelbo.errors import RecipeError
from kelbo.likelihoods.analytic_gaussian import AnalyticGaussian
from kelbo.likelihoods.bernoulli import Bernoulli
from kelbo.likelihoods.heads import require_shape
from kelbo.likelihoods.wrapped import Wrapped
from kelbo.protocols import Likelihood


class Columnwise(Wrapped):
    """p(x | z) of rows x (B, D) in the columns' own units.

    Columns of real numbers are standardised, (x - mean) / scale, and then have the distribution `inner`; their nats are
    inner's, less the sum of ln scale, so that the density is over x itself. Binary columns, 0 and 1, are independent
    Bernoulli masses. So exp(log_prob) integrates to 1 over the real columns, summed over the binary ones: kind is "density".

    mean, scale: (D,), kept with the weights; not read for binary columns. binary: which columns are. The decoder's output is
    (B, output_channels(D)): what `inner` takes for the real columns, then a logit for each binary one. `mean`, `variance`,
    `sample` and `cdf` have the columns' own units; σ, its floor and what `settle` takes are in standard deviations of the
    columns, as `standardised` is. RecipeError unless inner is a density of real numbers and a column is real.
    """

    centre: Tensor
    scale: Tensor
    real: Tensor
    choice: Tensor

    def __init__(self, inner: Likelihood, mean: Tensor, scale: Tensor, binary: Sequence[bool]) -> None:
        super().__init__(inner)
        if inner.support != "real":
            raise RecipeError(
                f"{type(inner).__name__} is no density of real numbers, so a table's columns cannot have it."
            )
        if all(binary):
            raise RecipeError("All columns are binary: use Bernoulli.")
        self.yes_no = Bernoulli()
        columns = torch.arange(len(binary))
        marks = torch.tensor(list(binary))
        self.register_buffer("centre", mean.float().clone())
        self.register_buffer("scale", scale.float().clone())
        # not persistent, since the recipe's data hold them
        self.register_buffer("real", columns[~marks], persistent=False)
        self.register_buffer("choice", columns[marks], persistent=False)

    def output_channels(self, channels: int) -> int:
        return self.inner.output_channels(len(self.real)) + len(self.choice)

    def _parts(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """What the real columns' distribution takes, and the logits of the binary ones."""
        count = self.inner.output_channels(len(self.real))
        return output[:, :count], output[:, count:]

    def _standard(self, x: Tensor) -> Tensor:
        """The real columns of rows (B, D), standardised, (B, R)."""
        return ((x.float() - self.centre) / self.scale)[:, self.real]

    def _joined(self, real: Tensor, binary: Tensor) -> Tensor:
        """Values of the real columns (B, R) and of the binary ones as rows (B, D)."""
        order = torch.cat([self.real, self.choice]).argsort()
        return torch.cat([real, binary], 1)[:, order]

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        real, logits = self._parts(output)
        value = self.inner.log_prob(self._standard(x), real) - self.scale[self.real].log().sum()
        return value + self.yes_no.log_prob(x[:, self.choice], logits) if len(self.choice) else value

    def mean(self, output: Tensor) -> Tensor:
        return self.moments(output)[0]

    def variance(self, output: Tensor) -> Tensor:
        return self.moments(output)[1]

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        real, logits = self._parts(output)
        mean, variance = self.inner.moments(real)
        scale = self.scale[self.real]
        return (
            self._joined(mean * scale + self.centre[self.real], self.yes_no.mean(logits)),
            self._joined(variance * scale.square(), self.yes_no.variance(logits)),
        )

    def errors(self, x: Tensor, output: Tensor) -> Tensor:
        """Of real columns in standard deviations, then of the binary ones, (B, D)."""
        real, logits = self._parts(output)
        return torch.cat([self._standard(x) - self.inner.mean(real), x[:, self.choice] - self.yes_no.mean(logits)], 1)

    def standardised(self, x: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        real, _ = self._parts(output)
        mean, variance = self.inner.moments(real)
        return self._standard(x) - mean, variance

    def floored(self, output: Tensor) -> Tensor | None:
        """Which real columns' σ lies on its floor, bool (B, R)."""
        return self.inner.floored(self._parts(output)[0])

    def sample(self, output: Tensor) -> Tensor:
        real, logits = self._parts(output)
        drawn = self.inner.sample(real) * self.scale[self.real] + self.centre[self.real]
        return self._joined(drawn, self.yes_no.sample(logits))

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        require_shape(self, x, output)
        real, logits = self._parts(output)
        return self._joined(
            self.inner.cdf(self._standard(x), real, strict), self.yes_no.cdf(x[:, self.choice], logits, strict)
        )

    def solve(self, x: Tensor, output: Tensor) -> Tensor:
        """σ² of a whole step's rows, in squared standard deviations, where `inner` solves for it."""
        return cast(AnalyticGaussian, self.inner).solve(self._standard(x), self._parts(output)[0])
