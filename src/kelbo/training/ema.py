"""An exponential moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """average ← d·average + (1 - d)·weights after step n, d = min(decay, (1 + n) / (10 + n)); buffers are copied. Of a run that
    skips updates, n counts those that were applied, and a skipped one leaves the average as it is.

    The rising d forgets the random weights that a run begins with: with a constant d of 0.999 a fifth of them would still
    be in the average after 1,500 steps. Weights are left out if one of them is not finite: the average would not recover.

    `weights` has the same names as the model's state dict, so it loads in its place.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps, in one fused pass over all of them."""
        average = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))
        # tied weights have several names, each with an average of its own
        now, names = model.state_dict(), [name for name, _ in model.named_parameters(remove_duplicate=False)]
        finite = get_total_norm([value for value in now.values() if value.is_floating_point()]).isfinite()
        if finite.device.type == "cpu":
            if not finite:
                return
        else:  # which a branch would wait for
            now = {name: torch.where(finite, now[name], own) for name, own in self.weights.items()}
        average([self.weights[name] for name in names], [now[name] for name in names], 0)
        for name in now.keys() - set(names):
            self.weights[name].copy_(now[name])

    @torch.no_grad()
    def update_if(self, changed: Tensor, model: nn.Module, applied: Tensor) -> None:
        """`update` after a step that may have been skipped: changed and applied are of the skipping's memory.

        On the CPU the same arithmetic as `update`; elsewhere nothing waits for the device.
        """
        if changed.device.type == "cpu":
            return self.update(model, int(applied)) if changed else None
        return self._update_if(changed, model, applied)

    def _update_if(self, changed: Tensor, model: nn.Module, applied: Tensor) -> None:
        now, names = model.state_dict(), [name for name, _ in model.named_parameters(remove_duplicate=False)]
        finite = get_total_norm([value for value in now.values() if value.is_floating_point()]).isfinite()
        now = {name: torch.where(changed & finite, now[name], own) for name, own in self.weights.items()}
        averages = [self.weights[name] for name in names]
        decay = ((1 + applied) / (10 + applied)).clamp(max=self.decay)
        # over all weights at once; these have no public names
        moves = torch._foreach_sub([now[name] for name in names], averages)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_mul_(moves, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_add_(averages, moves)  # pyright: ignore[reportPrivateImportUsage]
        for name in now.keys() - set(names):
            self.weights[name].copy_(now[name])
