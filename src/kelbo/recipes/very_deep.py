"""Named recipes of very deep VAEs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.schema import Recipe

CIFAR_DIMS = 32 * 32 * 3
CIFAR_ENCODER = "32x11,32d2,16x6,16d2,8x6,8d2,4x3,4d4,1x3"
SVHN_DECODER = "1x2,4m1,4x3,8m4,8x9,16m8,16x15,32m16,32x15"


def vdvae_tiny() -> Recipe:
    """Very deep VAE of 17 groups of latents on MNIST: some ten minutes on two cores. Other square sizes have other layers."""
    return Recipe(
        name="vdvae-tiny",
        data=d.MnistSpec(kind="mnist"),
        model=s.HierarchicalSpec(width=32, latents=8),
        likelihood=s.LogisticMixtureSpec(components=5),
        objective=s.ElboSpec(),
        optimizer=s.OptimizerSpec(kind="adamw", learning_rate=1e-3, betas=(0.9, 0.9), weight_decay=0.01),
        schedule=s.ConstantSpec(warmup=100),
        training=s.TrainingSpec(
            steps=2000, batch_size=16, ema=0.99, log_every=25, checkpoint_every=500, pictures_every=500
        ),
    )


def vdvae_cifar10() -> Recipe:
    """The release's very deep VAE of CIFAR-10 (Child, 2021): 43 groups of latents, 39 million parameters.

    Its learning rate, decay, warm-up and moving average; gradients are clipped at its 200 of a loss in nats per dimension.
    """
    return Recipe(
        name="vdvae-cifar10",
        data=d.CifarSpec(kind="cifar10"),
        model=s.HierarchicalSpec(
            encoder=CIFAR_ENCODER,
            decoder="1x1,4m1,4x2,8m4,8x5,16m8,16x10,32m16,32x21",
            width=384,
            centre=120.63838 / 255,
            spread=64.16736 / 255,
        ),
        likelihood=s.LogisticMixtureSpec(),
        objective=s.ElboSpec(),
        optimizer=s.OptimizerSpec(kind="adamw", learning_rate=2e-4, betas=(0.9, 0.9), weight_decay=0.01),
        schedule=s.ConstantSpec(warmup=100),
        training=s.TrainingSpec(
            steps=500_000,
            batch_size=32,
            clip=200.0 * CIFAR_DIMS,
            skip=s.FixedSkipSpec(above=400.0, per="dim"),
            ema=0.9999,
            log_every=100,
            checkpoint_every=5000,
            pictures_every=10_000,
        ),
    )


def vdvae_svhn() -> Recipe:
    """Very deep VAE of 48 groups on SVHN at a squared error of 6.6, as the primary of "Mind Your Bits and Errors".

    Posteriors are precision-weighted. The paper leaves the encoder open, which is that of the very deep VAE's release. σ is
    solved for beside the target, so that bounds are those of the best one.
    """
    return Recipe(
        name="vdvae-svhn",
        data=d.SvhnSpec(),
        model=s.HierarchicalSpec(encoder=CIFAR_ENCODER, decoder=SVHN_DECODER, width=128, merge="precision_weighted"),
        likelihood=s.OptimalGaussianSpec(),
        objective=s.DistortionTargetSpec(target=6.6),
        optimizer=s.OptimizerSpec(learning_rate=2e-4),
        training=s.TrainingSpec(
            steps=350_000,
            batch_size=64,
            skip=s.QuantileSkipSpec(),
            log_every=100,
            checkpoint_every=5000,
            pictures_every=10_000,
        ),
    )


def vdvae_celeba() -> Recipe:
    """As vdvae-svhn, of 56 groups on CelebA at 64×64 at a squared error of 13.8."""
    deeper = {"encoder": f"64x11,64d2,{CIFAR_ENCODER}", "decoder": f"{SVHN_DECODER},64m32,64x7"}
    recipe = vdvae_svhn()
    model = recipe.model.model_copy(update=deeper)
    objective = s.DistortionTargetSpec(target=13.8)
    changed = {"name": "vdvae-celeba", "data": d.CelebaSpec(), "model": model, "objective": objective}
    return recipe.model_copy(update=changed)


def _secondary(primary: Recipe, target: float) -> Recipe:
    """A second stage on runs of this recipe, of the same depth, at a squared error of its own.

    Layers that the primary's recipe does not list are taken from its run.
    """
    of_primary = {name: value for name, value in primary.model if name != "kind"}
    changed = {
        "name": f"{primary.name}-secondary",
        "model": s.SecondarySpec(**of_primary),
        "likelihood": s.OptimalGaussianSpec(mean_activation="identity"),
        "objective": s.DistortionTargetSpec(target=target),
    }
    return primary.model_copy(update=changed)


def vdvae_tiny_secondary() -> Recipe:
    """Second stage on a run of vdvae-tiny that was trained at a squared error (runs.primary.path): holds 2.

    Posteriors begin at the prior: others differ from it while the output does not depend on the latents, and are switched off.
    """
    recipe = _secondary(vdvae_tiny(), 2.0)
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"merge": "residual"})})


def vdvae_svhn_secondary() -> Recipe:
    """Second stage on a run of vdvae-svhn (runs.primary.path), as in "Mind Your Bits and Errors": a squared error of 2."""
    return _secondary(vdvae_svhn(), 2.0)


def vdvae_celeba_secondary() -> Recipe:
    """Second stage on a run of vdvae-celeba (runs.primary.path): holds a squared error of 3."""
    return _secondary(vdvae_celeba(), 3.0)


VERY_DEEP: dict[str, Callable[[], Recipe]] = {
    "vdvae-tiny": vdvae_tiny,
    "vdvae-cifar10": vdvae_cifar10,
    "vdvae-svhn": vdvae_svhn,
    "vdvae-celeba": vdvae_celeba,
    "vdvae-tiny-secondary": vdvae_tiny_secondary,
    "vdvae-svhn-secondary": vdvae_svhn_secondary,
    "vdvae-celeba-secondary": vdvae_celeba_secondary,
}


def released(hps: str) -> Recipe:
    """The recipe of one of the release's sets of weights, by its name there; KeyError for another.

    Its mixture of logistics is the published one. Images other than CIFAR-10's are arrays of the user's (data.root).
    """
    recipe = vdvae_cifar10()
    if hps == "cifar10":
        return recipe.model_copy(update={"likelihood": s.PublishedMixtureSpec()})
    own, bits = RELEASED[hps], 5 if hps == "ffhq256" else 8
    model = {"width": 512, "encoder": own.encoder, "decoder": own.decoder, "centre": own.centre, "spread": own.spread}
    training = {"batch_size": own.batch_size, "clip": own.clip * own.side**2 * 3, "ema": 0.999}
    training["skip"] = s.FixedSkipSpec(above=own.skip)
    changed = {
        "name": f"vdvae-{hps}",
        "data": d.ArraysSpec(root=Path(hps), bits=bits),
        "model": recipe.model.model_copy(update=model),
        "likelihood": s.PublishedMixtureSpec(),
        "optimizer": recipe.optimizer.model_copy(update={"learning_rate": 1.5e-4}),
        "training": recipe.training.model_copy(update=training),
    }
    return recipe.model_copy(update=changed)


class Released(NamedTuple):
    """What a set of the release's weights has of its own: layers, mean and scale of intensities, whole batch, clipping."""

    encoder: str
    decoder: str
    side: int
    centre: float
    spread: float
    batch_size: int
    clip: float
    skip: float
    """gradient norms of a loss in nats per dimension, from which it is scaled down, and the update skipped"""


RELEASED: dict[str, Released] = {
    "imagenet32": Released(
        "32x15,32d2,16x9,16d2,8x8,8d2,4x6,4d4,1x6",
        "1x2,4m1,4x4,8m4,8x9,16m8,16x19,32m16,32x40",
        32,
        116.2373 / 255,
        69.37404 / 255,
        256,
        200.0,
        300.0,
    ),
    "imagenet64": Released(
        "64x11,64d2,32x20,32d2,16x9,16d2,8x8,8d2,4x7,4d4,1x5",
        "1x2,4m1,4x3,8m4,8x7,16m8,16x15,32m16,32x31,64m32,64x12",
        64,
        115.92961967 / 255,
        69.37404 / 255,
        128,
        220.0,
        380.0,
    ),
    "ffhq256": Released(
        "256x3,256d2,128x8,128d2,64x12,64d2,32x17,32d2,16x7,16d2,8x5,8d2,4x5,4d4,1x4",
        "1x2,4m1,4x3,8m4,8x4,16m8,16x9,32m16,32x21,64m32,64x13,128m64,128x7,256m128",
        256,
        (112.8666757481 - 3.5) / 248,  # of the middles of 32 steps of 8 levels each
        69.84780273 / 248,
        32,
        130.0,
        180.0,
    ),
}
HPS = ("cifar10", *RELEASED)
"""sets of weights that can be imported"""
