"""Normalising flows as priors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kelbo.bound import Given
from kelbo.latents.mixture import told_of
from kelbo.protocols import NOTHING, Prior
from kelbo.seeds import normal_like


class FlowPrior(Prior):
    """A neural spline flow (Durkan et al., 2019) over K dimensions, autoregressive, under conditions or none.

    mean, scale: (K,), by which latents are standardised before the flow, whose splines end at five standard deviations. They
    begin as the identity, so the prior begins as N(mean, scale²).
    conditions: names of what is given, A numbers in all (context). transforms: how many, each with the hidden layers `hidden`
    and splines of `bins` bins. A temperature scales the draws of N(0, I) that the flow takes to latents, so at 0 all
    are its image of 0: it is no factor on the latents' own standard deviation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        mean: Tensor,
        scale: Tensor,
        conditions: tuple[str, ...] = (),
        context: int = 0,
        *,
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
    ) -> None:
        import zuko  # here, since only this prior needs it

        super().__init__()
        self.conditions, self.context = conditions, context
        self.sizes = {"transforms": transforms, "hidden": list(hidden), "bins": bins}
        self.register_buffer("mean", mean.float())
        self.register_buffer("scale", scale.float())
        self.flow = zuko.flows.NSF(len(mean), context, bins, transforms=transforms, hidden_features=tuple(hidden))
        for transform in self.flow.get_submodule("transform.transforms").children():
            *_, last = transform.modules()  # a network's last layer, or the spline's own parameters if it has no input
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            standardised = (z.float() - self.mean) / self.scale
            return self.flow(self._told(given)).log_prob(standardised) - self.scale.log().sum()

    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        with torch.autocast(self.mean.device.type, enabled=False):
            noise = temperature * normal_like(self.mean.new_empty(count, len(self.mean)))
            return self.mean + self.scale * self.flow(self._told(given)).transform.inv(noise)

    def _told(self, given: Given) -> Tensor | None:
        return told_of(self.conditions, given) if self.conditions else None
