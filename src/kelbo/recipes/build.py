"""The only place that knows every concrete class: a recipe's parts as objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from kelbo import likelihoods, models, networks, objectives
from kelbo.data.images import Images, ImageSet, quantized
from kelbo.errors import KelboError, RecipeError
from kelbo.machine import require_float32_default
from kelbo.protocols import Likelihood, Model, Objective
from kelbo.recipes import schema as s
from kelbo.recipes.guards import Outline
from kelbo.recipes.readers import image_data
from kelbo.recipes.schema import Recipe
from kelbo.training import Constant, Cosine, Drop, Schedule

if TYPE_CHECKING:
    from kelbo.models.linear import LinearEncoder

# ── data ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def data(recipe: Recipe) -> ImageSet:
    """The recipe's images. Raises DataError where they are missing or broken, RecipeError where bits do not fit."""
    try:
        image_set = image_data(recipe.data, recipe.split_seed)
    except KelboError:
        raise
    except ValueError as error:  # an option that the reader finds impossible for these very images
        raise RecipeError(f"data: {error}") from error
    if recipe.data.bits < 8:
        if image_set.levels != 256:
            raise RecipeError(
                f"data.bits is {recipe.data.bits}, but {image_set.name} has {image_set.levels} levels, not the 256 of "
                "8-bit images. Leave data.bits at 8."
            )
        image_set = quantized(image_set, recipe.data.bits)
    return image_set


# ── model ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

KINDS: dict[str, type[models.VAE]] = {"vae": models.VAE, "autoencoder": models.Autoencoder}


def model(recipe: Recipe, images: ImageSet | Outline) -> Model:
    """An untrained model for these images. RecipeError where network or likelihood do not fit them."""
    require_float32_default()
    decoder = likelihood(recipe, images.levels)
    encoder, network = _network(recipe, images, decoder.output_channels(images.shape[0]))
    return KINDS[recipe.model.kind](encoder, network, decoder, images.shape, recipe.model.latents)


def _network(recipe: Recipe, images: ImageSet | Outline, output_channels: int) -> tuple[nn.Module, nn.Module]:
    spec, latents, shape = recipe.model.network, recipe.model.latents, images.shape
    match spec:
        case s.Higgins():
            encoder = networks.HigginsEncoder(shape, latents, spec.width)
            return encoder, networks.HigginsDecoder(shape, latents, output_channels, spec.width)
        case s.Burgess():
            _check_size(spec.kind, images, networks.burgess_fits)
            encoder = networks.BurgessEncoder(shape, latents, spec.channels, spec.hidden)
            return encoder, networks.BurgessDecoder(shape, latents, output_channels, spec.channels, spec.hidden)
        case s.Rybkin():
            _check_size(spec.kind, images, networks.rybkin_fits)
            encoder = networks.RybkinEncoder(shape, latents, spec.channels)
            return encoder, networks.RybkinDecoder(latents, output_channels, spec.channels, shape[1:])


def _check_size(kind: str, images: ImageSet | Outline, fits: Callable[[int, int], bool]) -> None:
    _, height, width = images.shape
    if not fits(height, width):
        sizes = ", ".join(f"{h}×{w}" for h, w in networks.near(fits, height, width))
        raise RecipeError(
            f"model.network.kind {kind!r} halves both sides several times, which {height}×{width} images of {images.name} do "
            f"not allow. Sizes that do: {sizes}; data.size=[height,width] resizes pictures. Higgins takes any size."
        )


def baseline(kind: str, images: Images, latents: int, *, seed: int = 0, as_published: bool = False) -> LinearEncoder:
    """A linear code fitted to these images: "pca", "ica", "random" or "pixels". RecipeError for another kind."""
    from kelbo.models.linear import KINDS, fit_linear  # here, since training needs none of scikit-learn

    if kind not in KINDS:
        raise RecipeError(f"There is no baseline {kind!r}; there is {', '.join(KINDS)}.")
    return fit_linear(kind, images, None if kind == "pixels" else latents, seed=seed, as_published=as_published)


# ── likelihood ────────────────────────────────────────────────────────────────────────────────────────────────────────


def likelihood(recipe: Recipe, levels: int) -> Likelihood:
    """The decoder's distribution for images of `levels` levels. RecipeError where it cannot speak of those levels."""
    match spec := recipe.likelihood:
        case s.FixedGaussian():
            return likelihoods.FixedGaussian(spec.sigma, mean_activation=spec.mean_activation)
        case s.SharedGaussian():
            return likelihoods.SharedGaussian(mean_activation=spec.mean_activation)
        case s.OptimalGaussian() | s.PerImageGaussian():
            whole = spec.kind == "optimal_gaussian"
            return (likelihoods.OptimalGaussian if whole else likelihoods.PerImageGaussian)(
                detach=spec.detach,
                momentum=spec.momentum,
                as_published=spec.as_published,
                mean_activation=spec.mean_activation,
            )
        case s.PerPixelGaussian():
            return likelihoods.PerPixelGaussian(mean_activation=spec.mean_activation)
        case s.AveragedSquaredError():
            return likelihoods.AveragedSquaredError(recipe.training.batch_size, mean_activation=spec.mean_activation)
        case s.Laplace():
            return likelihoods.Laplace(spec.scale, mean_activation=spec.mean_activation)
        case s.StudentT():
            return likelihoods.StudentT(mean_activation=spec.mean_activation)
        case s.Bernoulli():
            return likelihoods.Bernoulli()
        case s.ContinuousBernoulli():
            return likelihoods.ContinuousBernoulli()
        case s.Categorical():
            return likelihoods.Categorical(levels)
        case s.BitwiseCategorical():
            return likelihoods.BitwiseCategorical(_bits(recipe, levels))
        case s.Logistic():
            return likelihoods.DiscretizedLogistic(_bits(recipe, levels))
        case s.LogisticMixture():
            return likelihoods.DiscretizedLogisticMixture(spec.components, _bits(recipe, levels))


def _bits(recipe: Recipe, levels: int) -> int:
    bits = round(math.log2(levels))
    if 2**bits != levels:
        raise RecipeError(
            f"likelihood.kind {recipe.likelihood.kind!r} speaks of 2, 4, … 256 levels; these images have {levels}. "
            "Choose categorical, or a density."
        )
    return bits


# ── objective and optimiser ───────────────────────────────────────────────────────────────────────────────────────────


def objective(recipe: Recipe) -> Objective:
    match spec := recipe.objective:
        case s.Elbo():
            return objectives.Beta(1.0)
        case s.Beta():
            return objectives.Beta(spec.beta, spec.warmup)
        case s.Capacity():
            return objectives.Capacity(spec.gamma, spec.capacity, spec.steps)


def optimizer(recipe: Recipe, model: Model) -> torch.optim.Optimizer:
    """Fused where the parameters are; a likelihood's own parameters (σ) are trained too, without weight decay."""
    spec = recipe.optimizer
    own = list(model.likelihood.parameters())
    numbers = {id(parameter) for parameter in own}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in numbers], "weight_decay": spec.weight_decay},
        {"params": own, "weight_decay": 0.0},
    ]
    groups = [{**group, "initial_lr": spec.learning_rate} for group in groups if group["params"]]
    if spec.kind == "adagrad":
        fused = all(
            parameter.device.type != "mps" for parameter in model.parameters()
        )  # Apple's GPUs have no fused one
        return torch.optim.Adagrad(groups, spec.learning_rate, fused=fused)
    kind = torch.optim.Adam if spec.kind == "adam" else torch.optim.AdamW
    return kind(groups, spec.learning_rate, spec.betas, fused=True)


def schedule(recipe: Recipe) -> Schedule:
    steps = recipe.training.steps
    match spec := recipe.schedule:
        case s.Constant():
            return Constant(spec.warmup)
        case s.Drop():
            return Drop(steps, spec.at, spec.factor, spec.warmup)
        case s.Cosine():
            return Cosine(steps, spec.final, spec.warmup)
