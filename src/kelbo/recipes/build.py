"""The only place that knows every concrete class: a recipe's parts as objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import nn

from kelbo import likelihoods, models, networks, objectives
from kelbo.data.arm import arm
from kelbo.data.arrays import arrays
from kelbo.data.cache import cache_root
from kelbo.data.celeba import celeba
from kelbo.data.cifar import cifar10, cifar100
from kelbo.data.digits import digits
from kelbo.data.dsprites import dsprites
from kelbo.data.factors import FactorImages
from kelbo.data.folder import folder
from kelbo.data.frey import frey
from kelbo.data.hub import hub
from kelbo.data.idx import fashion_mnist, mnist
from kelbo.data.images import Images, ImageSet, drawn, hold_out, quantized
from kelbo.data.mpi3d import mpi3d
from kelbo.data.roots import data_root
from kelbo.data.shapes2d import shapes2d
from kelbo.data.shapes3d import shapes3d
from kelbo.data.shapes3d_h5 import shapes3d_h5
from kelbo.data.svhn import svhn
from kelbo.errors import KelboError, RecipeError
from kelbo.protocols import Likelihood, Model, Objective
from kelbo.recipes import data as d
from kelbo.recipes import schema as s
from kelbo.recipes.guards import Outline
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


def image_data(spec: d.Data, split_seed: int = 0) -> ImageSet:
    """Read or render one data set; `split_seed` draws the test images of sets that come without any."""
    match spec:
        case d.Digits():
            return digits(spec.size, spec.held_out, split_seed)
        case d.Mnist():
            read = {"mnist": mnist, "fashion-mnist": fashion_mnist}[spec.kind]
            return read(data_root(spec.root), pad=spec.pad)
        case d.Cifar():
            return {"cifar10": cifar10, "cifar100": cifar100}[spec.kind](data_root(spec.root))
        case d.Svhn():
            return svhn(data_root(spec.root), spec.size, spec.extra)
        case d.Celeba():
            return celeba(
                data_root(spec.root),
                spec.size,
                crop=spec.crop,
                resize=spec.resize,
                depth=spec.depth,
                unreadable=spec.unreadable,
                cache=cache_root(),
            )
        case d.Frey():
            return frey(data_root(spec.root), spec.held_out)
        case d.Arrays():
            return arrays(
                spec.root,
                key=spec.key,
                test_key=spec.test_key,
                validation_key=spec.validation_key,
                layout=spec.layout,
                levels=spec.levels,
                held_out=spec.held_out,
                split_seed=split_seed,
            )
        case d.Pictures():
            return folder(
                spec.root,
                spec.size,
                crop=spec.crop,
                resize=spec.resize,
                mode=spec.mode,
                depth=spec.depth,
                unreadable=spec.unreadable,
                splits=spec.splits,
                held_out=spec.held_out,
                split_seed=split_seed,
                cache=cache_root(),
            )
        case d.Hub():
            return _hub(spec, split_seed)
        case d.Dsprites() | d.ThreeDShapes() | d.Mpi3d() | d.Shapes2d() | d.Shapes3d() | d.Arm():
            whole, note = _with_factors(spec)
            splits = hold_out(whole.images, spec.held_out, split_seed)
            sources = drawn(spec.held_out, split_seed)
            return ImageSet(spec.kind, splits, f"{note}; a seeded draw is held out", whole=whole, sources=sources)


def _with_factors(
    spec: d.Dsprites | d.ThreeDShapes | d.Mpi3d | d.Shapes2d | d.Shapes3d | d.Arm,
) -> tuple[FactorImages, str]:
    """Every image of a set with factors, and where they come from."""
    match spec:
        case d.Dsprites():
            return dsprites(data_root(spec.root)), "dSprites' official archive"
        case d.ThreeDShapes():
            return shapes3d_h5(data_root(spec.root), cache_root()), "3D Shapes' official file"
        case d.Mpi3d():
            return mpi3d(data_root(spec.root), spec.variant, cache_root()), f"MPI3D's official {spec.variant} archive"
        case d.Shapes2d() | d.Shapes3d() | d.Arm():
            return _rendered(spec.kind)


@lru_cache(maxsize=1)
def _rendered(kind: str) -> tuple[FactorImages, str]:
    """Rendered sets never change: a process that opens many runs of one renders it once."""
    match kind:
        case "shapes2d":
            return shapes2d(), "rendered 2-D shapes with dSprites' five factors"
        case "shapes3d":
            return shapes3d(), "rendered 3-D shapes with 3D Shapes' six factors"
        case _:
            return arm(), "rendered robot arm with MPI3D's seven factors"


def _hub(spec: d.Hub, split_seed: int) -> ImageSet:
    if (spec.dataset is None) == (spec.root is None):
        raise RecipeError("Name a hub set by data.dataset (on the Hugging Face hub) or data.root (on disk).")
    return hub(
        spec.root or spec.dataset or "",
        spec.size,
        config=spec.config,
        revision=spec.revision,
        image=spec.image,
        crop=spec.crop,
        resize=spec.resize,
        mode=spec.mode,
        depth=spec.depth,
        unreadable=spec.unreadable,
        splits=spec.splits,
        held_out=spec.held_out,
        split_seed=split_seed,
    )


# ── model ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

KINDS: dict[str, type[models.VAE]] = {"vae": models.VAE, "autoencoder": models.Autoencoder}


def model(recipe: Recipe, images: ImageSet | Outline) -> Model:
    """An untrained model for these images. RecipeError where network or likelihood do not fit them."""
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
    makers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(groups, spec.learning_rate, spec.betas, fused=True),
        "adamw": lambda: torch.optim.AdamW(groups, spec.learning_rate, spec.betas, fused=True),
        "adagrad": lambda: torch.optim.Adagrad(groups, spec.learning_rate, fused=True),
    }
    return makers[spec.kind]()


def schedule(recipe: Recipe) -> Schedule:
    steps = recipe.training.steps
    match spec := recipe.schedule:
        case s.Constant():
            return Constant(spec.warmup)
        case s.Drop():
            return Drop(steps, spec.at, spec.factor, spec.warmup)
        case s.Cosine():
            return Cosine(steps, spec.final, spec.warmup)
