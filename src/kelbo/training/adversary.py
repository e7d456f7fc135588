"""What a discriminator does to a training: losses of both sides, who is skipped, the gradient penalty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.errors import RecipeError

Loss = Literal["saturating", "non_saturating", "hinge"]
Fakes = Literal["both", "prior", "reconstructions"]


@dataclass(frozen=True)
class Balance:
    """Which of the two players is skipped in a step (of the VAE/GAN's release).

    Costs are the means of -log D(x) of real images and of -log(1 - D(x)) of fakes. The discriminator is skipped if one of them
    is below equilibrium - margin, the decoder if one is above equilibrium + margin; if both would be, neither is.
    """

    equilibrium: float = 0.68
    margin: float = 0.35

    def __call__(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Whether each player moves, bool scalars."""
        discriminator = torch.minimum(real, fake) >= self.equilibrium - self.margin
        decoder = torch.maximum(real, fake) <= self.equilibrium + self.margin
        neither = ~(discriminator | decoder)
        return {"decoder": decoder | neither, "discriminator": discriminator | neither}


@dataclass(frozen=True)
class Adversary:
    """How a discriminator is trained, and what it asks of the decoder.

    loss      saturating: L = -Σ log D, the game's value, which the decoder maximises; non_saturating: the decoder minimises
              -log D(fake) instead; hinge: of logits (Lim & Ye, 2017)
    fakes     what is to be told from real images: reconstructions, decoded draws of the prior, or both, each of weight 1
    weight    of the decoder's adversarial loss
    start     the first step at which there is an adversary
    adaptive  multiplies the weight by the ratio of the gradients' norms at the decoder's last layer (Esser et al., 2021)
    balance   which players are skipped
    r1        weight of ½‖∇D(x)‖² at real images (Mescheder et al., 2018), of a pass of their own
    eps       added inside of the saturating loss's logarithms: the release has 1e-3. A cost is then at most -log(eps), and a
              discriminator that is sure and wrong gets no gradient; 0 is the exact logarithm
    together  whether the discriminator sees all images of a step in one pass, which batch normalisation then gives the same
              statistics, as in the release; else each kind of image is a pass
    encoder   whether the adversarial loss reaches the encoder too, as in autoencoders of latent diffusion; not in VAE/GAN
    """

    loss: Loss = "saturating"
    fakes: Fakes = "both"
    weight: float = 1.0
    start: int = 0
    adaptive: bool = False
    balance: Balance | None = None
    r1: float = 0.0
    eps: float = 1e-3
    together: bool = True
    encoder: bool = False

    def judges(self, kind: Literal["reconstructions", "prior"]) -> bool:
        """Whether images of that kind are fakes."""
        return self.fakes in (kind, "both")

    def discriminator_loss(self, real: Tensor, fakes: Mapping[str, Tensor]) -> Tensor:
        """What the discriminator minimises: the mean over real images and, summed, that over each kind of fakes."""
        if self.loss == "hinge":
            return F.relu(1 - real).mean() + _sum(F.relu(1 + fake).mean() for fake in fakes.values())
        eps = self.eps if self.loss == "saturating" else 0.0
        return _cost(real, eps).mean() + _sum(_cost(-fake, eps).mean() for fake in fakes.values())

    def decoder_loss(self, fakes: Mapping[str, Tensor]) -> Tensor | None:
        """What the decoder minimises, but for the weight; None if it is the discriminator's loss with its sign changed."""
        if self.loss == "saturating":
            return None
        means = (-fake if self.loss == "hinge" else F.softplus(-fake) for fake in fakes.values())
        return _sum(mean.mean() for mean in means)


def costs(real: Tensor, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The discriminator's mean costs in nats, and the share that it tells right: ½ is chance."""
    with torch.no_grad():
        fake = _sum(F.softplus(logits).mean() for logits in fakes.values()) / len(fakes)
        right = _sum((logits <= 0).float().mean() for logits in fakes.values()) / len(fakes)
        accuracy = ((real > 0).float().mean() + right) / 2
        return {
            "discriminator/real": F.softplus(-real).mean(),
            "discriminator/fake": fake,
            "discriminator/accuracy": accuracy,
        }


def require_penalty(judge: nn.Module, processes: int) -> None:
    """RecipeError if the gradient penalty needs the derivative of statistics that several processes exchange."""
    if processes > 1 and any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in judge.modules()):
        raise RecipeError(
            "adversary.r1 does not work with batch normalisation in several processes. Set adversary.norm to group, or "
            "adversary.r1 to 0, or train in one process."
        )


def penalty(logits: Tensor, x: Tensor) -> Tensor:
    """½ of the squared norm of the logits' gradient at images x, mean over these. It can be differentiated."""
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return slope.float().square().flatten(1).sum(1).mean() / 2


def _cost(logits: Tensor, eps: float) -> Tensor:
    """-log of the probability that the logits give."""
    return -(torch.sigmoid(logits) + eps).log() if eps else F.softplus(-logits)


def _sum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()
