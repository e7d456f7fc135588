"""One seed per purpose, so that changing how one part draws never disturbs another.

Purposes in use: "init" (weights), "order" (of the data), "latents" (training noise), "split" (held-out examples),
"evaluation", "pictures", "features" (networks that images are compared through), "linear" (baselines).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_for(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed, a hash of the run's seed, the purpose and any counters (an epoch, a rank)."""
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """A CPU generator of its own for one purpose."""
    return torch.Generator().manual_seed(seed_for(seed, purpose, *counters))


@contextmanager
def seeded(seed: int, purpose: str, *counters: int) -> Iterator[None]:
    """Draws inside the block come from the purpose's seed, on every device; the generators outside are left as found."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed_for(seed, purpose, *counters))
        yield
