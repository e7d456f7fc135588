"""An exponential moving average of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

if TYPE_CHECKING:
    from kelbo.bound import Bound
    from kelbo.training.state import TrainState


class Ema:
    """average ← decay·average + (1 - decay)·weights after every step; buffers are copied as they are.

    `weights` has the same names as the model's state dict, so it loads in its place.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.average = get_ema_multi_avg_fn(decay)  # one fused pass over all weights
        self.weights: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        parameters = dict(model.named_parameters())
        self.average([self.weights[name] for name in parameters], list(parameters.values()), 0)
        for name, buffer in model.named_buffers():
            if name in self.weights:
                self.weights[name].copy_(buffer)

    def __call__(self, state: TrainState, bound: Bound, loss: Tensor) -> None:
        self.update(state.network)
