"""The order in which images are trained on and evaluated, without worker processes.

Training reads an endless stream: a seeded permutation of all images, then another, and so on. Batch k is the k-th slice
of that stream, across the borders of epochs: none is dropped or repeated within an epoch, and batch k depends on the
seed and k alone, so a resumed run continues in mid-epoch with the batches that an uninterrupted one would have seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.augment import Augmentation
from kelbo.data.images import Images
from kelbo.seeds import generator

DEVICE_BUDGET = 4 * 2**30
"""Images of up to this many bytes (4 GiB) are held completely on the training device."""


class Batches:
    """Endless batches of uint8 levels (B / world, *event), with what is given of them, on `device`, in a seeded order.

    batch_size: images per batch over all processes; process `rank` of `world` gets its slice of each. budget: images of
    more bytes than this stay on their device, and each batch is moved (through pinned memory to a CUDA device). augment: what
    is done to the images of each batch, on `device`, by the seed and the batch's number. Raises ValueError if batch_size is
    not a positive multiple of world, or rank is not 0 … world-1.
    """

    def __init__(
        self,
        images: Images,
        batch_size: int,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        budget: int = DEVICE_BUDGET,
        augment: Augmentation | None = None,
    ) -> None:
        _check_rank(rank, world)
        if batch_size < 1 or batch_size % world:
            raise ValueError(f"batch_size must be a positive multiple of the {world} processes; got {batch_size}.")
        self.images = images.to(device) if images.nbytes <= budget else images
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.rank, self.world, self.augment = rank, world, augment
        self._order_of: tuple[int, Tensor] | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self.at(0)

    def at(self, step: int) -> Iterator[Batch]:
        """The batches from number `step` on. Seeking costs one permutation, however large the step."""
        if step < 0:
            raise ValueError(f"step must be 0 or more; got {step}.")
        return map(self._batch, itertools.count(step))

    def _batch(self, step: int) -> Batch:
        batch = batch_at(self.images, self.index(step), self.device)
        if self.augment is None:
            return batch
        first = self.rank * len(batch.x)
        return batch._replace(x=self.augment(batch.x, self.seed, step, self.batch_size, first))

    def index(self, step: int) -> Tensor:
        """Which images this process's part of batch `step` holds: int64 (B / world,), on the images' device."""
        lacking = self.batch_size // self.world
        position, parts = step * self.batch_size + self.rank * lacking, []
        while lacking:
            epoch, offset = divmod(position, len(self.images))
            part = self._order(epoch)[offset : offset + lacking]
            parts.append(part)
            position, lacking = position + len(part), lacking - len(part)
        return torch.cat(parts)

    def _order(self, epoch: int) -> Tensor:
        """The epoch's permutation, drawn on the CPU so that every device gets the same, and kept until the next epoch."""
        if self._order_of is None or self._order_of[0] != epoch:
            order = torch.randperm(len(self.images), generator=generator(self.seed, "order", epoch))
            self._order_of = epoch, order.to(self.images.device)
        return self._order_of[1]


def passes(images: Images, batch_size: int, device: torch.device, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Each example once, in order, as uint8 levels (B, *event) on `device`; the last batch may be shorter.

    Process `rank` of `world` gets the batches of its `share`. Raises ValueError if batch_size is below 1, or rank is
    not 0 … world-1.
    """
    mine = share(len(images), batch_size, rank, world)
    slices = (torch.arange(first, min(first + batch_size, mine.stop)) for first in mine[::batch_size])
    return (batch_at(images, index.to(images.device), device) for index in slices)


def batch_at(images: Images, index: Tensor, device: torch.device) -> Batch:
    """The examples at `index` (int64, on the images' device) and what is given of them, as levels on `device`."""
    return Batch(_moved(images.take(index), device), given_at(images, index, device))


def given_at(images: Images, index: Tensor, device: torch.device) -> dict[str, Tensor]:
    """What is given of the examples at `index` (int64, on the images' device), on `device`; {} if nothing."""
    return {name: _moved(value, device) for name, value in images.given_at(index).items()}


def share(count: int, batch_size: int, rank: int, world: int) -> range:
    """Which of `count` images process `rank` of `world` evaluates: consecutive ones, in complete batches.

    So the batches equal those of a single process, and numbers computed from them agree to the last bit. The shares differ
    by at most one batch (and are empty if there are more processes than batches); together, in order, they are the
    whole set. Raises ValueError as `passes` does.
    """
    _check_rank(rank, world)
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more; got {batch_size}.")
    batches = -(-count // batch_size)
    start, stop = (batches * edge // world * batch_size for edge in (rank, rank + 1))
    return range(min(start, count), min(stop, count))


def _check_rank(rank: int, world: int) -> None:
    if not 0 <= rank < world:
        raise ValueError(f"rank must be 0 to {world - 1} of {world} processes; got {rank}.")


def _moved(batch: Tensor, device: torch.device) -> Tensor:
    if batch.device.type == "cpu" and device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)
