"""The only place that knows every concrete class: a recipe's parts as objects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from kelbo import latents, models, networks
from kelbo.data.batches import batch_at
from kelbo.data.columns import Columns
from kelbo.data.conditions import Condition
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images, picture_shape
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.frozen import Frozen
from kelbo.latents.mixture import told_of
from kelbo.machine import require_float32_default
from kelbo.protocols import FlatLatent, Generator, Model, Prior
from kelbo.recipes import schema as s
from kelbo.recipes.adversaries import (
    PartsOfVae,
    adversary,
    check_size,
    gan,
    has_players,
    learned,
    perceptual,
    require_players,
    uses,
    vaegan,
)
from kelbo.recipes.autoencoders import spatial
from kelbo.recipes.distributions import decoder_of, likelihood as likelihood, units_of
from kelbo.recipes.hierarchies import hierarchy, secondary
from kelbo.recipes.readers import data as data
from kelbo.recipes.schema import Recipe
from kelbo.recipes.steps import objective as objective, schedule as schedule, skipping as skipping
from kelbo.seeds import normal_like
from kelbo.shortage import memory_for
from kelbo.training import (
    AccumulatingUpdate,
    AdversarialUpdate,
    LossUpdate,
    Update,
)
from kelbo.units import counted

if TYPE_CHECKING:
    from kelbo.models.linear import LinearEncoder, Rows

# ── model ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Outline(NamedTuple):
    """What a model needs to know of images before it sees any.

    given: the shape of each condition by name; condition: what one of the recipe's means; columns: of a table, which has no
    levels.
    """

    name: str
    shape: tuple[int, ...]
    levels: int | None
    given: Mapping[str, tuple[int, ...]] = {}
    condition: Condition | None = None
    columns: Columns | None = None


PSEUDO_NOISE = 0.01
"""of pseudo-inputs at the start, in standard deviations of each dimension, which tells equal examples apart"""
HALVES = "halves both sides several times"
NO_RUNS: Mapping[str, Frozen] = {}
KINDS: dict[str, type[models.VAE]] = {"vae": models.VAE, "autoencoder": models.Autoencoder}


def model(recipe: Recipe, images: ImageSet | Outline, runs: Mapping[str, Frozen] = NO_RUNS) -> Generator:
    """An untrained model for these images. RecipeError if network or likelihood do not fit them.

    runs: the models of the runs that the recipe names: a secondary's primary, or one with a discriminator.
    """
    known = uses(recipe)
    if unused := (runs.keys() | recipe.runs.keys()) - known:
        says = f"no other run than runs.{min(known)}" if known else "no other run"
        raise RecipeError(f"model.kind {recipe.model.kind!r} uses {says}; leave out runs.{sorted(unused)[0]}.")
    require_players(recipe, runs)
    require_float32_default()
    decoder = decoder_of(recipe, images)
    if isinstance(recipe.model, s.SecondarySpec):
        if "primary" not in runs:
            raise RecipeError(
                "model.kind 'secondary' needs a first model: runs.primary.path names the folder of its run."
            )
        with memory_for("a second very deep VAE", "Make it smaller (model.width, model.encoder, model.decoder)."):
            return secondary(recipe.model, images, decoder, runs["primary"])
    if isinstance(recipe.model, s.HierarchicalSpec):
        with memory_for("a very deep VAE", "Make it smaller (model.width, model.encoder, model.decoder)."):
            return hierarchy(recipe.model, images, decoder)
    if isinstance(recipe.model, s.SpatialSpec):
        with memory_for("an autoencoder with spatial latents", "Make it smaller (model.widths, model.blocks)."):
            return spatial(recipe, recipe.model, images, decoder)
    with memory_for(
        f"a model of network {recipe.model.network.kind!r}", "Make it smaller (model.network, model.latents)."
    ):
        encoder, network = _network(recipe.model, images, decoder.output_channels(images.shape[0]))
    conditions = () if recipe.model.given is None else tuple(images.given)
    prior = _prior(recipe, images, encoder, conditions)
    if has_players(recipe):
        parts = PartsOfVae(encoder, network, decoder, prior, conditions)
        with memory_for("a discriminator", "Make it smaller (adversary.width)."):
            is_gan = isinstance(recipe.model, s.GanSpec)
            return gan(recipe, images, parts) if is_gan else vaegan(recipe, images, parts, runs)
    return KINDS[recipe.model.kind](
        encoder, network, decoder, images.shape, recipe.model.latents, prior, conditions=conditions
    )


def _prior(recipe: Recipe, images: ImageSet | Outline, encoder: nn.Module, conditions: tuple[str, ...]) -> Prior | None:
    """A prior other than N(0, I). Of an outline, whose examples are unknown, pseudo-inputs are 0 until weights are read."""
    spec = recipe.model.prior if isinstance(recipe.model, s.VaeSpec) else s.StandardPriorSpec()
    if not isinstance(spec, s.VampSpec):
        return None
    units = units_of(images.columns) if images.columns else None
    if isinstance(images, Outline):
        inputs = torch.zeros(spec.components, *images.shape)
        rows = torch.zeros(spec.components, sum(math.prod(images.given[name]) for name in conditions))
        return latents.Vamp(encoder, inputs, rows if conditions else None, units)
    train = images.train
    if len(train) < spec.components:
        raise RecipeError(
            f"model.prior.components is {spec.components:,}, and a pseudo-input begins as a training example each; "
            f"{images.name} has {len(train):,}."
        )
    index, cpu = train.spread_index(spec.components).to(train.device), torch.device("cpu")
    batch = batch_at(train, index, cpu).as_intensities(images.levels)
    inputs = batch.x + PSEUDO_NOISE * batch.x.std(0, correction=0) * normal_like(batch.x)
    return latents.Vamp(encoder, inputs, told_of(conditions, batch.given) if conditions else None, units)


def _network(model: s.FlatSpec, images: ImageSet | Outline, output_channels: int) -> tuple[nn.Module, nn.Module]:
    spec, latents = model.network, model.latents
    given = 0 if model.given is None else sum(map(math.prod, images.given.values()))
    codes = latents + given  # what a decoder takes
    if images.columns:
        return _network_of_rows(model, images, images.columns, output_channels, given)
    shape, what = picture_shape(images.shape), f"model.network.kind {spec.kind!r}"
    match spec:
        case s.HigginsSpec():
            encoder = networks.HigginsEncoder(shape, latents, spec.width, given)
            encoder = networks.GivenEncoder(nn.Flatten(), encoder) if given else encoder
            return encoder, networks.HigginsDecoder(shape, codes, output_channels, spec.width)
        case s.BurgessSpec():
            check_size(what, images, networks.burgess_fits, HALVES)
            encoder = networks.BurgessEncoder(shape, latents, spec.channels, spec.hidden, given)
            encoder = networks.GivenEncoder(encoder.features, encoder.head) if given else encoder
            return encoder, networks.BurgessDecoder(shape, codes, output_channels, spec.channels, spec.hidden)
        case s.RybkinSpec():
            check_size(what, images, networks.rybkin_fits, HALVES)
            encoder = networks.RybkinEncoder(shape, latents, spec.channels, given)
            encoder = networks.GivenEncoder(encoder.features, encoder.head) if given else encoder
            return encoder, networks.RybkinDecoder(codes, output_channels, spec.channels, shape[1:])
        case s.ResidualSpec():
            check_size(what, images, networks.patches_fit, "cuts both sides into patches of 4 pixels")
            encoder = networks.ResidualEncoder(shape, latents, spec.channels, spec.width, given)
            encoder = networks.GivenEncoder(encoder.features, encoder.head) if given else encoder
            return encoder, networks.ResidualDecoder(shape, codes, output_channels, spec.channels, spec.width)
        case s.LarsenSpec():
            check_size(what, images, networks.larsen_fits, "halves both sides three times")
            encoder = networks.LarsenEncoder(shape, latents, spec.hidden, spec.width, given, spec.norm or "none")
            encoder = networks.GivenEncoder(encoder.features, encoder.head) if given else encoder
            return encoder, networks.LarsenDecoder(shape, codes, output_channels, spec.width, spec.norm or "none")


def _network_of_rows(
    model: s.FlatSpec, images: ImageSet | Outline, columns: Columns, output_channels: int, given: int
) -> tuple[nn.Module, nn.Module]:
    spec, latents = model.network, model.latents
    if not isinstance(spec, s.HigginsSpec):
        raise RecipeError(
            f"model.network.kind {spec.kind!r} needs images, and {images.name} holds rows of "
            f"{counted(len(columns.names), 'column')}. Choose higgins, whose layers take any numbers."
        )
    first, encoder = (
        networks.Standardise(*units_of(columns)),
        networks.HigginsEncoder(images.shape, latents, spec.width, given),
    )
    encoder = networks.GivenEncoder(first, encoder) if given else nn.Sequential(first, encoder)
    return encoder, networks.HigginsDecoder(images.shape, latents + given, output_channels, spec.width)


def baseline(kind: str, images: Images, latents: int, *, seed: int = 0, rows: Rows | None = None) -> LinearEncoder:
    """A linear code fitted to these images: "pca", "ica", "random" or "pixels". RecipeError for another kind.

    rows: how images are laid out for the fit; `flattened` if None.
    """
    from kelbo.models.linear import KINDS, fit_linear, flattened  # here, since training does not need scikit-learn

    if kind not in KINDS:
        raise RecipeError(f"There is no baseline {kind!r}. Choose one of {', '.join(KINDS)}.")
    return fit_linear(kind, images, None if kind == "pixels" else latents, seed=seed, rows=rows or flattened)


# ── objective and optimiser ───────────────────────────────────────────────────────────────────────────────────────────


def optimizers(recipe: Recipe, model: Generator) -> dict[str, torch.optim.Optimizer]:
    """By the name of what each moves: one for the whole model, or one for each player."""
    if not isinstance(model, models.VaeGan | models.Gan | models.JudgedSpatialVAE):
        return {"model": _optimizer(recipe.optimizer, model, [*model.parameters()])}
    own = None if recipe.adversary is None else recipe.adversary.learning_rate
    other = recipe.optimizer if own is None else recipe.optimizer.model_copy(update={"learning_rate": own})
    specs = {"discriminator": other}
    return {
        name: _optimizer(specs.get(name, recipe.optimizer), model, moved) for name, moved in model.players().items()
    }


def update(recipe: Recipe, fabric: Fabric) -> Update:
    """One step of training."""
    plan = recipe.training
    if has_players(recipe):
        distance = learned(recipe)
        gamma = 1.0 if distance is None else distance.weight
        aim = None if isinstance(recipe.model, s.GanSpec) else objective(recipe)
        players = fabric, aim, schedule(recipe), adversary(recipe), gamma
        return AdversarialUpdate(*players, plan.clip, skipping(recipe), perceptual(recipe))
    parts = fabric, objective(recipe), schedule(recipe), plan.clip, skipping(recipe)
    return LossUpdate(*parts) if plan.accumulate == 1 else AccumulatingUpdate(*parts, accumulate=plan.accumulate)


def _optimizer(spec: s.OptimizerSpec, model: Generator, moved: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of some of a model's parameters, fused if it can be. Those of distributions (σ) and pseudo-inputs have no
    weight decay.
    """
    of_likelihood = model.likelihood.parameters() if isinstance(model, Model) else ()
    of_prior = model.prior.parameters() if isinstance(model, FlatLatent) else ()
    of_features = model.features.parameters() if isinstance(model, models.VaeGan) and model.features else ()
    undecayed = {id(parameter) for parameter in (*of_likelihood, *of_prior, *of_features)}
    free = [parameter for parameter in moved if parameter.requires_grad]
    groups = [
        {"params": [p for p in free if id(p) not in undecayed], "weight_decay": spec.weight_decay},
        {"params": [p for p in free if id(p) in undecayed], "weight_decay": 0.0},
    ]
    groups = [{**group, "initial_lr": spec.learning_rate} for group in groups if group["params"]]
    if spec.kind == "adagrad":
        fused = all(parameter.device.type != "mps" for parameter in moved)  # Apple's GPUs have no fused one
        return torch.optim.Adagrad(groups, spec.learning_rate, fused=fused)
    if spec.kind == "rmsprop":
        return torch.optim.RMSprop(groups, spec.learning_rate, spec.smoothing, foreach=True)
    kind = torch.optim.Adam if spec.kind == "adam" else torch.optim.AdamW
    return kind(groups, spec.learning_rate, spec.betas, fused=True)
