"""Named recipes of VAE/GAN and of the models that it is compared with (Larsen et al., 2016), all of the same networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.schema import Recipe

GAMMA = 1e-6
"""weight of the features' distance in the release's training on CelebA, where it is w = γ / (1 + γ)"""


def vaegan_celeba() -> Recipe:
    """VAE/GAN on CelebA at 64×64: the paper's networks and losses, with the release's γ, balance and length.

    The release's own variant: distance.convention=convex, adversary.fakes=prior, model.network.hidden=1024.
    """
    return Recipe(
        name="vaegan-celeba",
        data=d.CelebaSpec(),
        model=s.VaeSpec(latents=128, network=s.LarsenSpec()),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.ElboSpec(),
        adversary=s.LarsenAdversarySpec(),
        distance=s.DiscriminatorDistanceSpec(weight=GAMMA),
        optimizer=s.OptimizerSpec(kind="rmsprop", learning_rate=3e-4),
        training=s.TrainingSpec(steps=62_500, batch_size=64, log_every=100, checkpoint_every=2500, pictures_every=2500),
    )


def gan_celeba() -> Recipe:
    """The GAN of the same decoder and discriminator, whose features a VAE can have for a distance."""
    recipe = vaegan_celeba()
    model = s.GanSpec(latents=128, network=s.LarsenSpec())
    adversary = s.LarsenAdversarySpec(fakes="prior")
    changed = {"name": "gan-celeba", "model": model, "adversary": adversary, "distance": None}
    return recipe.model_copy(update=changed)


def learned_celeba() -> Recipe:
    """The VAE whose distance is of features of a GAN's discriminator (`runs.discriminator.path`), which stays as it is."""
    runs = {"discriminator": s.RunSpec(path=Path("gan-celeba"))}
    distance = s.DiscriminatorDistanceSpec()
    changed = {"name": "learned-celeba", "adversary": None, "distance": distance, "runs": runs}
    return vaegan_celeba().model_copy(update=changed)


def vaegan_digits() -> Recipe:
    """VAE/GAN on scikit-learn's handwritten digits at 32×32: needs no download, some minutes on two cores.

    Networks have a quarter of the paper's widths, and the σ of features is solved for.
    """
    return Recipe(
        name="vaegan-digits",
        data=d.DigitsSpec(size=32),
        model=s.VaeSpec(latents=16, network=s.LarsenSpec(width=0.25, hidden=1024)),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.ElboSpec(),
        adversary=s.LarsenAdversarySpec(width=0.25),
        distance=s.DiscriminatorDistanceSpec(sigma="optimal", weight=1e-3),
        optimizer=s.OptimizerSpec(kind="rmsprop", learning_rate=3e-4),
        training=s.TrainingSpec(steps=2000, batch_size=64, log_every=25, pictures_every=250, checkpoint_every=500),
    )


VAEGANS: dict[str, Callable[[], Recipe]] = {
    "vaegan-celeba": vaegan_celeba,
    "gan-celeba": gan_celeba,
    "learned-celeba": learned_celeba,
    "vaegan-digits": vaegan_digits,
}
