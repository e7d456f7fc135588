"""How the rates of several groups become one number in a loss: floors and balance keep groups from being switched off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kelbo.protocols import Model

TINY = 1e-12
"""nats, beside the sum of the rates: with no rate at all the balance is even"""


@dataclass(frozen=True)
class GroupRates:
    """The total rate of a batch, nats per example, as a loss weighs it.

    free_bits  floor on each group's mean rate, nats: below it a group costs nothing more (Kingma et al., 2016)
    balance    steps for which each group's rate is weighed by its share of all rates, a constant in the gradient, so that
               groups with a small rate may grow (Vahdat & Kautz, 2020; as in Efficient-VDVAE, Hazami et al., 2022, the share
               is of the rate per side length of the group, if the model tells its `resolutions`). The weights' mean is 1.
    """

    free_bits: float = 0.0
    balance: int = 0
    sizes: tuple[int, ...] | None = None

    @property
    def additive(self) -> bool:
        """Whether the total of a batch is the mean of the totals of its equal parts."""
        return not (self.free_bits or self.balance)

    def suited(self, model: Model) -> GroupRates:
        """These rates, with the sizes of the model's groups."""
        sizes: Sequence[int] | None = getattr(model, "resolutions", None)
        return self if sizes is None else GroupRates(self.free_bits, self.balance, tuple(sizes))

    def __call__(self, rate: Tensor, step: Tensor) -> Tensor:
        """Of the rates (B, G) of a step (0 for the first), a scalar."""
        if self.additive:
            return rate.sum(-1).mean()
        means = rate.mean(0)
        floored = means.clamp(min=self.free_bits) if self.free_bits else means
        if not self.balance:
            return floored.sum()
        shares = means.detach() + TINY
        if self.sizes is not None:
            shares = shares / torch.stack(
                [means.new_full((), size) for size in self.sizes]
            )  # nothing is copied to a device
        weights = len(means) * shares / shares.sum()
        return (torch.where(step < self.balance, weights, torch.ones_like(weights)) * floored).sum()


PLAIN = GroupRates()
"""the sum of all rates as it is"""
