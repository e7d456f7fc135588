"""A GAN (Goodfellow et al., 2014): a generator that reads no examples, and a discriminator beside it."""

import torch
import torch.nn.functional as F
from tests.toys.made import pictures, recipe
from torch import Tensor, nn

from kelbo.bound import Batch, Latents, Temperature, require_groups, temperatures
from kelbo.distributed.fabric import Fabric
from kelbo.experiments.parts import Parts
from kelbo.latents import StandardNormal
from kelbo.protocols import NOTHING, Generator
from kelbo.recipes import build
from kelbo.training import TrainState, Values
from kelbo.training.schedules import set_learning_rate

LATENTS = 3


class TwoPlayers(Generator):
    def __init__(self) -> None:
        super().__init__()
        self.event, self.prior = (1, 8, 8), StandardNormal(LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 16), nn.ReLU(), nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)))
        self.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 1))

    def sample(self, count: int, given=NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        (one,) = temperatures(temperature, self.groups)
        return (self.prior.sample(count, given, one),)

    def decode(self, latents: Latents, given=NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        return self.decoder(latents[0])

    def mean(self, output: Tensor) -> Tensor:
        return output.sigmoid()


class TwoLosses:
    def __init__(self, recipe, fabric: Fabric) -> None:
        self.fabric, self.schedule = fabric, build.schedule(recipe)

    def __call__(self, state: TrainState, batch: Batch) -> Values:
        model = state.network
        made = model.mean(model.decode(model.sample(len(batch.x))))
        real, false = model.discriminator(batch.x), model.discriminator(made)
        losses = {
            "decoder": F.softplus(-false).mean(),
            "discriminator": F.softplus(-real).mean() + F.softplus(false).mean(),
        }
        gradients = {
            name: torch.autograd.grad(loss, [*getattr(model, name).parameters()], retain_graph=True)
            for name, loss in losses.items()
        }
        for name, optimizer in state.optimizers.items():
            set_learning_rate(optimizer, self.schedule(state.step))
            for parameter, gradient in zip(getattr(model, name).parameters(), gradients[name], strict=True):
                parameter.grad = gradient
            optimizer.step()
        return {f"loss/{name}": loss.detach() for name, loss in losses.items()}


def optimizers(recipe, model):
    rate = recipe.optimizer.learning_rate
    return {name: torch.optim.Adam(getattr(model, name).parameters(), rate) for name in ("decoder", "discriminator")}


RECIPE = recipe("two-players", "training.ema=0.9")
PARTS = Parts(data=pictures, model=lambda *_: TwoPlayers(), optimizers=optimizers, update=TwoLosses)
