"""Posteriors q(z | x) and priors p(z)."""

from kelbo.latents.diagonal_gaussian import DiagonalGaussian
from kelbo.latents.flow import FlowPrior
from kelbo.latents.merge import MERGES, GroupGaussian, gaussian_of
from kelbo.latents.mixture import MixturePrior, PriorByClass
from kelbo.latents.priors import StandardNormal
from kelbo.latents.vamp import Vamp

__all__ = [
    "MERGES",
    "DiagonalGaussian",
    "FlowPrior",
    "GroupGaussian",
    "MixturePrior",
    "PriorByClass",
    "StandardNormal",
    "Vamp",
    "gaussian_of",
]
