"""A Bernoulli mass for black-and-white images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.likelihoods.heads import require_intensities, require_shape, total
from kelbo.likelihoods.mass import Mass


class Bernoulli(Mass):
    """Independent pixels of two levels, 0 and 1; the decoder gives logits.

    Grey x in [0, 1] is scored by the usual cross-entropy x·ln p + (1 - x)·ln(1 - p). That works as a training loss but is not a
    likelihood: over [0, 1] it does not integrate to 1. Evaluation detects it by `levels` = 2 with data of more levels;
    ContinuousBernoulli is the normalised density of the same form.
    """

    def __init__(self) -> None:
        super().__init__(levels=2)

    def output_channels(self, channels: int) -> int:
        return channels

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        require_intensities(self, x)
        logits = output.float()
        return total(x.float() * logits - F.softplus(logits))

    def mean(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output.float())

    def variance(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output.float()) * torch.sigmoid(-output.float())

    def cumulative(self, level: Tensor, x: Tensor, output: Tensor) -> Tensor:
        return torch.sigmoid(-output.float())

    def sample(self, output: Tensor) -> Tensor:
        mean = self.mean(output)
        return (torch.rand_like(mean) < mean).float()
