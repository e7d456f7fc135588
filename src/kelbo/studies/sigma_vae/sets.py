"""The runs of the σ-VAE study (Rybkin et al., 2021): every decoder on one network and one schedule for each set.

On MNIST and SVHN network, latents, optimiser and epochs are the release's. The paper's networks for CelebA and CIFAR-10 are in
an appendix that was never published; there, on folders and on scikit-learn's digits, network and schedule are ours. Of
the paper's hierarchical VAE it is only known that there was one: here it is a small very deep VAE.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kelbo.errors import RecipeError
from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.schema import Recipe

BETAS = ("0.001", "0.01", "0.1", "1", "10")
"""of the grid (section 5.1), as texts, by which lanes are named"""
ANALYTIC = ("optimal_gaussian", "per_image_gaussian")
SIGMA = ("shared_gaussian", "optimal_gaussian")
"""the σ-VAE"""
SEEDS = (0, 1, 2)
OF_THE_PAPER = ("mnist", "svhn")
"""sets whose network and steps are those of the released code"""
HIERARCHY = s.HierarchicalSpec(width=32, latents=8)
"""the network of every set if a hierarchy is asked for: 17 to 29 groups of latents, by the size of the images"""
DEEP_STEPS = 40_000
"""of hierarchies at the full schedule, which is ours"""
HIERARCHY_BATCH = 16
"""images of its batches: a step of a hierarchy costs many times that of a flat VAE"""
IN_HIERARCHIES = ("celeba", "cifar10")
"""sets of which the paper prints numbers of a hierarchical VAE; those of the others are of a flat one"""


class Set(NamedTuple):
    """One set's network and schedule. role: the set as paper.toml calls it, None if the paper prints nothing of it."""

    role: str | None
    network: s.NetworkSpec
    latents: int
    steps: int
    batch_size: int = 128


def _epochs(images: int) -> int:
    """Steps of the release's 10 epochs of batches of 128, the last batch of each a short one."""
    return 10 * -(-images // 128)


SETS: dict[str, Set] = {
    "mnist": Set("mnist", s.RybkinSpec(), 20, _epochs(60_000)),
    "fashion-mnist": Set(None, s.RybkinSpec(), 20, _epochs(60_000)),
    "svhn": Set("svhn", s.RybkinSpec(), 20, _epochs(73_257)),
    "cifar10": Set("cifar10", s.BurgessSpec(channels=64), 64, 10_000),
    "celeba": Set("celeba", s.BurgessSpec(channels=64), 64, 20_000, 64),
    "digits": Set(None, s.HigginsSpec(width=256), 8, 1_500),
    "folder": Set(None, s.BurgessSpec(channels=64), 64, 5_000, 64),
}


def parse_set(text: str) -> tuple[str, Path | None]:
    """ "mnist" or "folder:PATH" as a set's name and its folder. RecipeError lists the sets."""
    name, sign, path = text.partition(":")
    if name not in SETS or (name == "folder") != bool(sign and path):
        known = ", ".join(SETS).replace("folder", "folder:PATH")
        raise RecipeError(f"The images must be one of {known}; got {text!r}.")
    return name, Path(path) if path else None


def set_recipe(name: str, root: Path | None, steps: int | None = None, *, hierarchical: bool = False) -> Recipe:
    """The recipe of one set at β = 1 with a Bernoulli decoder, which has no settings of its own; steps: the paper's by default.

    root: of the official files, or the folder of pictures. hierarchical: a small very deep VAE instead of the set's network,
    which warms up its learning rate and skips updates whose gradients are far too large.
    """
    found = SETS[name]
    steps = steps or (DEEP_STEPS if hierarchical else found.steps)
    every = max(1, steps // 40)
    flat = s.VaeSpec(latents=found.latents, network=found.network)
    return Recipe(
        name=f"{name}-decoders",
        data=_data(name, root),
        model=HIERARCHY if hierarchical else flat,
        likelihood=s.BernoulliSpec(),
        objective=s.BetaSpec(beta=1.0),
        optimizer=s.OptimizerSpec(learning_rate=1e-3),
        schedule=s.ConstantSpec(warmup=min(100, steps // 10) if hierarchical else 0),
        training=s.TrainingSpec(
            steps=steps,
            batch_size=HIERARCHY_BATCH if hierarchical else found.batch_size,
            skip=s.QuantileSkipSpec() if hierarchical else s.NeverSpec(),
            log_every=every,
            checkpoint_every=min(1000, 10 * every),
            pictures_every=20 * every,
        ),
        seed=SEEDS[0],
    )


def grid_recipe(recipe: Recipe) -> Recipe:
    """A set's recipe with the grid's decoder."""
    return recipe.model_copy(
        update={"name": recipe.name.replace("-decoders", "-betas"), "likelihood": s.FixedGaussianSpec(sigma=1.0)}
    )


def as_published_recipe(recipe: Recipe) -> Recipe:
    """A set's recipe with the release's optimal σ: softly clipped, and the evaluated batch's own even in evaluation."""
    published = s.OptimalGaussianSpec(as_published=True)
    return recipe.model_copy(update={"name": recipe.name.replace("-decoders", "-analytic"), "likelihood": published})


def _data(name: str, root: Path | None) -> d.DataSpec:
    match name:
        case "mnist" | "fashion-mnist":
            return d.MnistSpec(kind=name, root=root)
        case "svhn":
            return d.SvhnSpec(root=root, size=28)
        case "cifar10":
            return d.CifarSpec(kind=name, root=root)
        case "celeba":
            return d.CelebaSpec(root=root)
        case "digits":
            return d.DigitsSpec(size=8)
        case _:
            if root is None:
                raise RecipeError("Name the folder of pictures: folder:PATH.")
            return d.PicturesSpec(root=root)
