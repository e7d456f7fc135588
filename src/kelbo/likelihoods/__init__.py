"""Likelihoods p(x | z) in nats per example, constants kept; each states whether it is a density or a mass."""

from kelbo.likelihoods.analytic_gaussian import OptimalGaussian, PerImageGaussian
from kelbo.likelihoods.bernoulli import Bernoulli
from kelbo.likelihoods.categorical import BitwiseCategorical, Categorical
from kelbo.likelihoods.columnwise import Columnwise
from kelbo.likelihoods.continuous_bernoulli import ContinuousBernoulli
from kelbo.likelihoods.frames import Framewise
from kelbo.likelihoods.gaussian import AveragedSquaredError, FixedGaussian, PerPixelGaussian, SharedGaussian
from kelbo.likelihoods.laplace import Laplace
from kelbo.likelihoods.logistic import DiscretizedLogistic
from kelbo.likelihoods.logistic_mixture import DiscretizedLogisticMixture
from kelbo.likelihoods.published_mixture import PublishedLogisticMixture
from kelbo.likelihoods.student import StudentT

__all__ = [
    "AveragedSquaredError",
    "Bernoulli",
    "BitwiseCategorical",
    "Categorical",
    "Columnwise",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "FixedGaussian",
    "Framewise",
    "Laplace",
    "OptimalGaussian",
    "PerImageGaussian",
    "PerPixelGaussian",
    "PublishedLogisticMixture",
    "SharedGaussian",
    "StudentT",
]
