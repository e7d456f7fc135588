"""Learning-rate schedules: pure functions of the step, so a resumed run needs no scheduler's state."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch.optim import Optimizer

Schedule = Callable[[int], float]
"""Step (0 for the first update) to the factor on the optimiser's initial learning rate."""


@dataclass(frozen=True)
class Constant:
    """The initial rate throughout, after a linear rise over `warmup` steps."""

    warmup: int = 0

    def __call__(self, step: int) -> float:
        return _rise(step, self.warmup)


@dataclass(frozen=True)
class Drop:
    """× `factor` once `at` of `steps` are done (the β-VAE study: × 0.2 at 75 %)."""

    steps: int
    at: float = 0.75
    factor: float = 0.2
    warmup: int = 0

    def __call__(self, step: int) -> float:
        return _rise(step, self.warmup) * (self.factor if step >= round(self.at * self.steps) else 1.0)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 to `final` over `steps` (Loshchilov & Hutter, 2017, without restarts)."""

    steps: int
    final: float = 0.0
    warmup: int = 0

    def __call__(self, step: int) -> float:
        progress = min(1.0, step / self.steps)
        return _rise(step, self.warmup) * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress)))


def _rise(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Every parameter group's rate becomes `factor` times its initial one, which is that of the first call if none is told."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
