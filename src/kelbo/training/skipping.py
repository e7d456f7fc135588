"""Updates that are skipped: with gradients that are not finite, or far larger than those before."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from kelbo.protocols import Generator, State

ENDURED = 50
"""gradients in a row that are not finite, after which a run ends"""
NOT_FINITE = "skipped/not_finite"
BY_PLAYER = ("skipped/decoder", "skipped/discriminator")
"""what is told of each step by a balance of players, 1 or 0: a row of the journal has how many steps since the row before"""
COUNTED = ("skipped", "skipped/large", NOT_FINITE, "yielded", *BY_PLAYER)
"""likewise, by a Skipping too"""


class Decision(NamedTuple):
    """Of one step, on the gradients' device, as nothing waits for it.

    applied  bool, ()
    scale    by which the gradients are multiplied, 1 but if the threshold yields
    told     what is journalled, 1 or 0: the step counts or not
    """

    applied: Tensor
    scale: Tensor
    told: dict[str, Tensor]


@dataclass(frozen=True)
class Skipping:
    """Which updates are skipped: weights, optimiser, moving average and objective's memory then stay as they are.

    A gradient's norm before clipping is too large above `above`, or else above `factor` times a `quantile` of the norms of the
    last `window` steps, which follows whatever unit the loss has; nothing is too large before quantile·window norms are known.
    The norms of skipped updates count, so after (1 - quantile)·window of them the threshold has followed.

    After `patience` updates in a row that are too large the threshold yields: from then on gradients are scaled down to it
    instead, until one is below. A rule that only skips would wait for ever if gradients stayed large.

    per_dim: whether `above` is of a loss in nats per dimension, as in the very deep VAE's release; dims: their number.
    """

    above: float | None = None
    quantile: float = 0.9
    factor: float = 5.0
    window: int = 200
    patience: int = 50
    per_dim: bool = False
    dims: int = 1
    kept: dict[str, Tensor] = field(default_factory=dict, compare=False, repr=False)

    def suited(self, model: Generator, levels: int | None) -> Skipping:
        """The rule for this model's examples."""
        return replace(self, dims=math.prod(model.event), kept={})

    def initial(self) -> State:
        """The memory before the first step.

        applied  updates that were applied; changed: whether the last one was
        large    norms in a row that were too large; broken: that were not finite, and no less once it is `ENDURED`
        norms    of the last steps, infinite where there was none; seen: how many are finite
        """
        count = torch.zeros((), dtype=torch.int64)
        counts = {name: count.clone() for name in ("applied", "large", "broken", "seen")}
        norms = torch.full((1 if self.above else self.window,), math.inf)
        return {**counts, "changed": torch.zeros((), dtype=torch.bool), "norms": norms}

    def threshold(self, memory: State) -> Tensor:
        """The largest norm of a gradient that is applied as it is."""
        norms = memory["norms"]
        if self.above is not None:
            return norms.new_full((), self.above * (self.dims if self.per_dim else 1))
        return self.factor * norms.sort().values[min(len(norms) - 1, int(self.quantile * len(norms)))]

    def judge(self, memory: State, norm: Tensor, loss: Tensor, clip: float | None) -> Decision:
        """Whether to apply gradients of this norm, which were clipped to `clip`. The memory is changed in place."""
        threshold, finite = self.threshold(memory), norm.isfinite() & loss.isfinite()
        too_large = finite & (norm > threshold)
        large = torch.where(too_large, memory["large"] + 1, torch.where(finite, 0, memory["large"]))
        yielded = too_large & (large > self.patience)
        applied = finite & (~too_large | yielded)
        endured = memory["broken"].clamp(max=ENDURED) // ENDURED * ENDURED
        memory["broken"].copy_(torch.where(finite, endured, memory["broken"] + 1))
        memory["large"].copy_(large)
        memory["applied"].add_(applied)
        memory["changed"].copy_(applied)
        place = memory["seen"] % len(memory["norms"])
        here = (torch.arange(len(memory["norms"]), device=norm.device) == place) & finite
        memory["norms"].copy_(torch.where(here, norm, memory["norms"]))
        memory["seen"].add_(finite)
        left = norm if clip is None else norm.clamp(max=clip)
        scale = torch.where(yielded, (threshold / left).clamp(max=1.0), torch.ones_like(norm))
        told = {"skipped": ~applied, "skipped/large": too_large & ~yielded, NOT_FINITE: ~finite}
        return Decision(applied, scale, {name: value.float() for name, value in (told | {"yielded": yielded}).items()})

    def keep(self, model: nn.Module) -> None:
        """Remember the model's buffers, which a forward pass may change, at addresses that stay."""
        for name, buffer in model.named_buffers():
            if name in self.kept:
                self.kept[name].copy_(buffer)
            else:
                self.kept[name] = buffer.clone()

    def give_back(self, model: nn.Module, applied: Tensor) -> None:
        """Undo what a skipped step did to the buffers."""
        for name, buffer in model.named_buffers():
            buffer.copy_(torch.where(applied, buffer, self.kept[name]))


def step_if(optimizer: Optimizer, decision: Decision) -> None:
    """Step the optimiser if the update is applied: decided on the device by fused optimisers, and nothing waits."""
    own: Optimizer = getattr(optimizer, "optimizer", optimizer)  # inside Fabric's wrapper
    if decision.applied.device.type == "cpu" or not all(group.get("fused") for group in own.param_groups):
        if decision.applied:
            if decision.scale < 1:
                _scale(own, decision.scale)
            optimizer.step()
    else:
        _step_on_device(optimizer, own, decision)


def _step_on_device(optimizer: Optimizer, own: Optimizer, decision: Decision) -> None:
    own.found_inf, own.grad_scale = (~decision.applied).float(), 1 / decision.scale  # pyright: ignore[reportAttributeAccessIssue]
    try:
        optimizer.step()
    finally:
        del own.found_inf, own.grad_scale  # pyright: ignore[reportAttributeAccessIssue]


def _scale(optimizer: Optimizer, scale: Tensor) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.mul_(scale)
