"""A hierarchy of two groups of latents of different shapes: q(z2 | x), q(z1 | x, z2) and a learned prior p(z1 | z2)."""

import torch
from tests.toys.made import pictures, recipe
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_groups, temperatures
from kelbo.experiments.parts import Parts
from kelbo.latents import DiagonalGaussian
from kelbo.protocols import NOTHING, Likelihood, Model
from kelbo.recipes import build

Beliefs = tuple[DiagonalGaussian, DiagonalGaussian]
"""posterior and prior of a group"""
TOP, BELOW, SIDE = 6, 4, 4


class TwoGroups(Model):
    """Latents are (z2, z1), (B, 6) and (B, 4, 4, 4), in the order in which they are drawn."""

    groups, event = 2, (1, 8, 8)

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.body = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU())
        self.top = nn.Linear(8 * SIDE**2, 2 * TOP)
        self.spread = nn.Linear(TOP, BELOW * SIDE**2)
        self.below = nn.Conv2d(8 + BELOW, 2 * BELOW, 1)
        self.below_prior = nn.Conv2d(BELOW, 2 * BELOW, 1)
        self.paint = nn.ConvTranspose2d(2 * BELOW, likelihood.output_channels(1), 4, 2, 1)

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        latents, beliefs = self.infer(batch.x, draw)
        output = self.decode(latents)
        distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        rate = torch.stack([q.kl(p).flatten(1).sum(1) for q, p in beliefs], 1)
        return Reading(Bound(rate, distortion), latents, output)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        x = batch.x if target is None else target
        return torch.stack([self.log_weight(batch.x, x) for _ in range(samples)], 1)

    def log_weight(self, x: Tensor, target: Tensor) -> Tensor:
        latents, beliefs = self.infer(x, True)
        ratios = [p.log_prob(z) - q.log_prob(z) for z, (q, p) in zip(latents, beliefs, strict=True)]
        return self.likelihood.log_prob(target, self.decode(latents)) + torch.stack(ratios).sum(0)

    def infer(self, x: Tensor, draw: bool) -> tuple[Latents, list[Beliefs]]:
        features = self.body(x)
        q2 = DiagonalGaussian.from_parameters(self.top(features.flatten(1)))
        z2 = q2.rsample() if draw else q2.mean
        q1 = DiagonalGaussian.from_parameters(self.below(torch.cat([features, self.grid(z2)], 1)))
        z1 = q1.rsample() if draw else q1.mean
        return (z2, z1), [(q2, self.top_prior(len(x))), (q1, self.prior_below(z2))]

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        first, second = temperatures(temperature, self.groups)
        z2 = self.top_prior(count).rsample(first)
        return z2, self.prior_below(z2).rsample(second)

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        z2, *rest = latents
        z1 = rest[0] if rest else self.prior_below(z2).rsample(temperatures(temperature, self.groups)[1])
        return self.paint(torch.cat([z1, self.grid(z2)], 1)).float()

    def grid(self, z2: Tensor) -> Tensor:
        return self.spread(z2).unflatten(1, (BELOW, SIDE, SIDE))

    def top_prior(self, count: int) -> DiagonalGaussian:
        zeros = torch.zeros(count, TOP, device=self.device)
        return DiagonalGaussian(zeros, zeros)

    def prior_below(self, z2: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.below_prior(self.grid(z2)))


def model(recipe, images, runs):
    return TwoGroups(build.likelihood(recipe, images.levels))


RECIPE = recipe("two-groups", "training.ema=0.9", "training.clip=5.0")
PARTS = Parts(data=pictures, model=model)
