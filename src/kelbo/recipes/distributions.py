"""A recipe's likelihood as an object: with `build`, the only place that knows concrete classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from kelbo import likelihoods
from kelbo.data.columns import Columns
from kelbo.errors import RecipeError
from kelbo.protocols import Likelihood
from kelbo.recipes import schema as s
from kelbo.recipes.schema import Recipe
from kelbo.units import counted


class Outlined(Protocol):
    """What parts need to know of images or rows: an `ImageSet` or an `Outline`. given: the shape of each condition by name."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def given(self) -> Mapping[str, tuple[int, ...]]: ...

    @property
    def levels(self) -> int | None: ...

    @property
    def columns(self) -> Columns | None: ...


def likelihood(recipe: Recipe, levels: int | None) -> Likelihood:
    """The decoder's distribution for images of `levels` levels, None for real numbers. RecipeError if it has no such levels."""
    match spec := recipe.likelihood:
        case s.FixedGaussianSpec():
            return likelihoods.FixedGaussian(spec.sigma, mean_activation=spec.mean_activation)
        case s.SharedGaussianSpec():
            return likelihoods.SharedGaussian(math.log(spec.initial_sigma), mean_activation=spec.mean_activation)
        case s.OptimalGaussianSpec() | s.PerImageGaussianSpec():
            whole = spec.kind == "optimal_gaussian"
            return (likelihoods.OptimalGaussian if whole else likelihoods.PerImageGaussian)(
                detach=spec.detach,
                momentum=spec.momentum,
                as_published=spec.as_published,
                mean_activation=spec.mean_activation,
            )
        case s.PerPixelGaussianSpec():
            return likelihoods.PerPixelGaussian(mean_activation=spec.mean_activation)
        case s.AveragedSquaredErrorSpec():
            return likelihoods.AveragedSquaredError(recipe.training.batch_size, mean_activation=spec.mean_activation)
        case s.LaplaceSpec():
            return likelihoods.Laplace(spec.scale, mean_activation=spec.mean_activation)
        case s.StudentTSpec():
            return likelihoods.StudentT(mean_activation=spec.mean_activation)
        case s.BernoulliSpec():
            return likelihoods.Bernoulli()
        case s.ContinuousBernoulliSpec():
            return likelihoods.ContinuousBernoulli()
        case s.CategoricalSpec():
            return likelihoods.Categorical(_levels(recipe, levels))
        case s.BitwiseCategoricalSpec():
            return likelihoods.BitwiseCategorical(_bits(recipe, levels))
        case s.LogisticSpec():
            return likelihoods.DiscretizedLogistic(_bits(recipe, levels))
        case s.LogisticMixtureSpec():
            return likelihoods.DiscretizedLogisticMixture(spec.components, _bits(recipe, levels))
        case s.PublishedMixtureSpec():
            return likelihoods.PublishedLogisticMixture(spec.components, _bits(recipe, levels))


REAL = (
    s.FixedGaussianSpec
    | s.SharedGaussianSpec
    | s.OptimalGaussianSpec
    | s.PerImageGaussianSpec
    | s.PerPixelGaussianSpec
    | s.AveragedSquaredErrorSpec
    | s.LaplaceSpec
    | s.StudentTSpec
)
"""likelihoods of real numbers"""


def decoder_of(recipe: Recipe, images: Outlined) -> Likelihood:
    """The decoder's distribution for these images, or for the rows of a table. RecipeError if it does not fit them."""
    columns = images.columns
    if columns is None:
        return likelihood(recipe, images.levels)
    spec, names = recipe.likelihood, [columns.names[column] for column in columns.real]
    if not names and not isinstance(spec, s.BernoulliSpec):
        raise RecipeError(
            f"All columns of {images.name} are binary, and likelihood.kind {spec.kind!r} is not for those. Choose bernoulli, "
            "or take them as real numbers: data.binary=ignore."
        )
    if not names:
        return likelihood(recipe, images.levels)
    if not isinstance(spec, REAL):
        raise RecipeError(
            f"likelihood.kind {spec.kind!r} is not for real numbers, which {images.name} holds in "
            f"{counted(len(names), 'column')}: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}. Choose "
            "optimal_gaussian, shared_gaussian, per_pixel_gaussian, laplace or student_t; binary columns are Bernoulli under "
            "all of them."
        )
    if spec.mean_activation != "identity":
        raise RecipeError(
            f"likelihood.mean_activation {spec.mean_activation!r} keeps means in (0, 1), and the columns of {images.name} are "
            "real numbers. Set it to identity."
        )
    return likelihoods.Columnwise(likelihood(recipe, None), *units_of(columns), columns.binary)


def units_of(columns: Columns) -> tuple[Tensor, Tensor]:
    """Mean and scale of each column, (D,)."""
    return torch.tensor(columns.mean), torch.tensor(columns.scale)


def _levels(recipe: Recipe, levels: int | None) -> int:
    if levels is None:
        raise RecipeError(f"likelihood.kind {recipe.likelihood.kind!r} needs levels, and these are real numbers.")
    return levels


def _bits(recipe: Recipe, levels: int | None) -> int:
    levels = _levels(recipe, levels)
    bits = round(math.log2(levels))
    if 2**bits != levels:
        raise RecipeError(
            f"likelihood.kind {recipe.likelihood.kind!r} needs images of 2, 4, … 256 levels; these have {levels}. "
            "Choose categorical, or a density."
        )
    return bits
