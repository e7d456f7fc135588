"""A VAE and a discriminator (Larsen et al., 2016), and a GAN of the same networks.

Models say what their networks make of images; who is trained by what is the update's (`kelbo.training.adversarial`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from kelbo.bound import Batch, Latents
from kelbo.frozen import Frozen
from kelbo.latents import StandardNormal
from kelbo.models.vae import VAE, FromVector
from kelbo.networks import Discriminator
from kelbo.protocols import Likelihood, Prior


class VaeGan(VAE):
    """A VAE whose loss may have features of a discriminator for pixels, which may be trained beside it.

    Its bound is that of pixels, as any VAE's. Arguments beside these are the VAE's.

    discriminator  trained with it, or that of a trained model, which stays as it is
    features       p(features of x | z), whose mean are the features of the reconstruction: with -log p for a distance, in nats
                   with constants; None if the loss has the pixels' likelihood. Its parameters are the encoder's to train.
    tap            the name of these features; the discriminator's usual ones if None
    """

    distance_name = "feature_distortion"

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        event: tuple[int, ...],
        latent_dims: int,
        prior: Prior | None = None,
        conditions: tuple[str, ...] = (),
        *,
        discriminator: Discriminator | Frozen,
        features: Likelihood | None = None,
        tap: str | None = None,
    ) -> None:
        super().__init__(encoder, decoder, likelihood, event, latent_dims, prior, conditions)
        self.frozen = discriminator if isinstance(discriminator, Frozen) else None
        if isinstance(discriminator, Discriminator):
            self.discriminator = discriminator
        self.features = features
        self.trains_on_distortion = features is None
        self.tap = None if features is None else tap or self.judge.usual

    @property
    def judge(self) -> Discriminator:
        """The discriminator, its own or the frozen one."""
        return self.discriminator if self.frozen is None else self.frozen.model.judge  # pyright: ignore[reportReturnType]

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer."""
        return last_weight(self.decoder)

    def players(self) -> dict[str, list[nn.Parameter]]:
        """Who moves what. The rate's prior and the features' σ are of the encoder's loss, the pixels' σ is the decoder's."""
        features = [] if self.features is None else self.features.parameters()
        parts = {
            "encoder": [*self.encoder.parameters(), *self.prior.parameters(), *features],
            "decoder": [*self.decoder.parameters(), *self.likelihood.parameters()],
            "discriminator": [*self.discriminator.parameters()] if self.frozen is None else [],
        }
        moved = {name: [*dict.fromkeys(p for p in own if p.requires_grad)] for name, own in parts.items()}
        return {name: own for name, own in moved.items() if own}

    def encode(self, batch: Batch) -> tuple[Latents, Tensor]:
        """A draw of the latents, (B, K), and its rate (B, 1), nats."""
        posterior = self.posterior(batch)
        z = posterior.rsample()
        return (z,), self.rate(posterior, z, batch.given)[0]

    def distance(self, x: Tensor, made: Tensor, pixels: Tensor, features: tuple[Tensor, Tensor] | None) -> Tensor:
        """-log p of the features of x, nats per example (B,); that of pixels if it compares no features."""
        if self.features is None or features is None:
            return pixels
        return -self.features.log_prob(*features)


class Gan(FromVector):
    """Draws images by a decoder that a discriminator judges (Goodfellow et al., 2014). It reads none.

    decoder: latents (B, K + A) to what `mean` makes intensities of; discriminator: see `Discriminator`.
    """

    tap = None

    def __init__(
        self,
        decoder: nn.Module,
        discriminator: Discriminator,
        mean: Callable[[Tensor], Tensor],
        event: tuple[int, ...],
        latent_dims: int,
        prior: Prior | None = None,
        conditions: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.decoder, self.discriminator = decoder, discriminator
        self.prior = prior or StandardNormal(latent_dims)
        self.event, self.latent_dims, self.conditions = event, latent_dims, conditions
        self._mean = mean

    @property
    def judge(self) -> Discriminator:
        return self.discriminator

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer."""
        return last_weight(self.decoder)

    def players(self) -> dict[str, list[nn.Parameter]]:
        """Who moves what."""
        return {"decoder": [*self.decoder.parameters()], "discriminator": [*self.discriminator.parameters()]}

    def mean(self, output: Tensor) -> Tensor:
        return self._mean(output)


def last_weight(decoder: nn.Module) -> Tensor:
    """Of the layer that a decoder ends in: the last of its parameters that is a matrix or a kernel."""
    weights: Iterable[Tensor] = (p for p in decoder.parameters() if p.ndim > 1)
    return [*weights][-1]
