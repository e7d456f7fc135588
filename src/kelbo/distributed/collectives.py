"""Values of all processes as one, for what is computed below an engine: a likelihood's σ of the whole batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """The number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a value over all processes. Every process must call this, and run backward if the value needs a gradient.

    Each process gets the mean over processes of their gradients of that mean. Averaging the processes' parameter gradients, as
    DistributedDataParallel does, then gives the gradient of one process with all the images.
    """
    return value if processes() == 1 else _MeanOverProcesses.apply(value)  # pyright: ignore[reportReturnType]


class _MeanOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ARG004
        return _all_reduced(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return _all_reduced(gradients[0])


def _all_reduced(value: Tensor) -> Tensor:
    total = value.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total / processes()
