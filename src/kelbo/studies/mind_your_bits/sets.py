"""The sets of the study, the targets on each, and its recipes.

At the paper's size, networks, multiplier and, on SVHN and CelebA, targets are the paper's. Smaller budgets average
pictures down to 16×16, and their targets are shares of the set's total variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kelbo.errors import RecipeError
from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe
from kelbo.recipes.very_deep import CIFAR_ENCODER, SVHN_DECODER, vdvae_svhn

TARGET = "objective.target"
NAMES = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "svhn": "SVHN",
    "celeba": "CelebA",
    "digits": "scikit-learn’s digits",
    "folder": "your pictures",
}
PAPER_STEPS = 350_000
"""of figure 10; the paper does not say for how long it trains"""
UNSQUASHED = "identity"
"""of means: what a second stage adds to a picture may be negative"""
ANNEALED = 5_000
"""steps over which the weight of a bound's rate rises, or a fifth of a shorter run"""


class Targets(NamedTuple):
    """Squared errors, intensities in [0, 1], summed over a picture.

    sweep    of single stages, descending; the primary's is not among them
    primary  of the first of two stages; finals: of the second ones, descending
    noisy    that figure 3 is drawn at, early: that figure 10 is; each of the sweep, or the primary's
    """

    sweep: tuple[float, ...]
    primary: float
    finals: tuple[float, ...]
    noisy: float
    early: float


SHARES = Targets((0.4, 0.2, 0.05, 0.025, 0.0125, 0.00625), 0.1, (0.05, 0.025, 0.0125, 0.00625), 0.2, 0.1)
"""of a set's total variance"""
SVHN = Targets((64, 32, 16, 8, 2, 0.5, 0.05), 6.6, (2, 0.58, 0.17, 0.05), 16, 32)
CELEBA = Targets((120, 60, 33, 7.4, 0.3), 13.8, (3, 2, 0.58, 0.3), 33, 33)
PRINTED = {"svhn": SVHN, "cifar10": SVHN, "celeba": CELEBA}
"""of sets at the paper's size; CIFAR-10, which the paper does not have, is as large as SVHN"""


class Size(NamedTuple):
    """How large pictures and networks are. pixels: 0 for the set's own, at which networks are the paper's."""

    pixels: int = 0
    width: int = 128
    latents: int = 16


def parse_set(text: str) -> tuple[str, Path | None]:
    """ "mnist" or "folder:PATH" as a set's name and its folder. RecipeError lists the sets."""
    name, sign, path = text.partition(":")
    if name not in NAMES or (name == "folder") != bool(sign and path):
        known = ", ".join(NAMES).replace("folder", "folder:PATH")
        raise RecipeError(f"The images must be one of {known}; got {text!r}.")
    return name, Path(path) if path else None


def data_of(name: str, root: Path | None, pixels: int) -> d.DataSpec:
    """A set at so many pixels a side, or at its own (0). root: of the official files, or the folder of pictures."""
    match name:
        case "mnist":
            return change_size(d.MnistSpec(kind="mnist", root=root, pad=32), pixels)
        case "cifar10":
            return change_size(d.CifarSpec(kind="cifar10", root=root), pixels)
        case "svhn":
            return change_size(d.SvhnSpec(root=root), pixels)
        case "celeba":
            return change_size(d.CelebaSpec(root=root), pixels)
        case "digits":
            return change_size(d.DigitsSpec(size=16), pixels)
        case _:
            if root is None:
                raise RecipeError("Name the folder of pictures: folder:PATH.")
            return change_size(d.PicturesSpec(root=root), pixels)


def change_size(spec: d.DataSpec, pixels: int) -> d.DataSpec:
    """The set at so many pixels a side. RecipeError if it cannot be brought to them."""
    if not pixels:
        return spec
    recipe = Recipe(name="sized", data=spec, training=s.TrainingSpec(steps=1))
    return change(recipe, [f"data.size={pixels}"]).data


def recipe_of(name: str, data: d.DataSpec, size: Size, training: Mapping[str, object]) -> Recipe:
    """A single stage of the study, still without a target. training: settings by path of the budget's own."""
    base = vdvae_svhn()
    deeper = {"encoder": f"64x11,64d2,{CIFAR_ENCODER}", "decoder": f"{SVHN_DECODER},64m32,64x7"}
    reduced = {"encoder": None, "decoder": None}
    layers = reduced if size.pixels or name == "digits" else deeper if name in ("celeba", "folder") else {}
    model = base.model.model_copy(update={**layers, "width": size.width, "latents": size.latents})
    recipe = base.model_copy(
        update={
            "name": f"{name}-single",
            "data": data,
            "model": model,
            "likelihood": s.OptimalGaussianSpec(mean_activation=UNSQUASHED),
            "objective": s.DistortionTargetSpec(),
        }
    )
    return change(recipe, [f"{path}={value}" for path, value in training.items()])


def standard_recipe(recipe: Recipe, initial_sigma: float) -> Recipe:
    """The same network trained by its bound under one learned σ. Its rate is annealed and balanced, as a target’s is."""
    balance = recipe.objective.balance if isinstance(recipe.objective, s.DistortionTargetSpec) else 0
    annealed = s.BetaSpec(warmup=min(ANNEALED, recipe.training.steps // 5), balance=balance)
    likelihood = s.SharedGaussianSpec(mean_activation=UNSQUASHED, initial_sigma=initial_sigma)
    named = recipe.name.replace("-single", "-standard")
    return recipe.model_copy(update={"name": named, "likelihood": likelihood, "objective": annealed})


def texts(values: Sequence[float]) -> tuple[str, ...]:
    """Targets as texts, by which lanes are named."""
    return tuple(f"{value:g}" for value in values)
