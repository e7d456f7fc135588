"""What is to be said of a recipe before its first step."""

from __future__ import annotations

import math

from kelbo.recipes import schema as s
from kelbo.recipes.schema import Recipe


def cautions(recipe: Recipe, shape: tuple[int, int, int]) -> dict[str, str]:
    """By kind. shape: of the images."""
    if recipe.model.kind == "autoencoder" or not isinstance(recipe.likelihood, s.AveragedSquaredErrorSpec):
        return {}
    return {"averaged-squared-error": _averaged(recipe, math.prod(shape))}


def _averaged(recipe: Recipe, dims: int) -> str:
    batch, objective = recipe.training.batch_size, recipe.objective
    variance = batch * dims / 2
    told = (
        f"likelihood.kind=mse_vae averages squared errors over {batch:,} images and {dims:,} pixels beside a rate that is "
        f"averaged over nothing: a Gaussian of σ² = B·D/2 = {variance:,.0f} (σ = {math.sqrt(variance):,.1f} where intensities "
        "lie in [0, 1])"
    )
    if isinstance(objective, s.CapacitySpec):
        return f"{told}. Choose likelihood.kind=optimal_gaussian, unless this baseline is what you want."
    beta = variance * (objective.beta if isinstance(objective, s.BetaSpec) else 1.0)
    collapse = " The posterior will most likely collapse." if beta > 1 else ""
    return (
        f"{told}, so the rate weighs as β = {beta:,.4g} would beside ½ squared error.{collapse} Choose "
        "likelihood.kind=optimal_gaussian, unless this baseline is what you want."
    )
