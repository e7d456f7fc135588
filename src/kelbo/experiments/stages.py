"""What a second stage asks of its first: the same data, and a target that left bits to it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images, TensorBeside
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.evaluation.over_batches import over_batches
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.findings import Finding, finding
from kelbo.experiments.guards import outline_of
from kelbo.objectives import Target
from kelbo.recipes import schema as s
from kelbo.recipes.readers import augmentation_of
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.shortage import memory_for
from kelbo.units import counted

DRAWN = 256
"""images of a batch of pictures that are drawn once"""
AT_TARGET = (s.TargetSpec, s.CapacitySpec)
"""objectives that hold something at a number"""


def require_primary(recipe: Recipe, data: ImageSet, others: Mapping[str, Experiment]) -> None:
    """RecipeError unless a secondary's primary was trained on its data and, if the recipe asks for that, at a target."""
    spec, primary = recipe.model, others.get("primary")
    if not isinstance(spec, s.SecondarySpec) or primary is None:
        return
    place = recipe.runs["primary"].path
    _require_same_data(primary.run, data, f"runs.primary, {place},")
    told = outline_of(primary.run)
    if told is not None and told.condition is not None and told.condition != data.condition:
        now = data.condition.summary if data.condition else "nothing"
        raise RecipeError(
            f"runs.primary, {place}, is given {told.condition.summary}, and this run is given {now}. Both models are given "
            "the same: set model.given as in the primary's recipe."
        )
    if spec.primary == "at_target" and not primary.parts.own and not isinstance(primary.recipe.objective, AT_TARGET):
        raise RecipeError(
            f"runs.primary, {place}, was trained with objective.kind {primary.recipe.objective.kind!r}, which holds no "
            "distortion and no rate at a target, so it spends whatever bits its likelihood asks for and leaves few to a second "
            "stage. Train it with objective.kind=distortion_target, or allow it: model.primary=any."
        )


def _require_same_data(primary: Run, data: ImageSet, what: str) -> None:
    told = outline_of(primary)
    if told is not None and (told.shape, told.levels) != (tuple(data.shape), data.levels):
        raise RecipeError(
            f"{what} was trained on {_described(told.name, told.shape, told.levels)}, and this run's data are "
            f"{_described(data.name, data.shape, data.levels)}. Take the primary's data, or train another primary."
        )
    before = primary.provenance().get("data", {}).get("splits", {}).get("train", {})
    # a primary that is told nothing goes with a secondary that is told classes, say
    now = data.train.fingerprint(conditions=told is not None and bool(told.given))
    if before.get("fingerprint") not in (None, now):
        name = told.name if told is not None else "other data"
        raise RecipeError(
            f"{what} was trained on {before['images']:,} images of {name}, and this run's data are other ones: "
            f"{len(data.train):,} images of {data.name}. Take the primary's data, or train another primary: images that it "
            "was trained on could be test images here."
        )


def _described(name: str, shape: tuple[int, ...], levels: int | None) -> str:
    depth = f" at {counted(levels, 'level')}" if levels else ""
    return f"{name} ({'×'.join(map(str, shape))}{depth})"


def with_pictures(recipe: Recipe, images: Images, others: Mapping[str, Experiment], fabric: Fabric) -> Images:
    """Training images with the primary's picture of each, drawn once, if a recipe asks for that; else as they are.

    Draws are seeded by the recipe's seed and the batch's number, so they are the same again when a run is resumed.
    """
    if not isinstance(recipe.model, s.SecondarySpec) or recipe.model.draws == "every_step":
        return images
    if augmentation_of(recipe.data):
        raise RecipeError(
            "model.draws is once, which draws the primary's picture of each training image as it is, and data.augment changes "
            "images at each step. Leave one of the two out."
        )
    primary = others["primary"].model

    def of(batch: Batch) -> Tensor:
        return primary.mean(primary.read(batch.as_intensities(images.levels)).output).float().cpu()

    with primary.evaluating():
        parts = over_batches(of, images, DRAWN, fabric.device, seed=recipe.seed, fabric=fabric)
    with memory_for("the primary's picture of each training image", "Leave out model.draws."):
        return TensorBeside(images, "primary", torch.cat(parts).to(images.device))


def target_not_below(recipe: Recipe, primary: Recipe, shape: tuple[int, ...]) -> list[Finding]:
    """A caution if a secondary's target of distortion is not below its primary's; [] if it is, or they do not compare."""
    own, first = (_held(one, math.prod(shape)) for one in (recipe, primary))
    if own is None or first is None or own[0] != first[0] or own[1] < first[1]:
        return []
    return [finding("target-not-below", "warning", held=own[0], target=own[1], primary=first[1])]


def _held(recipe: Recipe, dims: int) -> tuple[str, float] | None:
    """The distortion that a recipe holds in the end, and of what kind; None if it holds none."""
    spec = recipe.objective
    if not isinstance(spec, s.DistortionTargetSpec) or spec.target is None:
        return None
    target = Target(spec.target, spec.unit, dims=dims)
    kind = "squared error" if target.of_errors else f"distortion of {recipe.likelihood.kind}"
    return kind, float(target.converted(spec.target))
