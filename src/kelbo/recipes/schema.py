"""A recipe: a whole experiment as typed, validated data.

Every field has a default or is required, a unit in its text, and a path ("objective.beta") by which `--set` and error
messages name it. Nothing here knows a class of kelbo: `recipes/build.py` turns a recipe into objects.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from kelbo.recipes.data import SETS as SETS
from kelbo.recipes.data import Data, Spec, split_seed_of, untold

# ── model ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Higgins(Spec):
    kind: Literal["higgins"] = "higgins"
    width: int = Field(default=1200, ge=1)


class Burgess(Spec):
    kind: Literal["burgess"] = "burgess"
    channels: int = Field(default=32, ge=1)
    hidden: int = Field(default=256, ge=1)


class Rybkin(Spec):
    kind: Literal["rybkin"] = "rybkin"
    channels: int = Field(default=32, ge=1)


Network = Annotated[Higgins | Burgess | Rybkin, Field(discriminator="kind")]


class ModelSpec(Spec):
    kind: Literal["vae", "autoencoder"] = "vae"
    """autoencoder: the baseline without noise, rate and bound"""
    latents: int = Field(default=10, ge=1)
    """latent dimensions"""
    network: Network = Burgess()


# ── likelihood ────────────────────────────────────────────────────────────────────────────────────────────────────────


class LocationSpec(Spec):
    mean_activation: Literal["identity", "sigmoid"] = "sigmoid"
    """from the decoder's output to the mean"""


class FixedGaussian(LocationSpec):
    kind: Literal["fixed_gaussian"] = "fixed_gaussian"
    sigma: float = Field(default=1.0, gt=0)
    """intensities in [0, 1]"""


class SharedGaussian(LocationSpec):
    kind: Literal["shared_gaussian"] = "shared_gaussian"


class AnalyticSpec(LocationSpec):
    detach: bool = False
    """stop the gradient through the analytic σ"""
    momentum: float = Field(default=0.99, ge=0, lt=1)
    """of the running training-set estimate of σ² that evaluation uses"""
    as_published: bool = False
    """the release's soft-clipped σ of the evaluation batch itself: flatters the numbers"""


class OptimalGaussian(AnalyticSpec):
    kind: Literal["optimal_gaussian"] = "optimal_gaussian"
    """one σ for the batch"""


class PerImageGaussian(AnalyticSpec):
    kind: Literal["per_image_gaussian"] = "per_image_gaussian"


class PerPixelGaussian(LocationSpec):
    kind: Literal["per_pixel_gaussian"] = "per_pixel_gaussian"


class AveragedSquaredError(LocationSpec):
    kind: Literal["mse_vae"] = "mse_vae"
    """the baseline that averages squared errors over pixels and batch: a Gaussian of σ² = B·D/2"""


class Laplace(LocationSpec):
    kind: Literal["laplace"] = "laplace"
    scale: float | None = Field(default=None, gt=0)
    """intensities; null learns it"""


class StudentT(LocationSpec):
    kind: Literal["student_t"] = "student_t"


class Bernoulli(Spec):
    kind: Literal["bernoulli"] = "bernoulli"


class ContinuousBernoulli(Spec):
    kind: Literal["continuous_bernoulli"] = "continuous_bernoulli"


class Categorical(Spec):
    kind: Literal["categorical"] = "categorical"


class BitwiseCategorical(Spec):
    kind: Literal["bitwise_categorical"] = "bitwise_categorical"


class Logistic(Spec):
    kind: Literal["logistic"] = "logistic"


class LogisticMixture(Spec):
    kind: Literal["logistic_mixture"] = "logistic_mixture"
    components: int = Field(default=10, ge=1)


Likelihood = Annotated[
    FixedGaussian
    | SharedGaussian
    | OptimalGaussian
    | PerImageGaussian
    | PerPixelGaussian
    | AveragedSquaredError
    | Laplace
    | StudentT
    | Bernoulli
    | ContinuousBernoulli
    | Categorical
    | BitwiseCategorical
    | Logistic
    | LogisticMixture,
    Field(discriminator="kind"),
]

# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Elbo(Spec):
    kind: Literal["elbo"] = "elbo"


class Beta(Spec):
    kind: Literal["beta"] = "beta"
    beta: float = Field(default=1.0, ge=0)
    """weight of the rate; 1 is the ELBO"""
    warmup: int = Field(default=0, ge=0)
    """steps over which it rises from 0"""


class Capacity(Spec):
    kind: Literal["capacity"] = "capacity"
    gamma: float = Field(default=1000.0, ge=0)
    capacity: float = Field(default=25.0, ge=0)
    """final rate, nats"""
    steps: int = Field(default=100_000, ge=1)
    """over which the capacity rises from 0"""


Objective = Annotated[Elbo | Beta | Capacity, Field(discriminator="kind")]

# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


Fraction = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Spec):
    kind: Literal["adam", "adamw", "adagrad"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """of adam and adamw"""
    weight_decay: float = Field(default=0.0, ge=0)
    """of the networks' weights; a likelihood's own parameters have none"""


class ScheduleSpec(Spec):
    warmup: int = Field(default=0, ge=0)
    """steps over which the learning rate rises linearly"""


class Constant(ScheduleSpec):
    kind: Literal["constant"] = "constant"


class Drop(ScheduleSpec):
    kind: Literal["drop"] = "drop"
    at: float = Field(default=0.75, gt=0, lt=1)
    """fraction of the steps"""
    factor: float = Field(default=0.2, gt=0)


class Cosine(ScheduleSpec):
    kind: Literal["cosine"] = "cosine"
    final: float = Field(default=0.0, ge=0)
    """of the initial learning rate"""


Schedule = Annotated[Constant | Drop | Cosine, Field(discriminator="kind")]


class Training(Spec):
    steps: int = Field(ge=1)
    batch_size: int = Field(default=128, ge=1)
    """examples a step, over all processes together"""
    clip: float | None = Field(default=None, gt=0)
    """largest global gradient norm"""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """decay of the weights' moving average, which evaluation then uses"""
    log_every: int = Field(default=50, ge=1)
    """steps"""
    checkpoint_every: int = Field(default=500, ge=1)
    """steps"""
    pictures_every: int = Field(default=500, ge=1)
    """steps"""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """of the networks; likelihoods and KL are always float32"""


class Recipe(Spec):
    """Everything that a run depends on but the machine; two runs of one recipe on one CPU are equal."""

    name: str
    data: Data
    model: ModelSpec = ModelSpec()
    likelihood: Likelihood = OptimalGaussian()
    objective: Objective = Beta()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Constant()
    training: Training
    seed: int = Field(default=0, ge=0)

    @property
    def split_seed(self) -> int:
        """Of the draw of test images, where the data come without a test split."""
        return split_seed_of(self.data, self.seed)

    @property
    def fingerprint(self) -> str:
        """Names the experiment whatever its seed and wherever its files lie, so replicas group by themselves."""
        body = self.model_dump(mode="json", exclude={"seed": True, "name": True, "data": untold(self.data)})
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
