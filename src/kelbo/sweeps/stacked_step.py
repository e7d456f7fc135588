"""One step of many lanes as one program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kelbo.bound import Bound
from kelbo.distributed.fabric import Fabric
from kelbo.latents.noise import noise_of_lanes
from kelbo.protocols import Objective
from kelbo.seeds import Source
from kelbo.sweeps.stacked_models import Stack
from kelbo.training import Schedule, TrainState
from kelbo.training.schedules import set_learning_rate
from kelbo.units import intensities


@dataclass
class StackedLane:
    """What moves in one lane, by what, and its source of noise; `batches` are uint8 (B, C, H, W), from the state's step on."""

    state: TrainState
    objective: Objective
    schedule: Schedule
    batches: Iterator[Tensor]
    source: Source
    clip: float | None = None


class Step:
    """Call it to move every lane by one step; the lanes need not be at the same one.

    Networks and likelihoods run as one program over the lanes. Objectives see one lane's bound after the other, and each lane
    has its own optimiser, over slices: what is not finite in one lane never meets the others. Nothing waits for the device.
    """

    def __init__(self, fabric: Fabric, lanes: Sequence[StackedLane], levels: int) -> None:
        self.fabric, self.lanes, self.levels = fabric, lanes, levels
        self.stack = Stack([lane.state.network for lane in lanes])
        self.generators = [lane.source.on(fabric.device) for lane in lanes]

    def __call__(self) -> list[tuple[Bound, Tensor]]:
        """Each lane's bound and loss, without gradients."""
        for lane in self.lanes:
            set_learning_rate(lane.state.optimizer, lane.schedule(lane.state.step))
        result = self.compute(torch.stack([next(lane.batches) for lane in self.lanes]))
        for lane in self.lanes:
            lane.state.step += 1
        return result

    def compute(self, images: Tensor) -> list[tuple[Bound, Tensor]]:
        """All of a step that happens on the device; images (L, B, C, H, W)."""
        with self.fabric.autocast(), noise_of_lanes(self.generators):
            stacked = self.stack(intensities(images, self.levels))
        bounds = [Bound(*parts) for parts in zip(*stacked, strict=True)]
        judged = [
            lane.objective(bound, lane.state.objective_state) for lane, bound in zip(self.lanes, bounds, strict=True)
        ]
        torch.stack([loss for loss, _ in judged]).sum().backward()
        self.stack.hand_out_gradients()
        for lane, (_, memory) in zip(self.lanes, judged, strict=True):
            if lane.clip is not None:
                self.fabric.clip_gradients(
                    lane.state.model, lane.state.optimizer, max_norm=lane.clip, error_if_nonfinite=False
                )
            lane.state.optimizer.step()
            for name, value in memory.items():  # in place, where a CUDA graph looks for it
                lane.state.objective_used[name].copy_(lane.state.objective_state[name])
                lane.state.objective_state[name].copy_(value)
        self.stack.hand_out_gradients()  # of which there are none now, so their memory is free for the next
        return [
            (Bound(*(part.detach() for part in bound)), loss.detach())
            for bound, (loss, _) in zip(bounds, judged, strict=True)
        ]
