"""A recipe's likelihood: the decoder's distribution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kelbo.recipes.spec import Spec


class LocationSpec(Spec):
    mean_activation: Literal["identity", "sigmoid"] = "sigmoid"
    """from the decoder's output to the mean"""


class FixedGaussianSpec(LocationSpec):
    kind: Literal["fixed_gaussian"] = "fixed_gaussian"
    sigma: float = Field(default=1.0, gt=0)
    """intensities in [0, 1]"""


class SharedGaussianSpec(LocationSpec):
    kind: Literal["shared_gaussian"] = "shared_gaussian"
    initial_sigma: float = Field(default=1.0, gt=0)
    """intensities; ln σ then moves by about the learning rate a step"""


class AnalyticSpec(LocationSpec):
    detach: bool = False
    """stop the gradient through the analytic σ"""
    momentum: float = Field(default=0.99, ge=0, lt=1)
    """of the running training-set estimate of σ² that evaluation uses"""
    as_published: bool = False
    """the release's soft-clipped σ of the evaluation batch itself: flatters the numbers"""


class OptimalGaussianSpec(AnalyticSpec):
    kind: Literal["optimal_gaussian"] = "optimal_gaussian"
    """one σ for the batch"""


class PerImageGaussianSpec(AnalyticSpec):
    kind: Literal["per_image_gaussian"] = "per_image_gaussian"


class PerPixelGaussianSpec(LocationSpec):
    kind: Literal["per_pixel_gaussian"] = "per_pixel_gaussian"


class AveragedSquaredErrorSpec(LocationSpec):
    kind: Literal["mse_vae"] = "mse_vae"
    """the baseline that averages squared errors over pixels and batch: a Gaussian of σ² = B·D/2"""


class LaplaceSpec(LocationSpec):
    kind: Literal["laplace"] = "laplace"
    scale: float | None = Field(default=None, gt=0)
    """intensities; null learns it"""


class StudentTSpec(LocationSpec):
    kind: Literal["student_t"] = "student_t"


class BernoulliSpec(Spec):
    kind: Literal["bernoulli"] = "bernoulli"


class ContinuousBernoulliSpec(Spec):
    kind: Literal["continuous_bernoulli"] = "continuous_bernoulli"


class CategoricalSpec(Spec):
    kind: Literal["categorical"] = "categorical"


class BitwiseCategoricalSpec(Spec):
    kind: Literal["bitwise_categorical"] = "bitwise_categorical"


class LogisticSpec(Spec):
    kind: Literal["logistic"] = "logistic"


class LogisticMixtureSpec(Spec):
    kind: Literal["logistic_mixture"] = "logistic_mixture"
    components: int = Field(default=10, ge=1)


class PublishedMixtureSpec(Spec):
    kind: Literal["logistic_mixture_as_published"] = "logistic_mixture_as_published"
    """as the releases of PixelCNN++ and VDVAE compute it, masses below 1e-5 by a density: for weights trained with it"""
    components: int = Field(default=10, ge=1)


LikelihoodSpec = Annotated[
    FixedGaussianSpec
    | SharedGaussianSpec
    | OptimalGaussianSpec
    | PerImageGaussianSpec
    | PerPixelGaussianSpec
    | AveragedSquaredErrorSpec
    | LaplaceSpec
    | StudentTSpec
    | BernoulliSpec
    | ContinuousBernoulliSpec
    | CategoricalSpec
    | BitwiseCategoricalSpec
    | LogisticSpec
    | LogisticMixtureSpec
    | PublishedMixtureSpec,
    Field(discriminator="kind"),
]
