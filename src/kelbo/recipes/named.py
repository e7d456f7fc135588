"""Named recipes: functions that return a whole experiment. A variant changes another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kelbo.errors import RecipeError
from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.files import load
from kelbo.recipes.schema import Recipe
from kelbo.recipes.vaegans import VAEGANS
from kelbo.recipes.very_deep import VERY_DEEP


def digits() -> Recipe:
    """Calibrated VAE on scikit-learn's handwritten digits, 8×8: needs no download, half a minute on two cores."""
    return Recipe(
        name="digits",
        data=d.DigitsSpec(size=8),
        model=s.VaeSpec(latents=8, network=s.HigginsSpec(width=256)),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.BetaSpec(beta=1.0, warmup=500),
        optimizer=s.OptimizerSpec(kind="adamw", learning_rate=1e-3, weight_decay=0.5),
        training=s.TrainingSpec(steps=1500, batch_size=128, log_every=25, pictures_every=250, checkpoint_every=500),
    )


def mnist_sigma() -> Recipe:
    """σ-VAE on MNIST with the σ-VAE release's network and schedule (Rybkin et al., 2021): 10 epochs."""
    return Recipe(
        name="mnist-sigma",
        data=d.MnistSpec(kind="mnist"),
        model=s.VaeSpec(latents=20, network=s.RybkinSpec()),
        likelihood=s.OptimalGaussianSpec(),
        optimizer=s.OptimizerSpec(learning_rate=1e-3),
        training=s.TrainingSpec(steps=4690, batch_size=128),
    )


def mnist_conditional() -> Recipe:
    """VAE on black-and-white MNIST that is told each digit's class, its rate held at 10 nats: three minutes on two cores.

    At that rate the codes of each class lie near the prior, so that draws of it are digits of the class that is given.
    """
    return Recipe(
        name="mnist-conditional",
        data=d.MnistSpec(kind="mnist", bits=1),
        model=s.VaeSpec(latents=16, network=s.HigginsSpec(width=400), given="labels"),
        likelihood=s.BernoulliSpec(),
        objective=s.CapacitySpec(gamma=4.0, capacity=10.0, steps=12_000),
        schedule=s.CosineSpec(),
        training=s.TrainingSpec(
            steps=16_000, batch_size=128, log_every=100, checkpoint_every=2000, pictures_every=2000
        ),
    )


def fashion_sigma() -> Recipe:
    """σ-VAE on Fashion-MNIST, as mnist-sigma."""
    recipe = mnist_sigma()
    return recipe.model_copy(update={"name": "fashion-sigma", "data": d.MnistSpec(kind="fashion-mnist")})


def svhn_sigma() -> Recipe:
    """σ-VAE on SVHN at 28×28 with the σ-VAE release's network and schedule (Rybkin et al., 2021): 10 epochs."""
    recipe = mnist_sigma()
    training = s.TrainingSpec(steps=5723, batch_size=128)
    return recipe.model_copy(update={"name": "svhn-sigma", "data": d.SvhnSpec(size=28), "training": training})


def celeba_sigma() -> Recipe:
    """Calibrated convolutional VAE on CelebA at 64×64, cropped as VAE/GAN's release does."""
    training = s.TrainingSpec(steps=20_000, batch_size=128)
    return cifar10_sigma().model_copy(update={"name": "celeba-sigma", "data": d.CelebaSpec(), "training": training})


def autoencoder_kl() -> Recipe:
    """Autoencoder of latent diffusion (Rombach et al., 2022) on CelebA at 64×64, latents 4×16×16.

    As released, but for narrower networks without attention: absolute errors of pixels in [-1, 1], which a Laplace of scale 0.5
    has for -log p in nats, beside 1e-6 of the rate; from a third of the steps on a hinge loss of patches, at half the adaptive
    weight. The learning rate is used as it is written, whatever the batch.
    """
    return Recipe(
        name="autoencoder-kl",
        data=d.CelebaSpec(),
        model=s.SpatialSpec(widths=(32, 64, 64), blocks=1, attention=False, groups=16),
        likelihood=s.LaplaceSpec(scale=0.5, mean_activation="identity"),
        objective=s.BetaSpec(beta=1e-6),
        adversary=s.PatchAdversarySpec(start=600, width=32),
        optimizer=s.OptimizerSpec(learning_rate=5e-4, betas=(0.5, 0.9)),
        training=s.TrainingSpec(
            steps=1800, batch_size=16, ema=0.999, log_every=25, checkpoint_every=300, pictures_every=300
        ),
    )


def frey() -> Recipe:
    """Calibrated VAE on the Frey faces, 28×20, tested on the end of the film: half a minute on two cores."""
    return Recipe(
        name="frey",
        data=d.FreySpec(),
        model=s.VaeSpec(latents=10, network=s.HigginsSpec(width=256)),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.BetaSpec(beta=1.0, warmup=500),
        optimizer=s.OptimizerSpec(kind="adamw", learning_rate=1e-3, weight_decay=5.0),
        training=s.TrainingSpec(steps=1500, batch_size=128, log_every=25, pictures_every=250),
    )


def cifar10_sigma() -> Recipe:
    """Calibrated convolutional VAE on CIFAR-10."""
    return Recipe(
        name="cifar10-sigma",
        data=d.CifarSpec(kind="cifar10"),
        model=s.VaeSpec(latents=64, network=s.BurgessSpec(channels=64)),
        likelihood=s.OptimalGaussianSpec(),
        optimizer=s.OptimizerSpec(learning_rate=1e-3),
        schedule=s.DropSpec(),
        training=s.TrainingSpec(steps=10_000, batch_size=128),
    )


def shapes2d_beta() -> Recipe:
    """β-VAE on rendered 2-D shapes (Higgins et al., 2017) with the network of Burgess et al. (2018)."""
    return Recipe(
        name="shapes2d-beta",
        data=d.Shapes2dSpec(),
        model=s.VaeSpec(latents=10, network=s.BurgessSpec()),
        likelihood=s.BernoulliSpec(),
        objective=s.BetaSpec(beta=4.0),
        optimizer=s.OptimizerSpec(learning_rate=5e-4),
        training=s.TrainingSpec(steps=20_000, batch_size=256, log_every=50, checkpoint_every=1000, pictures_every=1000),
    )


def shapes3d_sigma() -> Recipe:
    """Calibrated β-VAE on rendered 3-D shapes, 64×64 in colour: needs no download, two minutes on two cores.

    β rises to 300 beside a σ that is solved for, which comes down to 0.05: together they weigh the rate as β = 0.75 does beside
    ½ squared error. The rate then is not far above the 13 nats that tell 480,000 images apart.
    """
    return Recipe(
        name="shapes3d-sigma",
        data=d.Shapes3dSpec(held_out=0.01),
        model=s.VaeSpec(latents=10, network=s.ResidualSpec(channels=32)),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.BetaSpec(beta=300.0, warmup=1500),
        optimizer=s.OptimizerSpec(learning_rate=3e-3),
        schedule=s.DropSpec(at=0.7, factor=0.1, warmup=50),
        training=s.TrainingSpec(steps=3000, batch_size=64, log_every=50, checkpoint_every=1000, pictures_every=375),
    )


def shapes3d_beta() -> Recipe:
    """β-VAE on rendered 3-D shapes, as the reproducibility study of β-VAE trains on 3D Shapes: 10 epochs.

    The network of Burgess et al. (2018), Bernoulli on colours and all, Adam at 1e-4, batches of 64, and a fifth of the
    learning rate for the last quarter.
    """
    return Recipe(
        name="shapes3d-beta",
        data=d.Shapes3dSpec(),
        model=s.VaeSpec(latents=10, network=s.BurgessSpec()),
        likelihood=s.BernoulliSpec(),
        objective=s.BetaSpec(beta=4.0),
        optimizer=s.OptimizerSpec(learning_rate=1e-4),
        schedule=s.DropSpec(at=0.75, factor=0.2),
        training=s.TrainingSpec(steps=67_500, batch_size=64, log_every=100, checkpoint_every=2000, pictures_every=2000),
    )


def sprites_sigma() -> Recipe:
    """Calibrated VAE on Sprites' characters, averaged down to 32×32, tested on characters that it has not seen."""
    return Recipe(
        name="sprites-sigma",
        data=d.SpritesSpec(size=32),
        model=s.VaeSpec(latents=32, network=s.ResidualSpec(channels=32)),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.BetaSpec(beta=1.0, warmup=500),
        optimizer=s.OptimizerSpec(learning_rate=2e-3),
        schedule=s.DropSpec(at=0.7, factor=0.1, warmup=50),
        training=s.TrainingSpec(steps=3000, batch_size=64, log_every=50, checkpoint_every=1000, pictures_every=500),
    )


def folder_sigma() -> Recipe:
    """Calibrated convolutional VAE on a folder of pictures (`data.root`), 64×64."""
    data, training = d.PicturesSpec(root=Path("pictures")), s.TrainingSpec(steps=5000, batch_size=64)
    changed = {"name": "folder-sigma", "data": data, "schedule": s.ConstantSpec(), "training": training}
    return cifar10_sigma().model_copy(update=changed)


def table_sigma() -> Recipe:
    """Calibrated VAE on a table of numbers (`data.root`): each column in its own unit, one σ in standard deviations.

    Small tables are soon overfitted: weights decay strongly, and a fifth of the rows is held out to find the best checkpoint.
    """
    return Recipe(
        name="table-sigma",
        data=d.TableSpec(root=Path("table.csv"), validation=0.2),
        model=s.VaeSpec(latents=5, network=s.HigginsSpec(width=128)),
        likelihood=s.OptimalGaussianSpec(mean_activation="identity"),
        optimizer=s.OptimizerSpec(kind="adamw", learning_rate=1e-3, weight_decay=1.5),
        training=s.TrainingSpec(steps=1500, batch_size=64, log_every=50, checkpoint_every=50),
    )


NAMED: dict[str, Callable[[], Recipe]] = {
    "digits": digits,
    "mnist-sigma": mnist_sigma,
    "mnist-conditional": mnist_conditional,
    "fashion-sigma": fashion_sigma,
    "svhn-sigma": svhn_sigma,
    "cifar10-sigma": cifar10_sigma,
    "celeba-sigma": celeba_sigma,
    "autoencoder-kl": autoencoder_kl,
    "frey": frey,
    "shapes2d-beta": shapes2d_beta,
    "shapes3d-sigma": shapes3d_sigma,
    "shapes3d-beta": shapes3d_beta,
    "sprites-sigma": sprites_sigma,
    "folder-sigma": folder_sigma,
    "table-sigma": table_sigma,
    **VERY_DEEP,
    **VAEGANS,
}


def find(name: str) -> Recipe:
    """A named recipe, or one in a TOML file. RecipeError lists the names if it is neither."""
    if name in NAMED:
        return NAMED[name]()
    if Path(name).suffix == ".toml":
        return load(Path(name))
    raise RecipeError(f"There is no recipe {name!r}. Choose one of {', '.join(NAMED)}, or give a .toml file.")
