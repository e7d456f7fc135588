"""A variational autoencoder whose latents keep the layout of the picture, as latent diffusion takes them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_groups, temperatures
from kelbo.latents.grouped import Spatial
from kelbo.latents.merge import GroupGaussian
from kelbo.latents.noise import standard_normal
from kelbo.models.vaegan import last_weight
from kelbo.networks import Discriminator
from kelbo.networks.layers import in_channels_last
from kelbo.protocols import NOTHING, Likelihood, Model

LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -30.0, 20.0
"""to which ln σ² of posteriors is clamped, as in the release of latent diffusion; outside it has no gradient"""


class SpatialVAE(Model, Spatial):
    """One group of latents (B, c, h, w) with a diagonal Gaussian posterior; the prior is N(0, I).

    encoder: (B, C, H, W) → (B, 2c, h, w), means and then log-variances; decoder: (B, c, h, w) →
    (B, likelihood.output_channels(C), H, W). Networks run in whatever precision is set around them; posterior, KL and
    likelihood always in float32. latents: (c, h, w) of pictures of shape `event`; pictures of other sizes can be read and
    decoded too, as networks without a fixed size allow. The rate is that of all c·h·w dimensions together: nothing of that size
    is kept per example.
    """

    closed_rates = True
    origin: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        event: tuple[int, ...],
        latents: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood, self.event = encoder, decoder, likelihood, event
        self.register_buffer("origin", torch.zeros(latents), persistent=False)  # on the device of the draws

        self.factor = event[-1] // latents[-1]
        self.reach = getattr(encoder, "reach", None), getattr(decoder, "reach", None)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.origin.shape
        return channels, height, width

    @property
    def latents_told(self) -> str:
        return f"latents of {'×'.join(map(str, self.origin.shape))}"

    def posterior(self, batch: Batch) -> GroupGaussian:
        mean, log_variance = self.encoder(batch.x).float().chunk(2, 1)
        return GroupGaussian(mean, 0.5 * log_variance.clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE))

    def prior_after(self, latents: Latents, count: int, given: Given = NOTHING) -> GroupGaussian:
        zeros = self.origin.expand(count, *self.origin.shape)
        return GroupGaussian(zeros, zeros)

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        return self._reading(self.posterior(batch), batch, target, draw=draw)

    def read_both(self, batch: Batch, target: Tensor | None = None) -> tuple[Reading, Reading]:
        posterior = self.posterior(batch)
        return self._reading(posterior, batch, target, draw=True), self._reading(posterior, batch, target, draw=False)

    def weighed(self, batch: Batch, target: Tensor | None = None) -> Reading:
        return self._reading(self.posterior(batch), batch, target, draw=True, weigh=True)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        posterior = self.posterior(batch)
        weights = [self._reading(posterior, batch, target, draw=True, weigh=True).bound.elbo for _ in range(samples)]
        return torch.stack(weights, 1)

    def _reading(
        self, posterior: GroupGaussian, batch: Batch, target: Tensor | None, *, draw: bool, weigh: bool = False
    ) -> Reading:
        """weigh: the rate is ln q(z) - ln p(z) at the latents, instead of the KL in closed form."""
        z = posterior.at(_noise(posterior.mean)) if draw else posterior.mean
        output = self.decode((z,))
        with torch.autocast(output.device.type, enabled=False):
            prior = _standard(posterior.mean)
            rate = posterior.log_prob(z) - prior.log_prob(z) if weigh else posterior.kl(prior)
            distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(rate.unsqueeze(1), distortion), (z,), output)

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        return self.decoder(latents[0]).float()

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        (one,) = temperatures(temperature, self.groups)
        return (one * _noise(self.origin.expand(count, *self.origin.shape)),)


class JudgedSpatialVAE(SpatialVAE):
    """A SpatialVAE of several players, as latent diffusion's autoencoder is trained: a discriminator may judge its pictures.

    Its bound is that of pixels, as any VAE's.
    """

    tap = None

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        event: tuple[int, ...],
        latents: tuple[int, int, int],
        discriminator: Discriminator | None = None,
        *,
        trains_on_distortion: bool = True,
    ) -> None:
        super().__init__(encoder, decoder, likelihood, event, latents)
        self.discriminator, self.trains_on_distortion = discriminator, trains_on_distortion

    @property
    def judge(self) -> Discriminator | None:
        return self.discriminator

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer."""
        return last_weight(self.decoder)

    def players(self) -> dict[str, list[nn.Parameter]]:
        """Who moves what; what is frozen is nobody's."""
        parts = {
            "encoder": [self.encoder],
            "decoder": [self.decoder, self.likelihood],
            "discriminator": [] if self.discriminator is None else [self.discriminator],
        }
        moved = {name: [p for part in own for p in part.parameters() if p.requires_grad] for name, own in parts.items()}
        return {name: own for name, own in moved.items() if own}

    def conditions_of(self, given: Given) -> None:
        """It is told nothing."""

    def encode(self, batch: Batch) -> tuple[Latents, Tensor]:
        """A draw of the latents, (B, c, h, w), and its rate (B, 1), nats."""
        posterior = self.posterior(batch)
        with torch.autocast(posterior.mean.device.type, enabled=False):
            z = posterior.at(_noise(posterior.mean))
            return (z,), posterior.kl(_standard(z)).unsqueeze(1)

    def distance(self, x: Tensor, made: Tensor, pixels: Tensor, features: object) -> Tensor:
        """-log p of pixels."""
        return pixels


def _standard(like: Tensor) -> GroupGaussian:
    """N(0, I)."""
    zeros = torch.zeros_like(like)
    return GroupGaussian(zeros, zeros)


def _noise(like: Tensor) -> Tensor:
    """Standard normal, in the order of a layout that does not depend on how `like` lies in memory."""
    return in_channels_last(standard_normal(like.new_zeros(like.shape)))
