"""The plain variational autoencoder and, for comparison, the plain autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_given, require_groups, temperatures
from kelbo.latents import DiagonalGaussian, StandardNormal
from kelbo.protocols import NOTHING, FlatLatent, Generator, Likelihood, Model, Prior


class FromVector(Generator):
    """What decodes one vector of K latents, beside A numbers that it is told of each."""

    decoder: nn.Module
    prior: Prior

    def _told(self, given: Given) -> tuple[Tensor, ...]:
        """The conditions as one tensor (B, A), if the model has any."""
        require_given(self.conditions, given)
        return (torch.cat([given[name].flatten(1) for name in self.conditions], 1),) if self.conditions else ()

    def conditions_of(self, given: Given) -> Tensor | None:
        """The conditions as one tensor (B, A); None if it has none. ValueError if one is missing."""
        told = self._told(given)
        return told[0] if told else None

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        return self.decoder(torch.cat([latents[0], *self._told(given)], 1) if self.conditions else latents[0]).float()

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        (one,) = temperatures(temperature, self.groups)
        return (self.prior.sample(count, given, one),)


class VAE(FromVector, Model, FlatLatent):
    """One group of K latents with a diagonal Gaussian posterior (Kingma & Welling, 2014).

    encoder: (B, C, H, W) → (B, 2K); decoder: (B, K) → (B, likelihood.output_channels(C), H, W). Networks run in whatever
    precision is set around them; posterior, KL and likelihood always in float32. prior: standard normal by default.
    conditions: names of what is given, A numbers in all; the encoder takes them (B, A) as its second argument, the decoder
    beside the latents (B, K + A), as in the conditional VAE (Sohn et al., 2015) whose prior is the same under every condition.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        event: tuple[int, ...],
        latent_dims: int,
        prior: Prior | None = None,
        conditions: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.event, self.latent_dims = event, latent_dims
        self.prior = prior or StandardNormal(latent_dims)
        self.conditions = conditions or self.conditions  # a subclass may have its own

    def posterior(self, batch: Batch) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.encoder(batch.x, *self._told(batch.given)))

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        return self._reading(self.posterior(batch), batch, target, draw)

    def read_both(self, batch: Batch, target: Tensor | None = None) -> tuple[Reading, Reading]:
        posterior = self.posterior(batch)
        return self._reading(posterior, batch, target, True), self._reading(posterior, batch, target, False)

    def _reading(self, posterior: DiagonalGaussian, batch: Batch, target: Tensor | None, draw: bool) -> Reading:
        z = posterior.rsample() if draw else posterior.mean
        output = self.decode((z,), batch.given)
        rate, rates = self.rate(posterior, z, batch.given)
        with _full_precision(output):
            distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(rate, distortion), (z,), output, rates)

    def rate(self, posterior: DiagonalGaussian, z: Tensor, given: Given) -> tuple[Tensor, Tensor | None]:
        """The rate at a draw, (B, 1), and that of each dimension if the prior tells it in closed form, (B, K)."""
        with _full_precision(z):
            rates = self.prior.kl(posterior, given)
            if rates is None:
                return (posterior.log_prob(z) - self.prior.log_prob(z, given)).unsqueeze(1), None
            return rates.sum(1, keepdim=True), rates

    def weighed(self, batch: Batch, target: Tensor | None = None) -> Reading:
        posterior = self.posterior(batch)
        reading = self._reading(posterior, batch, target, True)
        with _full_precision(reading.output):
            rate = posterior.log_prob(reading.latents[0]) - self.prior.log_prob(reading.latents[0], batch.given)
        return reading._replace(bound=Bound(rate.unsqueeze(1), reading.bound.distortion))

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        posterior = self.posterior(batch)
        return torch.stack([self._log_weight(posterior, batch, target) for _ in range(samples)], 1)

    def _log_weight(self, posterior: DiagonalGaussian, batch: Batch, target: Tensor | None) -> Tensor:
        z = posterior.rsample()
        output = self.decode((z,), batch.given)
        with _full_precision(output):
            log_likelihood = self.likelihood.log_prob(batch.x if target is None else target, output)
            return log_likelihood + self.prior.log_prob(z, batch.given) - posterior.log_prob(z)


class Autoencoder(VAE):
    """The plain autoencoder, a baseline: the code is the encoder's mean, nothing is drawn, nothing holds it to the prior.

    A point has no KL to a density, so there is no rate and no bound: the rate it reports is 0 by convention, evaluation
    leaves rate and ELBO out, and samples decoded from N(0, I) mean nothing (they are shown to make that plain).
    """

    has_rate = False

    def _reading(self, posterior: DiagonalGaussian, batch: Batch, target: Tensor | None, draw: bool) -> Reading:
        output = self.decode((posterior.mean,), batch.given)
        with _full_precision(output):
            distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(distortion.new_zeros(len(distortion), 1), distortion), (posterior.mean,), output)


def _full_precision(x: Tensor) -> torch.autocast:
    """The one boundary of precision: inside, autocast is off and arithmetic is float32."""
    return torch.autocast(x.device.type, enabled=False)
