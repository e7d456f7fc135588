"""Posteriors q(z | x) and priors p(z)."""

from kelbo.latents.diagonal_gaussian import DiagonalGaussian
from kelbo.latents.priors import StandardNormal

__all__ = ["DiagonalGaussian", "StandardNormal"]
