"""A recipe's autoencoder with spatial latents as an object: with `build`, one of the places that know concrete classes."""

from __future__ import annotations

from kelbo.errors import RecipeError
from kelbo.models.spatial import JudgedSpatialVAE, SpatialVAE
from kelbo.networks.latent_diffusion import SpatialDecoder, SpatialEncoder, SpatialPlan
from kelbo.protocols import Likelihood
from kelbo.recipes.adversaries import discriminator, has_players
from kelbo.recipes.distributions import Outlined
from kelbo.recipes.model_specs import SpatialSpec
from kelbo.recipes.schema import Recipe


def spatial(recipe: Recipe, spec: SpatialSpec, images: Outlined, likelihood: Likelihood) -> SpatialVAE:
    """An untrained autoencoder with spatial latents. RecipeError if the examples are no pictures that it can halve so often."""
    plan = plan_of(spec)
    _require_fitting(spec, plan, images)
    channels, *sides = images.shape
    height, width = (side // plan.factor for side in sides)
    parts = (
        SpatialEncoder(channels, plan),
        SpatialDecoder(likelihood.output_channels(channels), plan),
        likelihood,
        images.shape,
        (spec.latents, height, width),
    )
    if not has_players(recipe):
        return SpatialVAE(*parts)
    judge = recipe.adversary and discriminator(recipe.adversary, images, told=False)
    return JudgedSpatialVAE(*parts, judge, trains_on_distortion=recipe.distance is None)


def _require_fitting(spec: SpatialSpec, plan: SpatialPlan, images: Outlined) -> None:
    if len(images.shape) != 3:
        raise RecipeError(
            f"model.kind {spec.kind!r} takes pictures; the examples of {images.name} are of shape {tuple(images.shape)}."
        )
    if bad := [side for side in images.shape[1:] if side % plan.factor]:
        raise RecipeError(
            f"model.widths has {len(spec.widths)} resolutions, so latents have 1/{plan.factor} of a picture's sides, which the "
            f"{bad[0]} pixels of {images.name} do not allow. data.size=[height,width] resizes pictures."
        )
    if spec.norm == "group" and (bad := [width for width in spec.widths if width % spec.groups]):
        raise RecipeError(
            f"model.groups is {spec.groups}, which does not divide the {bad[0]} channels in model.widths. Choose another."
        )


def plan_of(spec: SpatialSpec) -> SpatialPlan:
    return SpatialPlan(spec.widths, spec.latents, spec.blocks, spec.attention, spec.norm, spec.groups)
