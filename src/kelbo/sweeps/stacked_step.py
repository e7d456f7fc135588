"""One step of many lanes as one program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from kelbo.bound import Batch, Bound, ErrorBound
from kelbo.distributed.fabric import Fabric
from kelbo.latents.noise import noise_of_lanes
from kelbo.protocols import reads
from kelbo.seeds import Source
from kelbo.sweeps.stacked_models import Stack
from kelbo.training import LossUpdate, TrainState, Values


@dataclass
class StackedLane:
    """A lane's state, its update, its source of noise, and its `batches`: levels (B, *event), from the state's step on."""

    state: TrainState
    update: LossUpdate
    batches: Iterator[Batch]
    source: Source


class Step:
    """Call it to train every lane for one step; the lanes may be at different steps.

    Networks and likelihoods run as one program over the lanes. Objectives get the lanes' bounds one by one, and each lane has
    its own optimiser over its slices: values that are not finite in one lane do not affect the others. Nothing waits for the
    device.
    """

    def __init__(self, fabric: Fabric, lanes: Sequence[StackedLane], levels: int | None) -> None:
        self.fabric, self.lanes, self.levels = fabric, lanes, levels
        self.stack = Stack([reads(lane.state.network) for lane in lanes])
        self.generators = [lane.source.on(fabric.device) for lane in lanes]

    def __call__(self) -> list[Values]:
        """The scalars of each lane's step."""
        for lane in self.lanes:
            lane.update.begin(lane.state)
        result = self.compute(stacked([next(lane.batches) for lane in self.lanes]))
        for lane in self.lanes:
            lane.state.step += 1
        return result

    def compute(self, batches: Batch) -> list[Values]:
        """The part of a step that runs on the device. batches: of all lanes, levels (L, B, *event)."""
        with self.fabric.autocast(), noise_of_lanes(self.generators):
            asked = {name: True for lane in self.lanes for name in lane.update.asks}
            whole = self.stack(batches.as_intensities(self.levels), asked)
        own = zip(self.lanes, zip(*whole, strict=True), strict=True)
        bounds = [ErrorBound(*parts) if lane.update.asks else Bound(*parts[:2]) for lane, parts in own]
        judged = [lane.update.loss(lane.state, bound) for lane, bound in zip(self.lanes, bounds, strict=True)]
        torch.stack([loss for loss, _ in judged]).sum().backward()
        self.stack.hand_out_gradients()
        values: list[Values] = [
            lane.update.apply(lane.state, bound, loss, memory)
            for lane, bound, (loss, memory) in zip(self.lanes, bounds, judged, strict=True)
        ]
        self.stack.hand_out_gradients()  # there are none now, so this frees their memory
        return values


def stacked(batches: Sequence[Batch]) -> Batch:
    """All lanes' batches as one, (L, B, …)."""
    given = {name: torch.stack([batch.given[name] for batch in batches]) for name in batches[0].given}
    return Batch(torch.stack([batch.x for batch in batches]), given)
