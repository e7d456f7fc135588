"""A second model on top of a first one that is trained and frozen: the first one's latents are its first group."""

import torch
from tests.toys.made import pictures, recipe
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_groups, temperatures
from kelbo.experiments.parts import Parts
from kelbo.frozen import Frozen
from kelbo.latents import DiagonalGaussian, StandardNormal
from kelbo.models import VAE
from kelbo.protocols import NOTHING, Likelihood, Model
from kelbo.recipes import build

LATENTS = 2


class Second(Model):
    """Latents are (z1, z2): z1 of the frozen VAE, whose picture of x the own networks see, and z2 of the own networks."""

    groups, event = 2, (1, 8, 8)

    def __init__(self, primary: Frozen, likelihood: Likelihood) -> None:
        super().__init__()
        self.primary, self.likelihood = primary, likelihood
        self.encoder = nn.Linear(2 * 64, 2 * LATENTS)
        self.decoder = nn.Sequential(nn.Linear(64 + LATENTS, 64), nn.Unflatten(1, self.event))
        self.prior = StandardNormal(LATENTS)

    @property
    def first(self) -> VAE:
        return self.primary.model

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        latents, posteriors = self.infer(batch, draw)
        output = self.decode(latents)
        kls = (self.first.prior.kl(posteriors[0]), self.prior.kl(posteriors[1]))
        distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(torch.stack([kl.sum(1) for kl in kls], 1), distortion), latents, output)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        found = []
        for _ in range(samples):
            (z1, z2), (q1, q2) = self.infer(batch, True)
            log_p = self.likelihood.log_prob(batch.x if target is None else target, self.decode((z1, z2)))
            found.append(
                log_p + self.first.prior.log_prob(z1) - q1.log_prob(z1) + self.prior.log_prob(z2) - q2.log_prob(z2)
            )
        return torch.stack(found, 1)

    def infer(self, batch: Batch, draw: bool) -> tuple[Latents, tuple[DiagonalGaussian, DiagonalGaussian]]:
        q1 = self.first.posterior(batch)
        z1 = q1.rsample() if draw else q1.mean
        q2 = DiagonalGaussian.from_parameters(self.encoder(torch.cat([batch.x.flatten(1), self.drawn(z1)], 1)))
        return (z1, q2.rsample() if draw else q2.mean), (q1, q2)

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        one, two = temperatures(temperature, self.groups)
        return self.first.prior.sample(count, given, one), self.prior.sample(count, given, two)

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        z1, *rest = latents
        z2 = rest[0] if rest else self.prior.sample(len(z1), given, temperatures(temperature, self.groups)[1])
        return self.decoder(torch.cat([z2, self.drawn(z1)], 1)).float()

    def drawn(self, z1: Tensor) -> Tensor:
        """The first model's picture, (B, 64)."""
        return self.first.mean(self.first.decode((z1,))).flatten(1)


def model(recipe, images, runs):
    return Second(runs["primary"], build.likelihood(recipe, images.levels))


PRIMARY = recipe("first", "model.network.width=16", "model.latents=3", "likelihood.kind=shared_gaussian")
RECIPE = recipe("second", "training.ema=0.9")
PRIMARY_PARTS = Parts(data=pictures)
PARTS = Parts(data=pictures, model=model, companions={"primary": PRIMARY_PARTS})
