"""One discrete group: int64 latents with a categorical posterior, an exact KL and straight-through gradients."""

import math

import torch
import torch.nn.functional as F
from tests.toys.made import pictures, recipe
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_groups
from kelbo.experiments.parts import Parts
from kelbo.latents.noise import uniform
from kelbo.protocols import NOTHING, Likelihood, Model
from kelbo.recipes import build

LATENTS, CHOICES = 4, 5


class Discrete(Model):
    """Latents are one group of choices, int64 (B, 4), each 0 … 4; the prior is uniform, so it has no temperature."""

    groups, event = 1, (1, 8, 8)

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__()
        self.likelihood, channels = likelihood, likelihood.output_channels(1)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, LATENTS * CHOICES))
        self.decoder = nn.Sequential(nn.Linear(LATENTS * CHOICES, channels * 64), nn.Unflatten(1, (channels, 8, 8)))

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        log_q = self.log_posterior(batch)
        z = chosen(log_q) if draw else log_q.argmax(-1)
        hard, soft = F.one_hot(z, CHOICES).float(), log_q.exp()
        output = self.paint(hard + (soft - soft.detach()))
        rate = (soft * (log_q + math.log(CHOICES))).sum((1, 2))
        distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(rate[:, None], distortion), (z,), output)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        log_q = self.log_posterior(batch)
        return torch.stack([self.log_weight(log_q, batch.x if target is None else target) for _ in range(samples)], 1)

    def log_weight(self, log_q: Tensor, target: Tensor) -> Tensor:
        z = chosen(log_q)
        ratios = math.log(CHOICES) + log_q.gather(-1, z[..., None]).squeeze(-1)
        return self.likelihood.log_prob(target, self.decode((z,))) - ratios.sum(1)

    def log_posterior(self, batch: Batch) -> Tensor:
        """(B, 4, 5)."""
        return self.encoder(batch.x).float().unflatten(1, (LATENTS, CHOICES)).log_softmax(-1)

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        return (chosen(torch.zeros(count, LATENTS, CHOICES, device=self.device)),)

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        (z,) = latents
        return self.paint(F.one_hot(z, CHOICES).float())

    def paint(self, one_hot: Tensor) -> Tensor:
        return self.decoder(one_hot.flatten(1)).float()


def chosen(log_probs: Tensor) -> Tensor:
    """A choice (…) by log-probabilities (…, 5): the largest after each has a Gumbel added."""
    return (log_probs - torch.log(-torch.log(uniform(log_probs)))).argmax(-1)


def model(recipe, images, runs):
    return Discrete(build.likelihood(recipe, images.levels))


RECIPE = recipe("discrete", "likelihood.kind=bernoulli", "training.ema=0.9")
PARTS = Parts(data=pictures, model=model)
