"""Three players as in VAE/GAN (Larsen et al., 2016): an encoder, a decoder and a discriminator, each with its own loss."""

import torch
import torch.nn.functional as F
from tests.toys.made import pictures, recipe
from torch import Tensor, nn

from kelbo.bound import Batch
from kelbo.distributed.fabric import Fabric
from kelbo.experiments.parts import Parts
from kelbo.models import VAE
from kelbo.protocols import Likelihood
from kelbo.recipes import build
from kelbo.seeds import generator
from kelbo.training import TrainState, Values, reduce_gradients
from kelbo.training.schedules import set_learning_rate

LATENTS = 3


class ThreePlayers(VAE):
    """A VAE that brings its critics along. The filters are frozen: neither trained nor in a checkpoint."""

    filters: Tensor

    def __init__(self, likelihood: Likelihood) -> None:
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2 * LATENTS))
        decoder = nn.Sequential(nn.Linear(LATENTS, 16), nn.ReLU(), nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)))
        super().__init__(encoder, decoder, likelihood, (1, 8, 8), LATENTS)
        self.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 1))
        frozen = torch.randn(4, 1, 3, 3, generator=generator(0, "features"))
        self.register_buffer("filters", frozen, persistent=False)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Between frozen features, a scalar."""
        return (F.conv2d(x, self.filters) - F.conv2d(y, self.filters)).square().mean()


def optimizers(recipe, model):
    rate = recipe.optimizer.learning_rate
    return {
        "encoder": torch.optim.Adam(model.encoder.parameters(), rate),
        "decoder": torch.optim.Adam([*model.decoder.parameters(), *model.likelihood.parameters()], rate),
        "discriminator": torch.optim.SGD(model.discriminator.parameters(), 10 * rate),
    }


class ThreeLosses:
    """All gradients are taken before anybody moves, each player's of its own loss alone."""

    distributed = True

    def __init__(self, recipe, fabric: Fabric) -> None:
        self.fabric, self.schedule = fabric, build.schedule(recipe)

    def __call__(self, state: TrainState, batch: Batch) -> Values:
        with self.fabric.autocast():
            losses, values = judged(state.network, batch)
        moved = {
            name: [p for group in own.param_groups for p in group["params"]] for name, own in state.optimizers.items()
        }
        gradients = {name: torch.autograd.grad(losses[name], own, retain_graph=True) for name, own in moved.items()}
        for name, optimizer in state.optimizers.items():
            set_learning_rate(optimizer, self.schedule(state.step))
            for parameter, gradient in zip(moved[name], gradients[name], strict=True):
                parameter.grad = gradient
            reduce_gradients(self.fabric, moved[name])
            optimizer.step()
        return values | {f"loss/{name}": loss.detach() for name, loss in losses.items()}


def judged(model: ThreePlayers, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Each player's loss, and what else the step says of itself."""
    reading = model.read(batch)
    made, rate = model.mean(reading.output), reading.bound.rate.sum(-1).mean()
    real, false = model.discriminator(batch.x), model.discriminator(made)
    distance = model.distance(batch.x, made)
    losses = {
        "encoder": rate + 64 * distance,
        "decoder": 64 * distance + reading.bound.distortion.mean() + F.softplus(-false).mean(),
        "discriminator": F.softplus(-real).mean() + F.softplus(false).mean(),
    }
    right = torch.cat([real > 0, false <= 0]).float().mean()
    scalars = {"discriminator_accuracy": right, "feature_distance": distance.detach()}
    return losses, {"rate": rate.detach(), "distortion": reading.bound.distortion.mean().detach(), **scalars}


def model(recipe, images, runs):
    return ThreePlayers(build.likelihood(recipe, images.levels))


RECIPE = recipe("three-players", "likelihood.kind=shared_gaussian", "training.ema=0.9")
PARTS = Parts(data=pictures, model=model, optimizers=optimizers, update=ThreeLosses)
