"""Mass functions that ignore the order of levels: a softmax, and a product of bits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.likelihoods.heads import choose, require_intensities, require_shape, total
from kelbo.likelihoods.mass import Mass, depth


class Categorical(Mass):
    """Independent pixels, a softmax over the levels of each (van den Oord et al., 2016).

    The decoder's output is (B, levels·C, *event): the logits of level 0 for all channels, then those of level 1, …
    """

    def __init__(self, levels: int = 256) -> None:
        super().__init__(levels)

    def output_channels(self, channels: int) -> int:
        return self.levels * channels

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        require_intensities(self, x)
        return total(self._log_probs(output).gather(1, self.level(x).unsqueeze(1)).squeeze(1))

    def mean(self, output: Tensor) -> Tensor:
        return (self._log_probs(output).exp() * self._values(output)).sum(1)

    def variance(self, output: Tensor) -> Tensor:
        deviation = self._values(output) - self.mean(output).unsqueeze(1)
        return (self._log_probs(output).exp() * deviation.square()).sum(1)

    def cumulative(self, level: Tensor, x: Tensor, output: Tensor) -> Tensor:
        return self._log_probs(output).exp().cumsum(1).gather(1, level.unsqueeze(1)).squeeze(1).clamp(max=1)

    def sample(self, output: Tensor) -> Tensor:
        return self.intensity(choose(self._log_probs(output)))

    def _log_probs(self, output: Tensor) -> Tensor:
        """(B, levels, C, *event), normalised over the levels."""
        return output.float().unflatten(1, (self.levels, -1)).log_softmax(1)

    def _values(self, output: Tensor) -> Tensor:
        """The levels' intensities, shaped to multiply `_log_probs`."""
        return along_first(self.intensity(torch.arange(self.levels, device=output.device)), output)


class BitwiseCategorical(Mass):
    """Independent pixels, whose level has independent bits: one logit per bit.

    The "bitwise-categorical" decoder of Rybkin et al. (2021), implemented from the paper's text, without the appendix that
    defines it. The decoder's output is (B, bits·C, *event), the most significant bit first.
    """

    def __init__(self, bits: int = 8) -> None:
        super().__init__(depth(bits))
        self.bits = bits

    def output_channels(self, channels: int) -> int:
        return self.bits * channels

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        require_intensities(self, x)
        logits, worth = self._logits(output), self._worth(output)
        bit = (self.level(x).unsqueeze(1) & worth) > 0
        return total(bit * logits - F.softplus(logits))

    def mean(self, output: Tensor) -> Tensor:
        return self.intensity((torch.sigmoid(self._logits(output)) * self._worth(output)).sum(1))

    def variance(self, output: Tensor) -> Tensor:
        logits, worth = self._logits(output), self.intensity(self._worth(output))
        return (torch.sigmoid(logits) * torch.sigmoid(-logits) * worth.square()).sum(1)

    def cumulative(self, level: Tensor, x: Tensor, output: Tensor) -> Tensor:
        """From the last bit to the first: below if the drawn bit is off and the given one on; else later bits decide."""
        on, off = torch.sigmoid(self._logits(output)), torch.sigmoid(-self._logits(output))
        below = torch.ones_like(on[:, 0])
        for bit in reversed(range(self.bits)):
            ours = (level >> (self.bits - 1 - bit)) & 1 > 0
            below = torch.where(ours, off[:, bit] + on[:, bit] * below, off[:, bit] * below)
        return below.clamp(max=1)

    def sample(self, output: Tensor) -> Tensor:
        on = torch.sigmoid(self._logits(output))
        return self.intensity(((torch.rand_like(on) < on) * self._worth(output)).sum(1))

    def _logits(self, output: Tensor) -> Tensor:
        """(B, bits, C, *event)."""
        return output.float().unflatten(1, (self.bits, -1))

    def _worth(self, output: Tensor) -> Tensor:
        """The value of each bit, 2^(bits-1) … 1, shaped to broadcast with `_logits`."""
        return along_first(2 ** torch.arange(self.bits - 1, -1, -1, device=output.device), output)


def along_first(values: Tensor, output: Tensor) -> Tensor:
    """Values (n,) as (n, 1, *1), to broadcast with parameters (B, n, C, *event) of a decoder's output."""
    return values.view(-1, *[1] * (output.ndim - 1))
