"""A recipe's players as objects: with `build`, the only place that knows concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from kelbo import likelihoods, models, networks
from kelbo.data.images import picture_shape
from kelbo.errors import RecipeError
from kelbo.evaluation.feature_files import read_checked
from kelbo.evaluation.perceptual import PerceptualDistance, open_perceptual
from kelbo.frozen import Frozen
from kelbo.protocols import Likelihood, Prior
from kelbo.recipes import schema as s
from kelbo.recipes.distributions import Outlined
from kelbo.recipes.schema import Recipe
from kelbo.training import Adversary, Balance

FEATURES: Mapping[str, Callable[[], Likelihood]] = {
    "unit": lambda: likelihoods.FixedGaussian(1.0),
    "shared": likelihoods.SharedGaussian,
    "optimal": likelihoods.OptimalGaussian,
}


class PartsOfVae(NamedTuple):
    """What a VAE is made of; a GAN has no use of the encoder, and of the likelihood only the mean."""

    encoder: nn.Module
    decoder: nn.Module
    likelihood: Likelihood
    prior: Prior | None
    conditions: tuple[str, ...]


def has_players(recipe: Recipe) -> bool:
    """Whether more than one loss trains the recipe's model, or one that is not of pixels."""
    return recipe.adversary is not None or recipe.distance is not None


def learned(recipe: Recipe) -> s.DiscriminatorDistanceSpec | None:
    """The distance over a discriminator's features, if the recipe has that."""
    return recipe.distance if isinstance(recipe.distance, s.DiscriminatorDistanceSpec) else None


def uses(recipe: Recipe) -> set[str]:
    """The names of the runs that the recipe's model may use."""
    if isinstance(recipe.model, s.SecondarySpec):
        return {"primary"}
    return {"discriminator"} if learned(recipe) is not None and recipe.adversary is None else set()


def require_players(recipe: Recipe, runs: Mapping[str, Frozen]) -> None:
    """RecipeError unless model, adversary and distance go together."""
    kind, adversary, distance = recipe.model.kind, recipe.adversary, recipe.distance
    if kind == "gan":
        if adversary is None:
            raise RecipeError("model.kind 'gan' needs a discriminator: set adversary.kind.")
        if distance is not None:
            raise RecipeError("model.kind 'gan' reads no images, so it has no distance from them; leave out distance.")
        if adversary.fakes == "reconstructions" or adversary.start or adversary.adaptive:
            raise RecipeError(
                "model.kind 'gan' has one loss, of decoded draws of the prior. Set adversary.fakes to prior, adversary.start "
                "to 0 and adversary.adaptive to false."
            )
    elif has_players(recipe) and kind not in ("vae", "spatial"):
        raise RecipeError(
            f"model.kind {kind!r} has no place for a discriminator. Choose vae, spatial or gan, or leave out "
            "adversary and distance."
        )
    elif kind == "spatial" and learned(recipe) is not None:
        raise RecipeError(
            "model.kind 'spatial' trains on pixels, beside which an adversary may judge its pictures, and distance.kind "
            "'perceptual' compare their features; leave out distance.kind 'discriminator'."
        )
    elif kind != "spatial" and isinstance(distance, s.PerceptualDistanceSpec):
        raise RecipeError(f"distance.kind 'perceptual' is for model.kind 'spatial'; got {kind!r}.")
    if adversary is not None and adversary.r1 and recipe.training.compile:
        raise RecipeError(
            "adversary.r1 needs gradients of gradients, which compiled networks do not have. Set it to 0, or "
            "training.compile to false."
        )
    if distance is not None and isinstance(recipe.objective, s.DistortionTargetSpec):
        raise RecipeError(
            f"objective.kind 'distortion_target' holds the distortion of pixels, and distance.kind {distance.kind!r} trains on "
            "that of features. Choose rate_target, or leave out distance."
        )
    if learned(recipe) is not None and adversary is None and "discriminator" not in runs:
        raise RecipeError(
            "distance.kind 'discriminator' needs a discriminator: set adversary.kind, which trains one, or name the folder of "
            "a run that has one, runs.discriminator.path."
        )


def vaegan(recipe: Recipe, images: Outlined, parts: PartsOfVae, runs: Mapping[str, Frozen]) -> models.VaeGan:
    """An untrained VAE with a discriminator. RecipeError if they do not go together."""
    channels, distance = images.shape[0], learned(recipe)
    if distance is not None and parts.likelihood.output_channels(channels) != channels:
        raise RecipeError(
            f"distance.kind 'discriminator' compares means, and likelihood.kind {recipe.likelihood.kind!r} has more numbers a "
            "pixel, which nothing would train. Choose optimal_gaussian or shared_gaussian, for example."
        )
    if recipe.adversary is not None:
        judge = discriminator(recipe.adversary, images, bool(parts.conditions))
    else:
        judge = _fitting(runs["discriminator"], recipe, images)
    model = models.VaeGan(
        *(
            parts.encoder,
            parts.decoder,
            parts.likelihood,
            images.shape,
            recipe.model.latents,
            parts.prior,
            parts.conditions,
        ),
        discriminator=judge,
        features=None if distance is None else FEATURES[distance.sigma](),
        tap=None if distance is None else distance.features,
    )
    if model.tap is not None and model.tap not in model.judge.taps:
        taps = ", ".join(model.judge.taps)
        raise RecipeError(
            f"distance.features {model.tap!r} are no features of this discriminator. Choose one of {taps}."
        )
    return model


def gan(recipe: Recipe, images: Outlined, parts: PartsOfVae) -> models.Gan:
    """An untrained GAN. RecipeError if its parts do not go together."""
    assert recipe.adversary is not None  # as `require_players` has it
    channels = images.shape[0]
    if parts.likelihood.output_channels(channels) != channels:
        raise RecipeError(
            f"A GAN's images are its decoder's means, and likelihood.kind {recipe.likelihood.kind!r} has more numbers a pixel. "
            "Choose optimal_gaussian, for example."
        )
    judge = discriminator(recipe.adversary, images, bool(parts.conditions))
    return models.Gan(
        parts.decoder, judge, parts.likelihood.mean, images.shape, recipe.model.latents, parts.prior, parts.conditions
    )


def discriminator(
    spec: s.LarsenAdversarySpec | s.PatchAdversarySpec, images: Outlined, told: bool
) -> networks.Discriminator:
    """An untrained discriminator of these images, which is told their conditions or not."""
    if isinstance(spec, s.PatchAdversarySpec):
        return _of_patches(spec, images, told)
    given = sum(torch.Size(shape).numel() for shape in images.given.values()) if told else 0
    check_size(f"adversary.kind {spec.kind!r}", images, networks.larsen_fits, "halves both sides three times")
    return networks.larsen_discriminator(
        picture_shape(images.shape), spec.width, given, spec.norm or "none", spec.spectral_norm
    )


def _of_patches(spec: s.PatchAdversarySpec, images: Outlined, told: bool) -> networks.PatchDiscriminator:
    channels, *sides = picture_shape(images.shape)
    if told:
        raise RecipeError("adversary.kind 'patch' judges pictures alone. Leave out model.given, or choose larsen.")
    if min(networks.patches(sides[0], sides[1], spec.layers)) < 1:
        raise RecipeError(
            f"adversary.layers is {spec.layers}, which leaves no patch of the {sides[0]}×{sides[1]} pixels of {images.name}. "
            f"Sides must be at least {3 * 2**spec.layers}; data.size resizes pictures."
        )
    return networks.PatchDiscriminator(channels, spec.width, spec.layers, spec.norm or "none", spec.spectral_norm)


def _fitting(frozen: Frozen, recipe: Recipe, images: Outlined) -> Frozen:
    """The model of runs.discriminator. RecipeError if it has no discriminator, or one of other images."""
    place, model = recipe.runs["discriminator"].path, frozen.model
    if not isinstance(model, models.VaeGan | models.Gan):
        raise RecipeError(
            f"runs.discriminator, {place}, has no discriminator: its model is a {type(model).__name__}. Name a "
            "run of VAE/GAN or of a GAN."
        )
    if tuple(model.event) != tuple(images.shape):
        its, ours = ("×".join(map(str, shape)) for shape in (model.event, images.shape))
        raise RecipeError(
            f"runs.discriminator, {place}, judges images of {its}; those of {images.name} are {ours}. Name a run of such "
            "images, or resize these: data.size."
        )
    return frozen


def check_size(what: str, images: Outlined, fits: Callable[[int, int], bool], does: str) -> None:
    """RecipeError, with sizes that fit, unless these images do."""
    _, height, width = picture_shape(images.shape)
    if not fits(height, width):
        sizes = ", ".join(f"{h}×{w}" for h, w in networks.near(fits, height, width))
        raise RecipeError(
            f"{what} {does}, which {height}×{width} images of {images.name} do not "
            f"allow. Sizes that do: {sizes}; data.size=[height,width] resizes pictures. Higgins takes any size."
        )


def adversary(recipe: Recipe) -> Adversary | None:
    """What the discriminator does; None if none is trained."""
    spec, distance = recipe.adversary, learned(recipe)
    if spec is None:
        return None
    share = 1 - distance.weight if distance is not None and distance.convention == "convex" else 1.0
    return Adversary(
        loss=spec.loss,
        fakes=spec.fakes,
        weight=share * spec.weight,
        start=spec.start,
        adaptive=spec.adaptive,
        balance=spec.balance and Balance(spec.balance.equilibrium, spec.balance.margin),
        r1=spec.r1,
        eps=spec.eps,
        together=spec.passes == "together",
        encoder=spec.reaches == "both",
    )


class PerceptualTerm:
    """What a perceptual distance adds to the distortion of pixels: nats of images x and what was made of them, (B,).

    Its network is read when it is first called, since a trained run is opened without it.
    """

    def __init__(self, spec: s.PerceptualDistanceSpec) -> None:
        self.spec = spec
        self.opened: PerceptualDistance | None = None

    def __call__(self, x: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        if self.opened is None:
            spec, shape = self.spec, picture_shape(tuple(x.shape[1:]))
            how = {"heads": spec.heads, "sha256": spec.sha256}
            self.opened = open_perceptual(str(spec.features.resolve()), shape, x.device, **how)
        return self.spec.weight * x[0].numel() * self.opened(x.float(), made.float())


def perceptual(recipe: Recipe) -> PerceptualTerm | None:
    """The recipe's perceptual distance; None if it has none."""
    return PerceptualTerm(recipe.distance) if isinstance(recipe.distance, s.PerceptualDistanceSpec) else None


def with_features(recipe: Recipe) -> Recipe:
    """The recipe with the hash of its perceptual features. DataMissing without the file, DataCorrupt if it is another."""
    spec = recipe.distance
    if not isinstance(spec, s.PerceptualDistanceSpec):
        return recipe
    _, digest = read_checked(spec.features, spec.sha256)
    return recipe.model_copy(update={"distance": spec.model_copy(update={"sha256": digest})})
