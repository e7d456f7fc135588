"""The training loop. Logs, averages, checkpoints and pictures are hooks, called after every step with the same things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from kelbo.bound import Bound
from kelbo.distributed.fabric import Fabric
from kelbo.protocols import Objective
from kelbo.training.schedules import Schedule, set_learning_rate
from kelbo.training.state import TrainState
from kelbo.units import intensities

Hook = Callable[[TrainState, Bound, Tensor], None]


def fit(
    fabric: Fabric,
    state: TrainState,
    objective: Objective,
    batches: Iterable[Tensor],
    steps: int,
    schedule: Schedule,
    levels: int = 256,
    clip: float | None = None,
    hooks: Sequence[Hook] = (),
) -> TrainState:
    """Train until `state.step == steps`.

    batches gives uint8 levels (B, C, H, W) on the model's device, beginning with the batch of `state.step`. clip is the
    largest global gradient norm; larger ones are scaled down to it.
    """
    for images in batches:
        if state.step >= steps:
            break
        bound = over_processes(fabric, state.model(intensities(images, levels)))
        state.objective_used = state.objective_state
        loss, state.objective_state = objective(bound, state.objective_used)
        state.optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        if clip is not None:
            fabric.clip_gradients(state.model, state.optimizer, max_norm=clip, error_if_nonfinite=False)
        set_learning_rate(state.optimizer, schedule(state.step))
        state.optimizer.step()
        state.step += 1
        for hook in hooks:
            hook(state, bound, loss)
    return state


def over_processes(fabric: Fabric, bound: Bound) -> Bound:
    """A process's bound moved so that its means are those of the global batch; gradients stay its own.

    An objective that is a function of mean rate and distortion then has the same value and slopes in every process, and
    the average of their gradients is the gradient of one process with the global batch, for bent objectives (capacity) too.
    """
    if fabric.world_size == 1:
        return bound
    means = torch.cat([bound.rate.mean(0), bound.distortion.mean().reshape(1)]).detach()
    shift = torch.as_tensor(fabric.all_reduce(means, reduce_op="mean")) - means
    return Bound(bound.rate + shift[:-1], bound.distortion + shift[-1])


def every(n: int, hook: Hook) -> Hook:
    """Call `hook` after steps n, 2n, 3n, …"""

    def sometimes(state: TrainState, bound: Bound, loss: Tensor) -> None:
        if state.step % n == 0:
            hook(state, bound, loss)

    return sometimes
