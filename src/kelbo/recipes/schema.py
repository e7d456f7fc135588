"""A recipe: a whole experiment as typed, validated data.

Every field has a default or is required, a unit in its text, and a path ("objective.beta") by which changes and error
messages name it. Nothing here knows a class of kelbo: `recipes/build.py` turns a recipe into objects.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from kelbo.names import plain
from kelbo.recipes.adversary_specs import (
    AdversarySpec as AdversarySpec,
    BalanceSpec as BalanceSpec,
    DiscriminatorDistanceSpec as DiscriminatorDistanceSpec,
    LarsenAdversarySpec as LarsenAdversarySpec,
    PatchAdversarySpec as PatchAdversarySpec,
    PerceptualDistanceSpec as PerceptualDistanceSpec,
)
from kelbo.recipes.data_specs import DataSpec, outside_fingerprint, split_seed_of
from kelbo.recipes.likelihood_specs import (
    AnalyticSpec as AnalyticSpec,
    AveragedSquaredErrorSpec as AveragedSquaredErrorSpec,
    BernoulliSpec as BernoulliSpec,
    BitwiseCategoricalSpec as BitwiseCategoricalSpec,
    CategoricalSpec as CategoricalSpec,
    ContinuousBernoulliSpec as ContinuousBernoulliSpec,
    FixedGaussianSpec as FixedGaussianSpec,
    LaplaceSpec as LaplaceSpec,
    LikelihoodSpec as LikelihoodSpec,
    LocationSpec as LocationSpec,
    LogisticMixtureSpec as LogisticMixtureSpec,
    LogisticSpec as LogisticSpec,
    OptimalGaussianSpec as OptimalGaussianSpec,
    PerImageGaussianSpec as PerImageGaussianSpec,
    PerPixelGaussianSpec as PerPixelGaussianSpec,
    PublishedMixtureSpec as PublishedMixtureSpec,
    SharedGaussianSpec as SharedGaussianSpec,
    StudentTSpec as StudentTSpec,
)
from kelbo.recipes.model_specs import (
    AutoencoderSpec as AutoencoderSpec,
    BurgessSpec as BurgessSpec,
    FlatSpec as FlatSpec,
    GanSpec as GanSpec,
    HierarchicalSpec as HierarchicalSpec,
    HigginsSpec as HigginsSpec,
    LarsenSpec as LarsenSpec,
    ModelSpec as ModelSpec,
    NetworkSpec as NetworkSpec,
    ResidualSpec as ResidualSpec,
    RybkinSpec as RybkinSpec,
    SecondarySpec as SecondarySpec,
    SpatialSpec as SpatialSpec,
    StandardPriorSpec as StandardPriorSpec,
    VaeSpec as VaeSpec,
    VampSpec as VampSpec,
)
from kelbo.recipes.objective_specs import (
    BetaSpec as BetaSpec,
    CapacitySpec as CapacitySpec,
    DistortionTargetSpec as DistortionTargetSpec,
    ElboSpec as ElboSpec,
    ObjectiveSpec as ObjectiveSpec,
    RateTargetSpec as RateTargetSpec,
    TargetSpec as TargetSpec,
)
from kelbo.recipes.spec import Place, Spec

# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


Fraction = Annotated[float, Field(ge=0, lt=1)]


class OptimizerSpec(Spec):
    kind: Literal["adam", "adamw", "adagrad", "rmsprop"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """of adam and adamw"""
    weight_decay: float = Field(default=0.0, ge=0)
    """of the networks' weights; a likelihood's own parameters have none"""
    smoothing: Fraction = 0.9
    """of rmsprop's average of squared gradients"""


class WarmupSpec(Spec):
    warmup: int = Field(default=0, ge=0)
    """steps over which the learning rate rises linearly"""


class ConstantSpec(WarmupSpec):
    kind: Literal["constant"] = "constant"


class DropSpec(WarmupSpec):
    kind: Literal["drop"] = "drop"
    at: float = Field(default=0.75, gt=0, lt=1)
    """fraction of the steps"""
    factor: float = Field(default=0.2, gt=0)


class CosineSpec(WarmupSpec):
    kind: Literal["cosine"] = "cosine"
    final: float = Field(default=0.0, ge=0)
    """of the initial learning rate"""


ScheduleSpec = Annotated[ConstantSpec | DropSpec | CosineSpec, Field(discriminator="kind")]


class NeverSpec(Spec):
    kind: Literal["never"] = "never"
    """every update is applied, and a run ends at the first number that is not finite"""


class SkippingSpec(Spec):
    patience: int = Field(default=50, ge=1)
    """updates skipped in a row because their gradients are too large, after which gradients are scaled down instead"""


class QuantileSkipSpec(SkippingSpec):
    kind: Literal["quantile"] = "quantile"
    quantile: float = Field(default=0.9, gt=0, lt=1)
    """of the gradient norms of the last steps"""
    factor: float = Field(default=5.0, gt=1)
    """times that quantile is the largest norm that is applied"""
    window: int = Field(default=200, ge=2)
    """steps"""


class FixedSkipSpec(SkippingSpec):
    kind: Literal["fixed"] = "fixed"
    above: float = Field(default=400.0, gt=0)
    """largest norm of a gradient that is applied"""
    per: Literal["dim", "example"] = "dim"
    """whether that norm is of a loss in nats per dimension, as in the very deep VAE's release, or of the loss as it is"""


SkipSpec = Annotated[NeverSpec | QuantileSkipSpec | FixedSkipSpec, Field(discriminator="kind")]


class TrainingSpec(Spec):
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
    accumulate: int = Field(default=1, ge=1)
    """equal parts in which each process takes its examples of a step, one after another, to need less memory; gradient and
    objective stay those of the whole batch"""
    skip: SkipSpec = NeverSpec()
    """which updates are skipped: their gradients are not finite, or far larger than those before"""
    compile: bool = False
    """run the networks through torch.compile in training, which starts seconds to minutes later; numbers change by rounding"""
    freeze: Literal["encoder"] | None = None
    """what stays as it is in the run that this one begins from (start): its decoder can learn on while its codes stay equal"""


COMPUTED = ("accumulate", "compile")
"""settings of training that say how a step is computed"""
LATER = (*COMPUTED, "skip", "freeze")
"""settings of training that fingerprints leave out at their defaults, since there were runs before there were these"""
LATER_OF_OBJECTIVES = ("warmup_from", "free_bits", "balance")
"""settings of the objective beta, likewise"""

LATER_OF_LIKELIHOODS = ("initial_sigma",)
"""settings of likelihoods, likewise"""

LATER_OF_MODELS = ("given", "prior")
"""settings of models, likewise"""

LATER_OF_OPTIMIZERS = ("smoothing",)
"""settings of optimisers, likewise"""

RunName = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]*$")]


class RunSpec(Spec):
    path: Place
    """folder of a trained run, which is copied when the run begins"""
    weights: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """SHA-256 of the file of weights that it must have; null takes what it has, and the run's recipe keeps that"""


class StartSpec(Spec):
    path: Place
    """folder of a trained run from whose weights this one begins; it is not needed any more once a checkpoint is written"""
    checkpoint: Literal["last", "best"] = "last"
    """the run's newest checkpoint, or the best on its validation images"""
    weights: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """SHA-256 of the file of weights that it must have, of the moving average or of the last step; null takes the moving
    average if there is one, and the run's recipe keeps what was taken"""

    @property
    def outside_fingerprint(self) -> set[str]:
        """Settings that a fingerprint leaves out: where the weights were found, once it is known which they are."""
        return set() if self.weights is None else {"path", "checkpoint"}


class Recipe(Spec):
    """Everything that a run depends on but the machine; two runs of one recipe on one CPU are equal."""

    name: str
    """of its run's folder, unless another is asked for: a plain name"""
    data: DataSpec
    model: ModelSpec = VaeSpec()
    likelihood: LikelihoodSpec = OptimalGaussianSpec()
    objective: ObjectiveSpec = BetaSpec()
    adversary: Annotated[LarsenAdversarySpec | PatchAdversarySpec, Field(discriminator="kind")] | None = None
    """a discriminator that is trained beside the model; null trains none"""
    distance: Annotated[DiscriminatorDistanceSpec | PerceptualDistanceSpec, Field(discriminator="kind")] | None = None
    """what the loss has for the distortion of pixels; null has that itself"""
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ConstantSpec()
    training: TrainingSpec
    runs: dict[RunName, RunSpec] = Field(default_factory=dict)
    """other runs whose models this one uses, by the name that its model has for each; their weights are not trained"""
    seed: int = Field(default=0, ge=0)
    start: StartSpec | None = None
    """the run from whose weights this one begins, as far as they fit; null draws all of them"""

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str, info: ValidationInfo) -> str:
        """Names that a run already has are left alone (`kept_names` of the context): older versions allowed any."""
        return name if info.context and name in info.context["kept_names"] else plain(name)

    @property
    def split_seed(self) -> int:
        """Of the draw of test images, where the data come without a test split."""
        return split_seed_of(self.data, self.seed)

    @property
    def fingerprint(self) -> str:
        """Names the experiment whatever its seed and wherever its files lie, so replicas group by themselves."""
        left_out = {
            "seed": True,
            "name": True,
            "data": outside_fingerprint(self.data),
            "runs": {"__all__": {"path"}} if self.runs else True,
            "adversary": True if self.adversary is None else set[str](),
            "distance": True if self.distance is None else getattr(self.distance, "outside_fingerprint", set[str]()),
            "optimizer": {
                name
                for name in LATER_OF_OPTIMIZERS
                if getattr(self.optimizer, name) == OptimizerSpec.model_fields[name].default
            },
            "start": True if self.start is None else self.start.outside_fingerprint,
            "model": {
                name
                for name in LATER_OF_MODELS
                if getattr(self.model, name, None) == VaeSpec.model_fields[name].default
            },
            "likelihood": {
                name
                for name in LATER_OF_LIKELIHOODS
                if getattr(self.likelihood, name, None) == SharedGaussianSpec.model_fields[name].default
            },
            "objective": {
                name
                for name in LATER_OF_OBJECTIVES
                if isinstance(self.objective, BetaSpec) and getattr(self.objective, name) == 0
            },
            "training": {
                name for name in LATER if getattr(self.training, name) == TrainingSpec.model_fields[name].default
            },
        }
        body = self.model_dump(mode="json", exclude=left_out)
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
