"""Posteriors q(z | x) and priors p(z)."""

from kelbo.latents.diagonal_gaussian import DiagonalGaussian
from kelbo.latents.priors import standard_normal_log_prob, standard_normal_sample

__all__ = ["DiagonalGaussian", "standard_normal_log_prob", "standard_normal_sample"]
