"""The plain variational autoencoder and, for comparison, the plain autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kelbo.bound import Bound
from kelbo.latents import DiagonalGaussian, standard_normal_log_prob, standard_normal_sample
from kelbo.protocols import Likelihood, Measured, Model


class VAE(Model):
    """One group of K latents with a diagonal Gaussian posterior and a standard normal prior (Kingma & Welling, 2014).

    encoder: (B, C, H, W) → (B, 2K); decoder: (B, K) → (B, likelihood.output_channels(C), H, W). Networks run in whatever
    precision is set around them; posterior, KL and likelihood always in float32.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        image_shape: tuple[int, int, int],
        latent_dims: int,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.image_shape, self.latent_dims = image_shape, latent_dims

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        """q(z | x) for intensities x (B, C, H, W)."""
        return DiagonalGaussian.from_parameters(self.encoder(x))

    def forward(self, x: Tensor, target: Tensor | None = None) -> Bound:
        return self._bound(self.posterior(x), x if target is None else target)

    def measure(self, x: Tensor, target: Tensor | None = None) -> Measured:
        posterior = self.posterior(x)
        bound = self._bound(posterior, x if target is None else target)
        return Measured(bound, posterior.kl_to_standard(), posterior.mean, self.decode(posterior.mean))

    def _bound(self, posterior: DiagonalGaussian, target: Tensor) -> Bound:
        output = self.decode(posterior.rsample())
        with _full_precision(target):
            return Bound(posterior.kl_to_standard().sum(1, keepdim=True), -self.likelihood.log_prob(target, output))

    def log_weights(self, x: Tensor, samples: int, target: Tensor | None = None) -> Tensor:
        posterior = self.posterior(x)
        return torch.stack([self._log_weight(posterior, x if target is None else target) for _ in range(samples)], 1)

    def _log_weight(self, posterior: DiagonalGaussian, target: Tensor) -> Tensor:
        z = posterior.rsample()
        output = self.decode(z)
        with _full_precision(target):
            return self.likelihood.log_prob(target, output) + standard_normal_log_prob(z) - posterior.log_prob(z)

    def posterior_moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.posterior(x)
        return posterior.mean, posterior.scale

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).float()

    def sample_prior(self, count: int) -> Tensor:
        return standard_normal_sample(count, self.latent_dims, next(self.parameters()).device)


class Autoencoder(VAE):
    """The plain autoencoder, a baseline: the code is the encoder's mean, nothing is drawn, nothing holds it to the prior.

    A point has no KL to a density, so there is no rate and no bound: the rate it reports is 0 by convention, evaluation
    leaves rate and ELBO out, and samples decoded from N(0, I) mean nothing (they are shown to make that plain).
    """

    has_rate = False

    def _bound(self, posterior: DiagonalGaussian, target: Tensor) -> Bound:
        output = self.decode(posterior.mean)
        with _full_precision(target):
            return Bound(posterior.mean.new_zeros(len(target), 1), -self.likelihood.log_prob(target, output))


def _full_precision(x: Tensor) -> torch.autocast:
    """The one boundary of precision: inside, autocast is off and arithmetic is float32."""
    return torch.autocast(x.device.type, enabled=False)
