"""A small hierarchy of 8×8 images as a primary, frozen, and an untrained secondary on it."""

import torch
from tests.toys.made import recipe

from kelbo.bound import Batch
from kelbo.frozen import Frozen
from kelbo.recipes import build, change
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

DEEP = ["model.width=8", "model.latents=2", "model.encoder=8x1,8d2,4d4,1x1", "model.decoder=1x1,4m1,8m4,8x1"]
PLAIN = "likelihood.mean_activation=identity"
HIERARCHY = ["model.kind=hierarchical", *DEEP, "likelihood.kind=shared_gaussian", PLAIN]
FLAT = ["model.network.width=8", "model.latents=3", "likelihood.kind=shared_gaussian"]
SECOND = ["model.kind=secondary", "model.width=8", "model.latents=2", "runs.primary.path=primary"]
SECOND += ["likelihood.kind=shared_gaussian", PLAIN]


def outline(channels=1, given=None):
    return Outline("noise", (channels, 8, 8), 256, given or {})


def primary(*more, images=None, flat=False):
    """Frozen; the same weights whatever seed is in force. flat: a VAE of three latents."""
    with seeded(7, "init"):
        model = build.model(change(recipe("first"), [*(FLAT if flat else HIERARCHY), *more]), images or outline())
        for block in (layer.prior for layer in getattr(model, "layers", ())):  # which is 0 at first
            torch.nn.init.normal_(block.c4.weight, std=0.1)
    if model.likelihood.sigma_from == "solved":
        model.likelihood.settle(0.1)
    return Frozen(model)


def secondary(*more, first=None, images=None, moved=True):
    """moved: with all that is 0 at first drawn, as after some training."""
    first = first or primary()
    model = build.model(change(recipe("second"), [*SECOND, *more]), images or outline(), {"primary": first})
    if moved:
        for weights in (model.exit.output.weight, *(layer.prior.c4.weight for layer in model.layers)):
            torch.nn.init.normal_(weights, std=0.1)
    if model.likelihood.sigma_from == "solved":
        model.likelihood.settle(0.1)
    return model


def pictures(count=4, channels=1):
    """Levels of `count` images."""
    levels = torch.randint(0, 256, (count, channels, 8, 8), generator=torch.Generator().manual_seed(0))
    return Batch(levels.to(torch.uint8))
