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
    """average ← d·average + (1 - d)·weights after step n, d = min(decay, (1 + n) / (10 + n)); buffers are copied.

    The rising d forgets the random weights that a run begins with: with a constant one, 0.999 say, a fifth of them would
    still be in the average after 1,500 steps.

    `weights` has the same names as the model's state dict, so it loads in its place.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps, in one fused pass over all of them."""
        average = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))
        parameters = dict(model.named_parameters())
        average([self.weights[name] for name in parameters], list(parameters.values()), 0)
        for name, buffer in model.named_buffers():
            if name in self.weights:
                self.weights[name].copy_(buffer)

    def __call__(self, state: TrainState, bound: Bound, loss: Tensor) -> None:
        self.update(state.network, state.step)
