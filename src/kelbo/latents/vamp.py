"""The prior that is learned with the model, of its own encoder's posteriors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from kelbo.bound import Given
from kelbo.latents.diagonal_gaussian import DiagonalGaussian
from kelbo.latents.mixture import choose
from kelbo.protocols import NOTHING, Prior
from kelbo.seeds import normal_like


class Vamp(Prior):
    """1/M Σ_m q(z | u_m) with M learned pseudo-inputs u_m: the VampPrior (Tomczak & Welling, 2018).

    encoder: the model's own, which has a name in the model's state dict only. inputs: (M, *event), as the encoder takes them,
    what the pseudo-inputs begin with; they may leave the range of the data. rows: (M, A), what is given of each, if the
    encoder takes that too; they are learned likewise, so p(z) is the same whatever is given. units: mean and scale, (D,) each,
    of a table's columns; pseudo-inputs are learned in these, so that no unit makes a column learn faster. A temperature scales
    each posterior's standard deviation.
    """

    centre: Tensor | None
    scale: Tensor | None

    def __init__(
        self,
        encoder: nn.Module,
        inputs: Tensor,
        rows: Tensor | None = None,
        units: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__()
        centre, scale = (unit.float().clone() for unit in units) if units else (None, None)
        self.register_buffer("centre", centre)  # kept, so that a run which begins from these weights has the same prior
        self.register_buffer("scale", scale)
        if centre is not None and scale is not None:
            inputs = (inputs - centre) / scale
        self._encoder = (encoder,)  # in a tuple, which does not make it a part of this module
        self.inputs = nn.Parameter(inputs)
        self.rows = None if rows is None else nn.Parameter(rows)

    def components(self) -> DiagonalGaussian:
        """The posteriors of the pseudo-inputs, (M, K)."""
        with torch.autocast(self.inputs.device.type, enabled=False):
            told, inputs = () if self.rows is None else (self.rows,), self.inputs
            if self.centre is not None and self.scale is not None:
                inputs = self.centre + self.scale * inputs
            return DiagonalGaussian.from_parameters(self._encoder[0](inputs, *told))

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        q = self.components()
        squares = ((z.float()[:, None] - q.mean).square() * torch.exp(-q.log_variance)).sum(2)  # (B, M)
        log_scales = q.log_variance.sum(1) + q.mean.shape[1] * math.log(2 * math.pi)
        return torch.logsumexp(-0.5 * (squares + log_scales), 1) - math.log(len(q.mean))

    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        q = self.components()
        chosen = choose(torch.full_like(q.mean[:, 0], 1 / len(q.mean)), count)
        return q.mean[chosen] + temperature * q.scale[chosen] * normal_like(q.mean[chosen])
