"""The sets of the study, and its recipes: one set of networks for all models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import RecipeError
from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.augment_specs import AugmentSpec
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe

NAMES = {
    "celeba": "CelebA",
    "sprites": "Sprites",
    "cifar10": "CIFAR-10",
    "digits": "scikit-learn’s digits",
    "folder": "your pictures",
}
EDITED = {
    "celeba": ("Smiling", "Eyeglasses", "Male", "Blond_Hair"),
    "sprites": ("hair=1", "top=1", "bottom=1", "body=1"),
}
"""the attributes that images are edited along, unless others are named"""
PAPER_STEPS = 62_500
"""of the release: 250 epochs of 250 batches"""
CONVEX = 1e-6
"""the release's weight of the features' distance, beside 1 - w of the adversarial loss"""
UNIT = 0.5
"""σ of intensities in [0, 1] that is 1 in the [-1, 1] of the paper"""


class Size(NamedTuple):
    """How large pictures and networks are. pixels: a side; width: factor on all numbers of channels and units."""

    pixels: int = 64
    width: float = 1.0
    latents: int = 128


class Losses(NamedTuple):
    """How distances are measured: calibrated, σ of pixels and of features is solved for; else it is 1, as in the paper.

    weight, convention: of the features' distance in VAE/GAN's decoder, see `distance` of a recipe.
    """

    calibrated: bool = False
    weight: float = CONVEX
    convention: str = "convex"


def parse_set(text: str) -> tuple[str, Path | None]:
    """ "celeba" or "folder:PATH" as a set's name and its folder. RecipeError lists the sets."""
    name, sign, path = text.partition(":")
    if name not in NAMES or (name == "folder") != bool(sign and path):
        known = ", ".join(NAMES).replace("folder", "folder:PATH")
        raise RecipeError(f"The images must be one of {known}; got {text!r}.")
    return name, Path(path) if path else None


def data_of(name: str, root: Path | None, pixels: int) -> d.DataSpec:
    """A set at so many pixels a side; CIFAR-10 stays at its 32. Faces are trained on as they are and mirrored.

    root: of the official files, or the folder of pictures.
    """
    match name:
        case "celeba":
            return d.CelebaSpec(root=root, size=pixels, augment=AugmentSpec(flip=True))
        case "sprites":
            return d.SpritesSpec.model_validate({"root": root, "size": pixels})
        case "cifar10":
            return d.CifarSpec(kind="cifar10", root=root)
        case "digits":
            return d.DigitsSpec.model_validate({"size": pixels})
        case _:
            if root is None:
                raise RecipeError("Name the folder of pictures: folder:PATH.")
            return d.PicturesSpec(root=root, size=pixels)


def vae_recipe(name: str, data: d.DataSpec, size: Size, losses: Losses, training: Mapping[str, Any]) -> Recipe:
    """The VAE, from which the others differ in losses alone. training: settings by path of the budget's own."""
    recipe = Recipe(
        name=f"{name}-vae",
        data=data,
        model=s.VaeSpec(latents=size.latents, network=s.LarsenSpec(width=size.width)),
        likelihood=s.OptimalGaussianSpec() if losses.calibrated else s.FixedGaussianSpec(sigma=UNIT),
        objective=s.ElboSpec(),
        optimizer=s.OptimizerSpec(kind="rmsprop", learning_rate=3e-4),
        training=s.TrainingSpec(steps=PAPER_STEPS, batch_size=64),
    )
    return change(recipe, [f"{path}={value}" for path, value in training.items()])


def gan_recipe(recipe: Recipe, adversary: Mapping[str, Any]) -> Recipe:
    """The GAN of the VAE's decoder. adversary: settings of the discriminator besides its width."""
    own = recipe.model.model_dump(include={"latents", "network", "given"})
    return _changed(recipe, "gan", model=s.GanSpec(**own), adversary=_adversary(recipe, adversary, "prior"))


def learned_recipe(recipe: Recipe, losses: Losses) -> Recipe:
    """The VAE whose distance is of features of a GAN's discriminator, which stays as it is."""
    return _changed(recipe, "learned", distance=s.DiscriminatorDistanceSpec(sigma=_sigma(losses)))


def vaegan_recipe(recipe: Recipe, losses: Losses, adversary: Mapping[str, Any]) -> Recipe:
    """VAE/GAN, all three networks trained together."""
    distance = s.DiscriminatorDistanceSpec(
        sigma=_sigma(losses), weight=losses.weight, convention="convex" if losses.convention == "convex" else "paper"
    )
    return _changed(recipe, "vaegan", adversary=_adversary(recipe, adversary, "both"), distance=distance)


def told(recipe: Recipe, given: str) -> Recipe:
    """The same model, told each image's attributes. given: as recipes have it."""
    model = recipe.model.model_copy(update={"given": given})
    return recipe.model_copy(update={"name": f"{recipe.name}-told", "model": model})


def _sigma(losses: Losses) -> Any:
    return "optimal" if losses.calibrated else "unit"


def _adversary(recipe: Recipe, settings: Mapping[str, Any], fakes: str) -> s.LarsenAdversarySpec:
    assert isinstance(recipe.model, s.VaeSpec)
    assert isinstance(recipe.model.network, s.LarsenSpec)
    return s.LarsenAdversarySpec.model_validate({"width": recipe.model.network.width, "fakes": fakes, **settings})


def _changed(recipe: Recipe, name: str, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"name": recipe.name.replace("-vae", f"-{name}"), **changes})
