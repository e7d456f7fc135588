"""One bound over several processes, and one gradient."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from kelbo.bound import ABound, AnyBound
from kelbo.distributed.fabric import Fabric


def over_processes(fabric: Fabric, bound: ABound) -> ABound:
    """A process's bound moved so that its means are those of the global batch; gradients stay its own.

    An objective that is a function of mean rate and distortion then has the same value and slopes in every process, and
    the average of their gradients is the gradient of one process with the global batch, for bent objectives (capacity) too.
    """
    if fabric.world_size == 1:
        return bound
    # the reduction writes into its argument, so what it is given must not be used again
    return shifted(bound, torch.as_tensor(fabric.all_reduce(means_of(bound), reduce_op="mean")))


def means_of(bound: AnyBound) -> Tensor:
    """The mean rate of each group, the mean distortion and, if it is there, the mean squared error, without gradient."""
    rate, *others = bound
    return torch.cat([rate.mean(0), *(other.mean().reshape(1) for other in others)]).detach()


def shifted(bound: ABound, means: Tensor) -> ABound:
    """The bound moved so that its means are these; gradients stay its own."""
    (rate, *others), shift = bound, means - means_of(bound)
    groups = rate.shape[1]
    return type(bound)(rate + shift[:groups], *(other + by for other, by in zip(others, shift[groups:], strict=True)))


def reduce_gradients(fabric: Fabric, parameters: Iterable[Tensor]) -> None:
    """Let the parameters' gradients be their means over all processes, by one exchange. Every process must call it.

    For gradients that did not come through `fabric.backward` of a call of the wrapped model, which averages them itself. A
    parameter without a gradient must have none in any process.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if fabric.world_size == 1 or not gradients:
        return
    joined = torch.cat([gradient.flatten() for gradient in gradients])
    means = torch.as_tensor(fabric.all_reduce(joined, reduce_op="mean"))
    for gradient, mean in zip(gradients, means.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
