"""The one value that crosses from model to objective."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Bound(NamedTuple):
    """One evaluation of the variational bound: B examples, G groups of latents.

    A NamedTuple, since Fabric's wrapper refuses a frozen dataclass as a module's output and `torch.vmap` refuses any.

    rate        KL(q(z_g | x, z_<g) || p(z_g | z_<g)), nats, shape (B, G)
    distortion  -log p(x | z) with z ~ q(z | x),       nats, shape (B,)
    """

    rate: Tensor
    distortion: Tensor

    @property
    def elbo(self) -> Tensor:
        """-(distortion + total rate), nats per example, shape (B,). Larger is better."""
        return -(self.distortion + self.rate.sum(-1))
