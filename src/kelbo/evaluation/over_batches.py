"""A split batch by batch, shared by several processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from kelbo.bound import Batch
from kelbo.data.batches import passes, share
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import place, together
from kelbo.seeds import seeded
from kelbo.shortage import memory_for

Found = TypeVar("Found")


def over_batches(
    of: Callable[[Batch], Found],
    images: Images,
    batch_size: int,
    device: torch.device,
    *,
    seed: int = 0,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> list[Found]:
    """What `of` makes of each batch of levels, in order, the short last batch included.

    Several processes (fabric) share the batches, and each is given all results. Noise is seeded by a batch's number, so they
    are those of one process (to the last bit if each has as many threads). advance is called with the number of examples after
    each batch of this process.
    """
    rank, world = place(fabric)

    def own_part() -> list[Found]:
        first, found = share(len(images), batch_size, rank, world).start // batch_size, []
        for number, batch in enumerate(passes(images, batch_size, device, rank, world), first):
            with seeded(seed, "evaluation", number):
                found.append(of(batch))
            if advance:
                advance(len(batch.x))
        return found

    with memory_for(f"measuring batches of {batch_size:,} examples", "Measure in smaller batches (batch_size)."):
        return [one for own in together(fabric, own_part) for one in own]
